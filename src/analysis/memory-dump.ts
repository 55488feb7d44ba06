import type { AddressSpace, Extent, PageOrigin, Region } from '../checkpoint/address-space.ts';
import { extentsOf } from './region-extents.ts';

/** Bytes of memory that are read for one part of a dump. */
const PART_LENGTH = 1024 * 1024;

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
    for (const extent of extentsOf(space, region)) yield* dumpExtent(space, extent);
  }
}

async function* dumpExtent(space: AddressSpace, extent: Extent): AsyncGenerator<DumpPart> {
  const { start, length, origin } = extent;
  if (origin !== 'present') {
    yield { kind: 'gap', address: start, length, origin };
    return;
  }
  for (let done = 0; done < length; done += PART_LENGTH) {
    const address = start + BigInt(done);
    const { bytes } = await space.read(address, Math.min(PART_LENGTH, length - done));
    yield { kind: 'bytes', address, bytes };
  }
}
