import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MILLISECONDS = 20;

interface Peak {
  /** Highest resident memory (VmHWM), in bytes. */
  readonly whole: number;
  /** Without pages of files (RssAnon), in bytes. */
  readonly own: number;
}

/**
 * What a process and all its descendants take of memory until `finished`, at most, in bytes: the largest one's peak, and of
 * the others what is theirs alone, since all of them map the same program.
 */
export async function peakMemory(pid: number, finished: Promise<unknown>): Promise<number> {
  let isRunning = true;
  const end = finished.finally(() => {
    isRunning = false;
  });
  const peaks = new Map<number, Peak>();
  while (isRunning) {
    lookAt(pid, peaks);
    await Promise.race([end, sleep(POLL_MILLISECONDS)]);
  }
  const [largest, ...others] = [...peaks.values()].sort((a, b) => b.whole - a.whole);
  return others.reduce((sum, { own }) => sum + own, largest?.whole ?? 0);
}

function lookAt(pid: number, peaks: Map<number, Peak>): void {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const bytesOf = (name: string): number =>
      1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0);
    const own = Math.max(bytesOf('RssAnon'), peaks.get(pid)?.own ?? 0);
    peaks.set(pid, { whole: bytesOf('VmHWM'), own });
    for (const tid of readdirSync(`/proc/${pid}/task`)) {
      const children = readFileSync(`/proc/${pid}/task/${tid}/children`, 'utf8').split(' ');
      for (const child of children.filter(Boolean)) lookAt(Number(child), peaks);
    }
  } catch {
    // It has ended.
  }
}
