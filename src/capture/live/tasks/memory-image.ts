/**
 * mm-PID.img: the places of program, stack and arguments, and the mappings with the bits that CRIU gives them.
 * Facts: CRIU 4.2, criu/proc_parse.c (what it makes of a line of smaps), criu/include/image.h (VMA_* bits); recorded
 * images beside /proc/PID/smaps of the same process.
 */
import type { MmEntry, VmaEntry } from '../../../criu/schemas/memory.ts';
import type { GatheredProcess } from '../look/gathered.ts';
import type { Mapping } from '../proc/mappings.ts';
import { type Stat, StatField } from '../proc/stat.ts';
import type { Status } from '../proc/status.ts';
import { readWords64 } from './register-words.ts';

const STATUS = {
  regular: 1 << 0,
  vsyscall: 1 << 2,
  vdso: 1 << 3,
  heap: 1 << 5,
  filePrivate: 1 << 6,
  fileShared: 1 << 7,
  anonymousShared: 1 << 8,
  anonymousPrivate: 1 << 9,
  sysvIpc: 1 << 10,
  socket: 1 << 11,
  vvar: 1 << 12,
  aioRing: 1 << 13,
  memfd: 1 << 14,
} as const;

const PROT = { read: 1, write: 2, execute: 4 } as const;
/** MAP_* of mmap(2). */
const MAP = { shared: 1, private: 2, anonymous: 0x20 } as const;
const O_RDWR = 2;

/** Words of VmFlags that are MAP_* bits, and those that are advice of madvise(2), by its number. */
const MAP_WORDS = { gd: 0x100, lo: 0x2000, nr: 0x4000, ht: 0x40000 } as const;
const ADVICE_WORDS = { rr: 1, sr: 2, dc: 10, mg: 12, hg: 14, nh: 15, dd: 16, wf: 18 } as const;

/** Shared anonymous memory is a memfd to CRIU, System V segments are not. */
const MEMFD = /^\/(?:memfd:|dev\/zero \(deleted\)$)/;

/** A System V segment that is no file of files.img; its inode is its id. */
const SEGMENT = /^\/SYSV[0-9a-f]{8} \(deleted\)$/;
const SEGMENT_STATUS = STATUS.regular | STATUS.anonymousShared | STATUS.sysvIpc;

/** The kernel's names of mappings of its own. */
const KERNEL_STATUS: Readonly<Record<string, number>> = {
  '[vdso]': STATUS.regular | STATUS.vdso | STATUS.anonymousPrivate,
  '[vvar]': STATUS.regular | STATUS.vvar | STATUS.anonymousPrivate,
  '[vvar_vclock]': STATUS.regular | STATUS.vvar | STATUS.anonymousPrivate,
  '[vsyscall]': STATUS.vsyscall | STATUS.anonymousPrivate,
  '[heap]': STATUS.regular | STATUS.heap | STATUS.anonymousPrivate,
  '/[aio] (deleted)': STATUS.regular | STATUS.aioRing | STATUS.anonymousPrivate,
};

/** `fileOf` gives the id in files.img of the mapping that starts at an address, `executable` that of the program. */
export function memoryMessage(
  { auxv }: Pick<GatheredProcess, 'auxv'>,
  stat: Stat,
  status: Status,
  mappings: readonly Mapping[],
  executable: number | undefined,
  fileOf: (start: bigint) => number | undefined,
): MmEntry {
  const at = (field: number): bigint => BigInt.asUintN(64, stat.number(field));
  const startBrk = at(StatField.startBrk);
  const hugePages = status.get('THP_enabled');
  return {
    mm_start_code: at(StatField.startCode),
    mm_end_code: at(StatField.endCode),
    mm_start_data: at(StatField.startData),
    mm_end_data: at(StatField.endData),
    mm_start_stack: at(StatField.startStack),
    mm_start_brk: startBrk,
    // The kernel does not tell where the heap ends; a mapping of that name ends there, rounded up to a page.
    mm_brk: mappings.findLast(({ path }) => path === '[heap]')?.end ?? startBrk,
    mm_arg_start: at(StatField.argStart),
    mm_arg_end: at(StatField.argEnd),
    mm_env_start: at(StatField.envStart),
    mm_env_end: at(StatField.envEnd),
    exe_file_id: executable ?? 0,
    mm_saved_auxv: auxiliaryVector(auxv),
    vmas: mappings.map((mapping) => vmaOf(mapping, fileOf(mapping.start))),
    aios: [],
    thp_disabled: hugePages === undefined ? undefined : hugePages === '0',
  };
}

/** Without the AT_NULL at its end, as by CRIU. */
function auxiliaryVector(auxv: Uint8Array): readonly bigint[] {
  const words = readWords64(auxv, 0, Math.floor(auxv.length / 16) * 2);
  const end = words.findIndex((word, index) => index % 2 === 0 && word === 0n);
  return end === -1 ? words : words.slice(0, end);
}

function vmaOf(mapping: Mapping, file: number | undefined): VmaEntry {
  const isSegment = file === undefined && mapping.shared && SEGMENT.test(mapping.path);
  const isFile = !isSegment && (file !== undefined || isSpecialFile(mapping));
  const hasOffset = isFile || isSegment;
  const advice = adviceOf(mapping);
  return {
    start: mapping.start,
    end: mapping.end,
    pgoff: hasOffset ? mapping.offset : 0n,
    shmid: isSegment ? mapping.inode : BigInt(file ?? 0),
    prot: protectionOf(mapping),
    flags: flagsOf(mapping, isFile),
    status: isSegment ? SEGMENT_STATUS : statusOf(mapping, isFile),
    fd: -1n,
    madv: advice === 0n ? undefined : advice,
    fdflags: hasOffset ? (mapping.shared && mapping.writable ? O_RDWR : 0) : undefined,
  };
}

/** Mapped files without a path: rings of io_uring, sockets, buffers of devices. */
const isSpecialFile = ({ inode, path }: Mapping): boolean => inode !== 0n && !path.startsWith('/[aio]');

const protectionOf = ({ readable, writable, executable }: Mapping): number =>
  (readable ? PROT.read : 0) | (writable ? PROT.write : 0) | (executable ? PROT.execute : 0);

function flagsOf({ shared, flags }: Mapping, isFile: boolean): number {
  const words = Object.entries(MAP_WORDS).filter(([word]) => flags.has(word));
  const others = words.reduce((sum, [, bit]) => sum | bit, 0);
  return (shared ? MAP.shared : MAP.private) | (isFile ? 0 : MAP.anonymous) | others;
}

function statusOf({ path, shared }: Mapping, isFile: boolean): number {
  const own = KERNEL_STATUS[path];
  if (own !== undefined) return own;
  if (path.startsWith('socket:')) return STATUS.regular | STATUS.socket;
  if (!isFile) return STATUS.regular | (shared ? STATUS.anonymousShared : STATUS.anonymousPrivate);
  const memfd = MEMFD.test(path) ? STATUS.memfd : 0;
  return STATUS.regular | memfd | (shared ? STATUS.fileShared : STATUS.filePrivate);
}

/** A set of bits, as CRIU keeps it. */
function adviceOf({ flags }: Mapping): bigint {
  const words = Object.entries(ADVICE_WORDS).filter(([word]) => flags.has(word));
  return words.reduce((sum, [, advice]) => sum | (1n << BigInt(advice)), 0n);
}
