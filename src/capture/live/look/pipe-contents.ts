/**
 * Bytes that wait in pipes and FIFOs: tee(2) copies them into a pipe of one's own and takes nothing out. Asked with borrowed
 * descriptors of their reading ends. Source: pipe(7), tee(2), ioctl_tty(2).
 */
import { closeSync, readSync } from 'node:fs';
import type { BorrowDescriptor } from './borrowed-descriptor.ts';
import type { CLibrary } from './c-library.ts';
import type { GatheredDescriptor, GatheredProcess } from './gathered.ts';

export interface PipeContent {
  /** Its inode number. */
  readonly inode: bigint;
  readonly isFifo: boolean;
  /** Bytes that it may hold. */
  readonly capacity: number;
  readonly bytes: Uint8Array;
}

export interface PipeLook {
  readonly pipes: readonly PipeContent[];
  readonly gaps: readonly string[];
}

/** At some 20 microseconds each while the container stands still, more where something waits. */
const MAX_PIPES = 4096;
/** Of all of them, in memory while the container stands still; one has 64 KiB by default. */
const MAX_BYTES = 16 * 1024 * 1024;

const F_SETPIPE_SZ = 1031;
const F_GETPIPE_SZ = 1032;
const FIONREAD = 0x541b;
const SPLICE_F_NONBLOCK = 2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const O_ACCMODE = 0o3;
const O_WRONLY = 0o1;
const O_PATH = 0o10000000;
const S_IFMT = 0o170000;
const S_IFIFO = 0o010000;

export function readPipeContents(
  library: CLibrary,
  borrow: BorrowDescriptor,
  processes: readonly GatheredProcess[],
): PipeLook {
  const copy = pipeCopier(library);
  const pipes: PipeContent[] = [];
  const seen = new Set<string>();
  let left = MAX_BYTES;
  let unread = 0;
  for (const { pid, descriptors } of processes) {
    for (const descriptor of descriptors.filter(isReadingEnd)) {
      const { fd, link, stat } = descriptor;
      const key = `${stat?.dev}:${stat?.ino}`;
      if (seen.has(key)) continue;
      seen.add(key);
      const found = seen.size > MAX_PIPES ? undefined : borrow(pid, fd, (own) => copy(own, left));
      if (found?.bytes === undefined) unread += 1;
      else {
        pipes.push({ ...found, inode: stat?.ino ?? 0n, isFifo: !link.startsWith('pipe:') });
        left -= found.bytes.length;
      }
    }
  }
  const gaps = unread === 0 ? [] : [`what waits in ${unread} pipes could not be read`];
  return { pipes, gaps };
}

function isReadingEnd({ stat, info }: GatheredDescriptor): boolean {
  const flags = Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(info)?.[1] ?? '1', 8);
  const isPipe = ((stat?.mode ?? 0) & S_IFMT) === S_IFIFO;
  return isPipe && (flags & O_PATH) === 0 && (flags & O_ACCMODE) !== O_WRONLY;
}

type Copied = Pick<PipeContent, 'capacity' | 'bytes'>;

function pipeCopier(
  library: CLibrary,
): (own: number, limit: number) => Copied | { readonly bytes: undefined } {
  const fcntl = library.function('int fcntl(int, int, int)');
  const ioctl = library.function('int ioctl(int, unsigned long, void *)');
  const pipe2 = library.function('int pipe2(void *, int)');
  const tee = library.function('intptr_t tee(int, int, size_t, unsigned int)');
  const count = new Int32Array(1);
  const ends = new Int32Array(2);
  return (own, limit) => {
    const capacity = Math.max(0, Number(fcntl(own, F_GETPIPE_SZ, 0)));
    if (Number(ioctl(own, FIONREAD, new Uint8Array(count.buffer))) !== 0) return { bytes: undefined };
    const [waiting = 0] = count;
    if (waiting <= 0) return { capacity, bytes: new Uint8Array() };
    if (waiting > limit || Number(pipe2(new Uint8Array(ends.buffer), O_NONBLOCK | O_CLOEXEC)) !== 0)
      return { bytes: undefined };
    const [from = -1, into = -1] = ends;
    try {
      fcntl(into, F_SETPIPE_SZ, capacity);
      const copied = Number(tee(own, into, waiting, SPLICE_F_NONBLOCK));
      return copied === waiting ? { capacity, bytes: drain(from, copied) } : { bytes: undefined };
    } finally {
      closeSync(from);
      closeSync(into);
    }
  };
}

/** What is in there already: nothing is waited for. */
function drain(from: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const read = readSync(from, bytes, at, length - at, null);
    if (read === 0) return bytes.subarray(0, at);
    at += read;
  }
  return bytes;
}
