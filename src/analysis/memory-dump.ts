import type { AddressSpace, Extent, PageOrigin, Region } from '../checkpoint/address-space.ts';
import type { BackingOrigin } from '../checkpoint/backing-files.ts';
import { filledFrom } from '../checkpoint/filled-memory.ts';
import { extentsOf } from './region-extents.ts';

/** Bytes of memory that are read for one part of a dump. */
const PART_LENGTH = 1024 * 1024;

/** A piece of a process's memory, by ascending address. */
export type DumpPart =
  | { readonly kind: 'region'; readonly region: Region }
  /** At most 1 MiB, in the archive's pages, or in the mapped `file` that memory was filled from. */
  | {
      readonly kind: 'bytes';
      readonly address: bigint;
      readonly bytes: Uint8Array;
      readonly file: { readonly origin: BackingOrigin; readonly path: string } | undefined;
    }
  /** Not in the archive; `origin` says why. */
  | {
      readonly kind: 'gap';
      readonly address: bigint;
      readonly length: number;
      readonly origin: Exclude<PageOrigin, 'present'>;
    };

/** All of a process's memory: each region, and in it what can be read and what cannot. Nothing is passed over. */
export async function* dumpMemory(space: AddressSpace): AsyncGenerator<DumpPart> {
  for (const region of space.regions) {
    yield { kind: 'region', region };
    for (const { start, length, origin, location } of extentsOf(space, region)) {
      if (origin === 'present') yield* dumpPresent(space, { start, length, location });
      else yield { kind: 'gap', address: start, length, origin };
    }
  }
}

async function* dumpPresent(
  space: AddressSpace,
  { start, length, location }: Pick<Extent, 'start' | 'length' | 'location'>,
): AsyncGenerator<DumpPart> {
  const file = location && filledFrom(location.entry);
  for (let done = 0; done < length; done += PART_LENGTH) {
    const address = start + BigInt(done);
    const { bytes } = await space.read(address, Math.min(PART_LENGTH, length - done));
    yield { kind: 'bytes', address, bytes, file };
  }
}
