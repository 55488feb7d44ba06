/** Which of a process's files may be looked at by stat(2), which asks whoever serves the file system, and which may not. */
import { openCachedStat, type StatOf } from './cached-stat.ts';
import { readStat } from './proc-reader.ts';

/** ID, …, and behind a dash the type (proc_pid_mountinfo(5)). */
const MOUNT = /^(\d{1,10}) .*? - (\S+) /gm;
/** FUSE: the program that serves it may be one of the container. */
const SERVED_BY_PROGRAM = /^fuse(?:blk|\.|$)/;

export class FileLook {
  readonly #cached: StatOf | undefined = openCachedStat();
  readonly #mounts = new Map<bigint, Mounts>();

  /** The mounts of a process: of one mount namespace they are read once. */
  mountsOf(namespace: bigint | undefined, mountinfo: string | undefined): Mounts {
    const key = namespace ?? 0n;
    const known = this.#mounts.get(key) ?? new Mounts(mountinfo ?? '');
    this.#mounts.set(key, known);
    return known;
  }

  /** For a file that is open, `info` its fdinfo. */
  ofDescriptor(mounts: Mounts, link: string, info: string): StatOf {
    // Pipes, sockets and the like have no path, and are the kernel's own.
    if (!link.startsWith('/')) return readStat;
    const kind = mounts.kindOf(Number(/^mnt_id:\s*(\d{1,10})$/m.exec(info)?.[1]));
    if (kind === 'kernel') return readStat;
    // Of a mount that was taken away, or is another namespace's, nobody says of which type it is.
    return this.#cached ?? (kind === 'program' ? notLookedAt : readStat);
  }

  /** For an executable or a folder, of which nothing says which mount it is of. */
  ofOther(mounts: Mounts): StatOf {
    return this.#cached ?? (mounts.hasServed ? notLookedAt : readStat);
  }
}

const notLookedAt: StatOf = () => undefined;

export class Mounts {
  readonly #isServed: ReadonlyMap<number, boolean>;

  constructor(mountinfo: string) {
    const lines = [...mountinfo.matchAll(MOUNT)];
    this.#isServed = new Map(lines.map(([, id, type = '']) => [Number(id), SERVED_BY_PROGRAM.test(type)]));
  }

  get hasServed(): boolean {
    return [...this.#isServed.values()].includes(true);
  }

  kindOf(id: number): 'kernel' | 'program' | 'unknown' {
    const isServed = this.#isServed.get(id);
    if (isServed === undefined) return 'unknown';
    return isServed ? 'program' : 'kernel';
  }
}
