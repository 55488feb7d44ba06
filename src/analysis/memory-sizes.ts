import type { UnreadableMemory } from '../archive/capture-record.ts';
import { formatAddress } from '../bytes/brand.ts';
import type { AddressSpace, PageOrigin, Region, RegionKind } from '../checkpoint/address-space.ts';
import type { Checkpoint, Process } from '../checkpoint/checkpoint.ts';
import { unreadableOf } from '../checkpoint/live-capture.ts';
import type { SelectedMemory } from './memory-selection.ts';
import { extentsOf } from './region-extents.ts';

/** Bytes by what stands behind them; those that a region can have. Exact up to 2^53. */
export type OriginSizes = Readonly<Record<Exclude<PageOrigin, 'unmapped'>, number>>;

/** One process: what `memory --json` prints without `--regions`. */
export interface ProcessMemorySize extends OriginSizes {
  /** The archive as the user named it. */
  readonly archive: string;
  readonly pid: number;
  readonly comm: string;
  /** How many. */
  readonly regions: number;
  /** Bytes of all regions. */
  readonly mapped: number;
  /** Of what was captured without CRIU: memory that could not be read and is zeros in the archive. */
  readonly unreadable?: readonly UnreadableMemory[];
}

/** One VMA: what `memory --regions --json` prints. */
export interface MemoryRegion extends OriginSizes {
  readonly archive: string;
  readonly pid: number;
  readonly comm: string;
  readonly start: string;
  /** Exclusive. */
  readonly end: string;
  readonly mapped: number;
  readonly permissions: string;
  readonly kind: RegionKind;
  readonly name: string;
  /** Where the mapping begins in its file. */
  readonly file_offset: bigint;
  /** Bits per byte of what is in the archive, 0 to 8; undefined unless asked for, and where nothing is. */
  readonly entropy: number | undefined;
}

/** A fresh count. */
function noBytes(): Record<keyof OriginSizes, number> {
  return { present: 0, zero: 0, file: 0, lazy: 0, parent: 0, kernel: 0, missing: 0 };
}

export function measureProcess(
  { name: archive, capture }: Pick<Checkpoint, 'name' | 'capture'>,
  { process, space }: SelectedMemory,
): ProcessMemorySize {
  const sizes = noBytes();
  let mapped = 0;
  for (const region of space.regions) {
    addSizes(sizes, space, region);
    mapped += Number(region.end - region.start);
  }
  const { pid, comm } = process;
  const unreadable = capture && { unreadable: unreadableOf(capture, pid) };
  return { archive, pid, comm, regions: space.regions.length, mapped, ...sizes, ...unreadable };
}

/** `entropyOf` is asked for each region. */
export function measureRegions(
  archive: string,
  { process, space }: SelectedMemory,
  entropyOf: (region: Region) => number | undefined,
): readonly MemoryRegion[] {
  const { pid, comm } = process;
  return space.regions.map((region) => {
    const { start, end, permissions, kind, name, fileOffset } = region;
    const sizes = noBytes();
    addSizes(sizes, space, region);
    return {
      archive,
      pid,
      comm,
      start: formatAddress(start),
      end: formatAddress(end),
      mapped: Number(end - start),
      permissions,
      kind,
      name,
      file_offset: fileOffset,
      ...sizes,
      entropy: entropyOf(region),
    };
  });
}

function addSizes(sizes: Record<keyof OriginSizes, number>, space: AddressSpace, region: Region): void {
  for (const { origin, length } of extentsOf(space, region)) {
    if (origin !== 'unmapped') sizes[origin] += length;
  }
}

/** Sizes of one process's memory: what `memparse --json` prints without a search. */
export interface MemorySizes {
  /** The archive as the user named it. */
  readonly archive: string;
  readonly pid: number;
  readonly comm: string;
  /** Bytes in the archive that are the process's own. */
  readonly memory_size: number;
  /** Bytes in the archive that it shares, or could share, with other processes. */
  readonly shared_memory_size: number;
  readonly regions: readonly RegionSize[];
}

interface RegionSize {
  readonly start: string;
  readonly end: string;
  readonly permissions: string;
  readonly kind: RegionKind;
  readonly name: string;
  /** Bytes of it that are in the archive. */
  readonly present: number;
}

/** Undefined for a process without memory: a zombie, or one whose mm image is missing. */
export async function measureMemory(archive: string, process: Process): Promise<MemorySizes | undefined> {
  const space = await process.addressSpace();
  if (space === undefined) return undefined;
  const shared = space.regions.filter(({ kind }) => kind === 'shared-memory');
  const sizeOf = (regions: readonly Region[]): number =>
    regions.reduce((sum, { presentBytes }) => sum + presentBytes, 0);
  return {
    archive,
    pid: process.pid,
    comm: process.comm,
    memory_size: sizeOf(space.regions) - sizeOf(shared),
    shared_memory_size: sizeOf(shared),
    regions: space.regions.map(({ start, end, permissions, kind, name, presentBytes }) => ({
      start: formatAddress(start),
      end: formatAddress(end),
      permissions,
      kind,
      name,
      present: presentBytes,
    })),
  };
}
