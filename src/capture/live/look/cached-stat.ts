/**
 * What the kernel knows of a file without asking whoever serves it: a file system in user space (FUSE) may be served by a
 * process of the container, which stands still and answers nobody. statx(2) with AT_STATX_DONT_SYNC gives what was known last.
 * Facts: struct statx of include/uapi/linux/stat.h, fuse_update_get_attr of fs/fuse/dir.c.
 */
import { type CLibrary, loadCLibrary } from './c-library.ts';
import type { GatheredStat } from './gathered.ts';

/** Undefined for what is not there. */
export type StatOf = (file: string) => GatheredStat | undefined;

const AT_FDCWD = -100;
const AT_STATX_DONT_SYNC = 0x4000;
const STATX_BASIC_STATS = 0x7ff;
const STRUCT_BYTES = 256;

/** Undefined where koffi is not installed. */
export function openCachedStat(library: CLibrary | undefined = loadCLibrary()): StatOf | undefined {
  if (library === undefined) return undefined;
  const statx = library.function('int statx(int, const char *, int, unsigned int, void *)');
  const answer = Buffer.alloc(STRUCT_BYTES);
  return (file) => {
    if (statx(AT_FDCWD, file, AT_STATX_DONT_SYNC, STATX_BASIC_STATS, answer) !== 0) return undefined;
    return {
      dev: deviceAt(answer, 136),
      ino: answer.readBigUInt64LE(32),
      mode: answer.readUInt16LE(28),
      rdev: deviceAt(answer, 128),
      size: answer.readBigUInt64LE(40),
      links: answer.readUInt32LE(16),
      uid: answer.readUInt32LE(20),
      gid: answer.readUInt32LE(24),
    };
  };
}

/** Two words, as stat(2) would have them in one (the C library's gnu_dev_makedev). */
function deviceAt(answer: Buffer, at: number): bigint {
  const [major, minor] = [BigInt(answer.readUInt32LE(at)), BigInt(answer.readUInt32LE(at + 4))];
  return ((major & 0xfffn) << 8n) | ((major & ~0xfffn) << 32n) | (minor & 0xffn) | ((minor & ~0xffn) << 12n);
}
