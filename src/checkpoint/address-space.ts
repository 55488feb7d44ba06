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
  /** Memory of the kernel itself (vvar, vdso, vsyscall, the ring of a packet socket); never in an archive. */
  | 'kernel'
  /** Lost: the pages image is shorter than its pagemap says, or the pagemap is missing or damaged. */
  | 'missing'
  /** No VMA covers the address. */
  | 'unmapped';

/** A VMA: one line of /proc/PID/maps. */
export interface Region {
  readonly start: Address;
  /** Exclusive. */
  readonly end: Address;
  /** As in /proc/PID/maps: `rwxp`, `r--s`…; `????` for pages that the archive holds though no VMA is known there. */
  readonly permissions: string;
  /** Offset of the mapping in its file, in bytes. */
  readonly fileOffset: bigint;
  readonly kind: RegionKind;
  /** What /proc/PID/maps shows last: a path, `[heap]`, `[stack]`, `/memfd:x (deleted)` or empty. */
  readonly name: string;
  /** The file that a region of kind `file` maps; absent when the images do not have it. */
  readonly file?: MappedFile | undefined;
  /** Bytes of it that can be read: those in the archive, and those that were filled. */
  readonly presentBytes: number;
  /** Bytes of those that were filled from the mapped file (`fillMemory`); absent where none were. */
  readonly filledBytes?: number;
  /** The VMA's entry in the mm image (or vmas-PID.img); the pagemap for pages without VMA. */
  readonly location: SourceLocation;
}

/** Bytes of a region that are in the archive's pages. */
export const bytesInPages = ({ presentBytes, filledBytes = 0 }: Region): number => presentBytes - filledBytes;

/** A file that is mapped, as CRIU recorded it. */
export interface MappedFile {
  /** Absolute, as the container knew it. */
  readonly path: string;
  /** Its name was gone; the path is the one that it had. */
  readonly deleted: boolean;
  /** In bytes. */
  readonly size: number | undefined;
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
  /** Bytes per page on the machine that was dumped, never the reader's: as its processes were told, or as the images prove. */
  readonly pageSize: number;
  readonly regions: readonly Region[];
  /** argv and envp as the kernel recorded them, half-open; empty at 0 when the mm image is lost. */
  readonly argumentRange: readonly [Address, Address];
  readonly environmentRange: readonly [Address, Address];
  /** The VMA that covers an address. */
  regionAt(address: bigint): Region | undefined;
  /**
   * Extents from `start`, in order, without overlap, for all of `length` bytes; neighbours may have the same origin.
   * Throws `BAD_RANGE` for a length that is no exact number.
   */
  extents(start: bigint, length: number): readonly Extent[];
  /** Throws `BAD_RANGE` for more than MAX_READ_LENGTH bytes, and what the archive's source throws. */
  read(start: bigint, length: number): Promise<MemoryRead>;
}
