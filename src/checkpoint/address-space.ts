import type { Address } from '../bytes/brand.ts';
import type { SourceLocation } from '../bytes/source-location.ts';

/** What stands behind a range of a process's memory. */
export type PageOrigin =
  /** In a pages image of this archive. */
  | 'present'
  /** An anonymous page that was never written: zeros. */
  | 'zero'
  /** An unmodified page of a mapped file; the content is that file's and is not in the archive. */
  | 'file'
  /** To be fetched from the source by lazy migration; not in the archive. */
  | 'lazy'
  /** In the parent of an incremental checkpoint; not in this archive. */
  | 'parent'
  /** Shown by the kernel itself (vvar, vsyscall); never in an archive. */
  | 'kernel'
  /** Promised by the pagemap, but the pages image is shorter or unreadable. */
  | 'missing'
  /** No VMA covers the address. */
  | 'unmapped';

/** A VMA: one line of /proc/PID/maps. */
export interface Region {
  readonly start: Address;
  /** Exclusive. */
  readonly end: Address;
  /** As in /proc/PID/maps: `rwxp`, `r--s`… */
  readonly permissions: string;
  /** Offset of the mapping in its file, in bytes. */
  readonly fileOffset: bigint;
  /** `heap`, `stack`, `vdso`, `vvar`, `anonymous`, `file`, `shared`… */
  readonly kind: RegionKind;
  /** What /proc/PID/maps shows last: a path, `[heap]`, `[stack]`, `/memfd:x (deleted)` or empty. */
  readonly name: string;
  /** Bytes of it that are in the archive. */
  readonly presentBytes: number;
  /** The VMA's entry in the mm image. */
  readonly location: SourceLocation;
}

export type RegionKind =
  | 'file'
  | 'anonymous'
  | 'heap'
  | 'stack'
  | 'vdso'
  | 'vvar'
  | 'vsyscall'
  | 'shared-memory'
  | 'socket'
  | 'aio'
  | 'other';

/** A run of pages of one origin. */
export interface Extent {
  readonly start: Address;
  /** Bytes. */
  readonly length: number;
  readonly origin: PageOrigin;
  /** Where present bytes are. */
  readonly location: SourceLocation | undefined;
}

export interface MemoryRead {
  /** As long as asked for; bytes that are not in the archive are zero, and `extents` says which those are. */
  readonly bytes: Uint8Array;
  readonly extents: readonly Extent[];
}

/** The memory of one process as a layer that knows its gaps. */
export interface AddressSpace {
  readonly pid: number;
  /** Bytes per page on the machine that was dumped, never the reader's. */
  readonly pageSize: number;
  readonly regions: readonly Region[];
  /** argv and envp as the kernel recorded them, half-open. */
  readonly argumentRange: readonly [Address, Address];
  readonly environmentRange: readonly [Address, Address];
  /** The VMA that covers an address. */
  regionAt(address: bigint): Region | undefined;
  /** Extents from `start`, in order, without overlap, for all of `length` bytes. */
  extents(start: bigint, length: number): readonly Extent[];
  /** At most MAX_READ_LENGTH bytes. */
  read(start: bigint, length: number): Promise<MemoryRead>;
}
