import type { AddressSpace, Extent, PageOrigin, Region } from '../../checkpoint/address-space.ts';
import { SegmentFlag } from './elf-header.ts';

/** A range of memory that one program header stands for. Addresses; sizes in bytes. */
export interface Segment {
  readonly start: bigint;
  readonly memorySize: bigint;
  /** The beginning that is in the file. What follows is zeros, or not in the archive. */
  readonly fileSize: number;
  /** p_flags. */
  readonly flags: number;
}

/** Why memory is not in a core, and the bytes of each. */
export type AbsentBytes = Partial<Record<AbsentOrigin, number>>;
export type AbsentOrigin = Exclude<PageOrigin, 'present' | 'zero' | 'unmapped'>;

export interface SegmentPlan {
  readonly segments: readonly Segment[];
  readonly absent: AbsentBytes;
  /** The address from which on there was no room for segments. */
  readonly omittedFrom: bigint | undefined;
}

/** Four times the kernel's default number of mappings, and what databases raise it to (vm.max_map_count). */
export const MAX_SEGMENTS = 262_144;

/**
 * Zeros of this length, in bytes, are not given a place in the file: a reservation of terabytes with a few pages in it
 * would make it longer than file systems allow.
 */
const MAX_HOLE = 1024 * 1024;

/** A region is looked at in steps, so that what is known of its pages is in memory for a part of it only: bytes… */
const STEP = 2n ** 28n;
/** … and steps, so that a forged region of all addresses does not take years. */
const MAX_STEPS = 2n ** 16n;

/**
 * The segments of a process's memory by ascending address: one for a region, or more where it has gaps. Gaps that a
 * debugger can fill from a named file have segments without content, as the kernel writes them. Other absent memory has
 * none: debuggers show segments without content as zeros, and nobody knows whether it was.
 */
export function planSegments(space: AddressSpace): SegmentPlan {
  const segments: Segment[] = [];
  const absent: Partial<Record<AbsentOrigin, number>> = {};
  for (const region of space.regions) {
    for (const { start, end, storedEnd, origin } of piecesOf(region, space)) {
      const memorySize = end - start;
      if (origin !== 'stored') absent[origin] = (absent[origin] ?? 0) + Number(memorySize);
      if (origin !== 'stored' && (origin !== 'file' || region.name === '')) continue;
      if (segments.length === MAX_SEGMENTS) return { segments, absent, omittedFrom: start };
      segments.push({ start, memorySize, fileSize: Number(storedEnd - start), flags: flagsOf(region) });
    }
  }
  return { segments, absent, omittedFrom: undefined };
}

/** Of a region whose permissions are unknown, only that it was there to read. */
function flagsOf({ permissions }: Region): number {
  const flags =
    (permissions[0] === 'r' ? SegmentFlag.read : 0) |
    (permissions[1] === 'w' ? SegmentFlag.write : 0) |
    (permissions[2] === 'x' ? SegmentFlag.execute : 0);
  return permissions === '????' ? SegmentFlag.read : flags;
}

type MappedExtent = Extent & { readonly origin: Exclude<PageOrigin, 'unmapped'> };
const isMapped = (extent: Extent): extent is MappedExtent => extent.origin !== 'unmapped';

/** A part of a region that is stored, zeros in and behind it included, or absent for one reason. */
interface Piece {
  readonly start: bigint;
  readonly end: bigint;
  /** End of its last page that is in the archive. */
  readonly storedEnd: bigint;
  readonly origin: AbsentOrigin | 'stored';
}

function* piecesOf(region: Region, space: AddressSpace): Iterable<Piece> {
  let open: Piece | undefined;
  for (const extent of extentsOf(region, space)) {
    if (!isMapped(extent)) continue;
    const longer = open && extended(open, extent);
    if (open && longer === undefined) yield open;
    open = longer ?? begun(extent);
  }
  if (open) yield open;
}

function* extentsOf({ start, end, kind }: Region, space: AddressSpace): Iterable<Extent> {
  const share = (end - start) / MAX_STEPS;
  const step = share > STEP ? share : STEP;
  for (let at: bigint = start; at < end; at += step) {
    const length = Number(end - at < step ? end - at : step);
    for (const extent of space.extents(at, length)) {
      yield kind === 'shared-memory' ? storedZeros(extent) : extent;
    }
  }
}

/** A debugger asks the file of shared memory for what a segment lacks, and that file is nowhere: zeros are written out. */
const storedZeros = (extent: Extent): Extent =>
  extent.origin === 'zero' && extent.length < MAX_HOLE ? { ...extent, origin: 'present' } : extent;

const endOf = ({ start, length }: Extent): bigint => start + BigInt(length);

function begun(extent: MappedExtent): Piece {
  const { start, origin } = extent;
  const end = endOf(extent);
  if (origin === 'present') return { start, end, storedEnd: end, origin: 'stored' };
  return { start, end, storedEnd: start, origin: origin === 'zero' ? 'stored' : origin };
}

/** The piece with the extent behind it; undefined where that begins another one. */
function extended(piece: Piece, extent: MappedExtent): Piece | undefined {
  const end = endOf(extent);
  if (extent.origin === 'zero') return piece.origin === 'stored' ? { ...piece, end } : undefined;
  if (extent.origin !== 'present') return piece.origin === extent.origin ? { ...piece, end } : undefined;
  const isNear = piece.origin === 'stored' && extent.start - piece.storedEnd < BigInt(MAX_HOLE);
  return isNear ? { ...piece, end, storedEnd: end } : undefined;
}
