/**
 * VMAs as CRIU records them: one vma_entry for each line of /proc/PID/maps. `status` holds CRIU's own bits about what a
 * mapping is, `flags` the MAP_* bits of mmap(2), `prot` the PROT_* bits.
 * Facts: CRIU 4.2, criu/include/image.h (VMA_* bits); recorded images beside /proc/PID/maps of the same process.
 */
import type { MmEntry, VmaEntry } from '../criu/schemas/memory.ts';
import type { MappedFile, RegionKind } from './address-space.ts';
import { type FileTable, isKernelSharedMemory, procPath } from './file-table.ts';
import { type SharedMemory, sysvName } from './shared-memory.ts';

const STATUS = {
  vsyscall: 1 << 2,
  vdso: 1 << 3,
  filePrivate: 1 << 6,
  fileShared: 1 << 7,
  anonymousShared: 1 << 8,
  sysvIpc: 1 << 10,
  socket: 1 << 11,
  vvar: 1 << 12,
  aioRing: 1 << 13,
  memfd: 1 << 14,
  guard: 1 << 16,
} as const;

const MAP_SHARED = 1;
const PROT = { read: 1, write: 2, execute: 4 } as const;

const has = (vma: VmaEntry, bit: keyof typeof STATUS): boolean => (vma.status & STATUS[bit]) !== 0;

/**
 * A guard that was put into a mapping (MADV_GUARD_INSTALL, as glibc 2.42 does below each thread's stack). CRIU 4.2 lists it
 * as a VMA of its own behind all others, over the one that it lies in; /proc/PID/maps does not have it.
 */
export const isGuard = (vma: VmaEntry): boolean => has(vma, 'guard');

/** As /proc/PID/maps shows them: `r-xp`. */
export function permissionsOf({ prot, flags }: VmaEntry): string {
  const bits = [prot & PROT.read && 'r', prot & PROT.write && 'w', prot & PROT.execute && 'x'];
  return bits.map((letter) => letter || '-').join('') + (flags & MAP_SHARED ? 's' : 'p');
}

export const isFileMapping = (vma: VmaEntry): boolean => has(vma, 'filePrivate') || has(vma, 'fileShared');

/**
 * N of the pagemap-shmem-N.img that holds a mapping's shared memory; undefined for other mappings. memfds are files to
 * CRIU, and so is anonymous shared memory, though without the bit that marks a memfd; System V segments are not.
 */
export function sharedMemoryId(vma: VmaEntry, files: FileTable): number | undefined {
  const id = Number(vma.shmid);
  if (!isFileMapping(vma)) return has(vma, 'anonymousShared') ? id : undefined;
  const open = files.get(id);
  return open && files.memfdOf(open.file)?.shmid;
}

export function kindOf(vma: VmaEntry, mm: MmEntry, files: FileTable): RegionKind {
  if (has(vma, 'vsyscall')) return 'vsyscall';
  if (has(vma, 'vdso')) return 'vdso';
  if (has(vma, 'vvar')) return 'vvar';
  if (has(vma, 'socket')) return 'socket';
  if (has(vma, 'aioRing')) return 'aio';
  if (has(vma, 'memfd') || sharedMemoryId(vma, files) !== undefined) return 'shared-memory';
  if (isFileMapping(vma)) return 'file';
  if (isHeap(vma, mm)) return 'heap';
  return isStack(vma, mm) ? 'stack' : 'anonymous';
}

/** The kernel's own rules for `[heap]` and `[stack]` (fs/proc/task_mmu.c). */
const isHeap = (vma: VmaEntry, mm: MmEntry): boolean => vma.start <= mm.mm_brk && vma.end >= mm.mm_start_brk;
const isStack = (vma: VmaEntry, mm: MmEntry): boolean =>
  vma.start <= mm.mm_start_stack && vma.end >= mm.mm_start_stack;

const KIND_NAMES: Partial<Record<RegionKind, string>> = {
  heap: '[heap]',
  stack: '[stack]',
  vdso: '[vdso]',
  vvar: '[vvar]',
  vsyscall: '[vsyscall]',
  aio: '/[aio] (deleted)',
};

/** The last column of /proc/PID/maps. */
export function nameOf(
  vma: VmaEntry,
  kind: RegionKind,
  files: FileTable,
  sharedMemory: SharedMemory,
): string {
  if (has(vma, 'sysvIpc')) return `/${sysvName(sharedMemory.keyOf(Number(vma.shmid)) ?? 0)} (deleted)`;
  if (has(vma, 'anonymousShared')) return '/dev/zero (deleted)';
  const open = isFileMapping(vma) ? files.get(Number(vma.shmid)) : undefined;
  const inode = open && files.memfdOf(open.file);
  const isShared = (vma.flags & MAP_SHARED) !== 0;
  if (inode && isShared && isKernelSharedMemory(inode)) return `${inode.name} (deleted)`;
  const reference = open && files.referenceOf(open);
  return reference ? procPath(reference) : (KIND_NAMES[kind] ?? '');
}

/** The regular file that a VMA maps. */
export function mappedFileOf(vma: VmaEntry, files: FileTable): MappedFile | undefined {
  const open = isFileMapping(vma) ? files.get(Number(vma.shmid)) : undefined;
  const reference = open && files.referenceOf(open);
  if (reference === undefined || reference.memfd) return undefined;
  const size = open?.file.reg?.size;
  return {
    path: reference.path,
    deleted: reference.deleted,
    size: size === undefined ? undefined : Number(size),
  };
}
