/**
 * Address spaces: mm-PID.img, vmas-PID.img, pagemap-PID.img, pagemap-shmem-ID.img, memfd.img. Addresses and lengths in bytes.
 * Facts: CRIU 4.2, images/mm.proto, vma.proto, pagemap.proto, memfd.proto (names, numbers and types).
 */
import {
  bool,
  int32,
  type MessageOf,
  message,
  nested,
  optional,
  repeated,
  sint64,
  string,
  uint32,
  uint64,
} from '../schema.ts';

export const vmaEntry = message('vma_entry', {
  start: uint64(1, 'hex'),
  /** Exclusive. */
  end: uint64(2, 'hex'),
  /** Offset in the mapped file, in bytes. */
  pgoff: uint64(3),
  /** Id in files.img for a file mapping, id of shared memory for shared anonymous and SysV memory. */
  shmid: uint64(4),
  /** PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4. */
  prot: uint32(5, 'mmap.prot'),
  flags: uint32(6, 'mmap.flags'),
  /** VMA_AREA_* and VMA_* bits: what kind of mapping CRIU takes it for. */
  status: uint32(7, 'mmap.status'),
  fd: sint64(8),
  madv: optional(uint64(9, 'hex')),
  fdflags: optional(uint32(10, 'hex')),
});
export type VmaEntry = MessageOf<typeof vmaEntry>;

export const aioRingEntry = message('aio_ring_entry', {
  id: uint64(1),
  nr_req: uint32(2),
  ring_len: uint32(3),
});

export const mmEntry = message('mm_entry', {
  mm_start_code: uint64(1, 'hex'),
  mm_end_code: uint64(2, 'hex'),
  mm_start_data: uint64(3, 'hex'),
  mm_end_data: uint64(4, 'hex'),
  mm_start_stack: uint64(5, 'hex'),
  mm_start_brk: uint64(6, 'hex'),
  mm_brk: uint64(7, 'hex'),
  mm_arg_start: uint64(8, 'hex'),
  mm_arg_end: uint64(9, 'hex'),
  mm_env_start: uint64(10, 'hex'),
  mm_env_end: uint64(11, 'hex'),
  /** Id in files.img. */
  exe_file_id: uint32(12),
  /** Pairs of AT_* and value, ended by AT_NULL. */
  mm_saved_auxv: repeated(uint64(13)),
  /** Empty in older images, which have vmas-PID.img. */
  vmas: repeated(nested(14, vmaEntry)),
  dumpable: optional(int32(15)),
  aios: repeated(nested(16, aioRingEntry)),
  thp_disabled: optional(bool(17)),
});
export type MmEntry = MessageOf<typeof mmEntry>;

export const pagemapHead = message('pagemap_head', {
  /** N of pages-N.img. */
  pages_id: uint32(1),
});
export type PagemapHead = MessageOf<typeof pagemapHead>;

export const pagemapEntry = message('pagemap_entry', {
  vaddr: uint64(1, 'hex'),
  /** The count up to CRIU 4.1; since then 0, and `nr_pages` counts. */
  compat_nr_pages: uint32(2),
  /** Counts only without `flags`: true stands for PE_PARENT. */
  in_parent: optional(bool(3)),
  flags: optional(uint32(4, 'pmap.flags')),
  nr_pages: optional(uint64(5)),
});
export type PagemapEntry = MessageOf<typeof pagemapEntry>;

/** A memfd; its content is in pagemap-shmem-SHMID.img. */
export const memfdInodeEntry = message('memfd_inode_entry', {
  /** The name given to memfd_create, without `memfd:`. */
  name: string(1),
  uid: uint32(2),
  gid: uint32(3),
  size: uint64(4),
  shmid: uint32(5),
  seals: uint32(6, 'seals.flags'),
  inode_id: uint64(7),
  hugetlb_flag: optional(uint32(8)),
  mode: optional(uint32(9)),
});
