/** Threads in a sleep that nothing interrupts, which is what keeps a control group from standing still. */
import path from 'node:path';
import { readNumbers, readText } from '../look/proc-reader.ts';

export interface SleepingThread {
  readonly pid: number;
  readonly tid: number;
  /** The container's own word: any bytes. */
  readonly name: string;
  /** The kernel function that it waits in. */
  readonly wchan: string;
}

/** A message names so many. */
const MAX_THREADS = 8;

/**
 * The first threads of these processes in state D (proc_pid_stat(5)). To be asked of a group that runs: in version 1 of
 * control groups, what is frozen is in state D as well, in the function that it slept in (measured on 6.18).
 */
export function sleepingThreads(pids: readonly number[], root = '/'): readonly SleepingThread[] {
  const found: SleepingThread[] = [];
  for (const pid of pids) {
    const folder = path.join(root, 'proc', `${pid}`, 'task');
    for (const tid of readNumbers(folder) ?? []) {
      const stat = readText(path.join(folder, `${tid}`, 'stat')) ?? '';
      const [, name = '', state] = /^\d+ \((.*)\) (\w)/s.exec(stat) ?? [];
      if (state !== 'D') continue;
      found.push({ pid, tid, name, wchan: readText(path.join(folder, `${tid}`, 'wchan')) ?? '' });
      if (found.length === MAX_THREADS) return found;
    }
  }
  return found;
}
