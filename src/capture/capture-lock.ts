/**
 * Captures of one container by our own processes come one after the other, and never two within a second: the kubelet names
 * archives by the second, and containerd fails the second of two at once or writes it over the first
 * (measured on containerd 2.1.9). A lock is a file that names its holder by PID and start time, so that one left behind by a
 * process that was killed is told from one that is held.
 */
import { createHash, randomUUID } from 'node:crypto';
import { link, lstat, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { type CaptureSubject, formatTarget } from './target.ts';

/** How often a waiting process looks again, in milliseconds. */
const POLL = 100;

/** The kubelet's file names tell seconds apart, no less. */
const SHORTEST_INTERVAL = 1000;

/** How the files of those who wait are named: `claim-PID START UUID`. */
const CLAIM = 'claim-';

export interface CaptureLockOptions {
  /** Where locks lie. Default: a folder of this user's in the system's temporary folder. */
  readonly folder?: string | undefined;
  /** Hears once that another process is capturing this container, with its PID. */
  readonly onWait?: ((pid: number) => void) | undefined;
}

/** Runs `action` while no other process of ours captures this container; waits for one that does. */
export function withCaptureLock<T>(
  target: CaptureSubject,
  action: () => Promise<T>,
  options: CaptureLockOptions = {},
): Promise<T> {
  const name = createHash('sha256').update(formatTarget(target)).digest('hex');
  const whole = async (): Promise<T> => {
    const earliestEnd = Date.now() + SHORTEST_INTERVAL;
    try {
      return await action();
    } finally {
      await sleep(Math.max(0, earliestEnd - Date.now()));
    }
  };
  return withLock(`capture-${name}`, whole, options);
}

/** Runs `action` while no other process of this user holds the lock of that name; waits for one that does. */
export async function withLock<T>(
  name: string,
  action: () => Promise<T>,
  options: CaptureLockOptions = {},
): Promise<T> {
  const folder = options.folder ?? (await ownFolder());
  const path = join(folder, name);
  await take(path, folder, options);
  try {
    return await action();
  } finally {
    await rm(path, { force: true });
  }
}

async function take(path: string, folder: string, { onWait }: CaptureLockOptions): Promise<void> {
  await clearClaims(folder);
  const holder = `${process.pid} ${await startOf(process.pid)}`;
  const claim = join(folder, `${CLAIM}${holder} ${randomUUID()}`);
  await writeFile(claim, holder, { mode: 0o600, flag: 'wx' });
  try {
    for (let told = false; ; told = true) {
      if (await isFirst(claim, path)) return;
      const other = await holderOf(path);
      if (other === undefined) await clear(path, folder);
      else if (!told) onWait?.(other);
      await sleep(POLL);
    }
  } finally {
    await rm(claim, { force: true });
  }
}

/** Removes what processes left that were killed while they waited. The name tells whose it is: the content may not be written yet. */
async function clearClaims(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(CLAIM) || (await runningPid(name.slice(CLAIM.length))) !== undefined) continue;
    await rm(join(folder, name), { force: true });
  }
}

/** A link to a file that is whole already: the lock is never seen without its holder's name. */
async function isFirst(claim: string, path: string): Promise<boolean> {
  try {
    await link(claim, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes a lock that nobody holds; one that somebody took in the meantime is put back. */
async function clear(path: string, folder: string): Promise<void> {
  const aside = join(folder, randomUUID());
  if (
    !(await rename(path, aside).then(
      () => true,
      () => false,
    ))
  )
    return;
  if ((await holderOf(aside)) !== undefined) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

/** The PID of the process that holds a lock; undefined when that process has ended, or the lock is gone. */
async function holderOf(path: string): Promise<number | undefined> {
  return runningPid(await readFile(path, 'utf8').catch(() => ''));
}

/** The PID in `PID START …`, while that process runs. */
async function runningPid(text: string): Promise<number | undefined> {
  const [pid = '', start] = text.split(' ');
  return /^\d+$/.test(pid) && (await startOf(Number(pid))) === start ? Number(pid) : undefined;
}

/** When a process started, in the kernel's ticks (field 22 of proc_pid_stat(5)); elsewhere only whether it is there. */
export async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat !== undefined) return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  try {
    process.kill(pid, 0);
    return 'running';
  } catch {
    return 'ended';
  }
}

/** In a folder that others can write to, a folder of that name may be somebody's trap. */
async function ownFolder(): Promise<string> {
  const user = process.getuid?.() ?? 0;
  const folder = join(tmpdir(), `exhibit-${user}`);
  await mkdir(folder, { mode: 0o700, recursive: true });
  const found = await lstat(folder);
  const isOurs = process.getuid === undefined || (found.uid === user && (found.mode & 0o022) === 0);
  if (isOurs && found.isDirectory()) return folder;
  throw new ExhibitError('BAD_LOCK_FOLDER', `${folder} belongs to somebody else; remove it, or set TMPDIR`, {
    source: folder,
  });
}
