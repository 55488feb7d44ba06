/** The processes of a container on this node, found by their control groups alone: no runtime is asked. */
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { isMember } from '../preflight/process-look.ts';
import { firstProcessFirst } from './freeze/container-members.ts';
import { readNumbers, readText } from './look/proc-reader.ts';

/** The container's processes as the node counts, its first one first, the others in ascending order. */
export function findMembers(id: string, proc = '/proc'): readonly number[] {
  const pids = (readNumbers(proc) ?? []).filter((pid) =>
    isMember(readText(`${proc}/${pid}/cgroup`) ?? '', id),
  );
  return firstProcessFirst(pids, path.dirname(proc));
}

/**
 * Processes that have ended and that nobody waited for: they have left the control group (version 1 tells the root's of them),
 * so that only their parents tell where they belong. In `stat`, the parent's number follows the state (proc_pid_stat(5)).
 */
export function findZombies(pids: readonly number[], proc = '/proc'): readonly number[] {
  const known = new Set(pids);
  return (readNumbers(proc) ?? []).filter((pid) => {
    if (known.has(pid)) return false;
    const parent = /^\d+ \(.*\) Z (\d+) /s.exec(readText(`${proc}/${pid}/stat`) ?? '')?.[1];
    return parent !== undefined && known.has(Number(parent));
  });
}

/** 64 digits of the runtime in a control group's path: `/kubepods/…/ID`, `cri-containerd-ID.scope`. */
const CONTAINER_ID = /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g;

/** The id of the container that a process belongs to. Throws `NO_SUCH_PROCESS`, or `BAD_TARGET` where it is in none. */
export function containerOf(pid: number, proc = '/proc'): string {
  const groups = readText(`${proc}/${pid}/cgroup`);
  if (groups === undefined)
    throw new ExhibitError('NO_SUCH_PROCESS', `there is no process ${pid} on this machine`);
  // A container in a container: the innermost is the one that the process is in.
  const id = groups.match(CONTAINER_ID)?.at(-1);
  if (id !== undefined && isMember(groups, id)) return id;
  throw new ExhibitError('BAD_TARGET', `process ${pid} is in no container: its control groups name none`);
}

/** The whole id of the container that runs here and whose id begins so. Throws `CONTAINER_NOT_FOUND`, `CONTAINER_CHOICE`. */
export function completeId(start: string, proc = '/proc'): string {
  const groups = (readNumbers(proc) ?? []).map((pid) => readText(`${proc}/${pid}/cgroup`) ?? '');
  const ids = new Set(
    groups.flatMap((text) => text.match(CONTAINER_ID) ?? []).filter((id) => id.startsWith(start)),
  );
  const [id] = ids;
  if (id === undefined)
    throw new ExhibitError(
      'CONTAINER_NOT_FOUND',
      `no container that runs on this machine has the id ${start}`,
    );
  if (ids.size === 1) return id;
  throw new ExhibitError('CONTAINER_CHOICE', `${ids.size} containers have ids that begin with ${start}:`, {
    help: [...ids],
  });
}

/** Throws `MEMORY_UNREADABLE` where this user, or this kernel, keeps the memory of a process from being read. */
export function ensureReadable(pid: number, proc = '/proc'): void {
  for (const name of ['pagemap', 'mem', 'maps']) {
    const file = `${proc}/${pid}/${name}`;
    try {
      closeSync(openSync(file, 'r'));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT' && readText(`${proc}/${pid}/stat`) === undefined)
        return;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ExhibitError(
        'MEMORY_UNREADABLE',
        `the memory of process ${pid} cannot be read: ${why}. It takes root with CAP_SYS_PTRACE, and a kernel with /proc/PID/pagemap`,
        { source: file, cause },
      );
    }
  }
}
