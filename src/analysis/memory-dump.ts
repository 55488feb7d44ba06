import { formatAddress } from '../bytes/brand.ts';
import type { AddressSpace, PageOrigin, Region } from '../checkpoint/address-space.ts';
import type { Process } from '../checkpoint/checkpoint.ts';

/** Bytes of memory that are read for one part of a dump. */
const PART_LENGTH = 1024 * 1024;
/** Regions are asked for in steps of this many bytes, so that lengths stay exact numbers. */
const EXTENT_STEP = 2 ** 48;

/** A piece of a process's memory, by ascending address. */
export type DumpPart =
  | { readonly kind: 'region'; readonly region: Region }
  /** In the archive. At most 1 MiB. */
  | { readonly kind: 'bytes'; readonly address: bigint; readonly bytes: Uint8Array }
  /** Not in the archive; `origin` says why. */
  | {
      readonly kind: 'gap';
      readonly address: bigint;
      readonly length: number;
      readonly origin: Exclude<PageOrigin, 'present'>;
    };

/** All of a process's memory: each region, and in it what is in the archive and what is not. Nothing is passed over. */
export async function* dumpMemory(space: AddressSpace): AsyncGenerator<DumpPart> {
  for (const region of space.regions) {
    yield { kind: 'region', region };
    for (let at: bigint = region.start; at < region.end; at += BigInt(EXTENT_STEP)) {
      const rest = region.end - at;
      yield* dumpRange(space, at, rest < BigInt(EXTENT_STEP) ? Number(rest) : EXTENT_STEP);
    }
  }
}

async function* dumpRange(space: AddressSpace, start: bigint, length: number): AsyncGenerator<DumpPart> {
  for (const extent of space.extents(start, length)) {
    const { origin } = extent;
    if (origin !== 'present') {
      yield { kind: 'gap', address: extent.start, length: extent.length, origin };
      continue;
    }
    for (let done = 0; done < extent.length; done += PART_LENGTH) {
      const address = extent.start + BigInt(done);
      const { bytes } = await space.read(address, Math.min(PART_LENGTH, extent.length - done));
      yield { kind: 'bytes', address, bytes };
    }
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

export interface RegionSize {
  readonly start: string;
  readonly end: string;
  readonly permissions: string;
  readonly kind: Region['kind'];
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
