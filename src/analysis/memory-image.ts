import { ExhibitError } from '../bytes/exhibit-error.ts';
import { type AddressSpace, bytesInPages, type Region } from '../checkpoint/address-space.ts';
import { dumpMemory } from './memory-dump.ts';

/*
 * Memory as one file of raw bytes: the regions one after the other, each in its whole length, with holes where the archive
 * has nothing. Addresses cannot be offsets: the stack lies 128 TiB up, and few file systems have files of that length.
 */

/** The longest file of ext4; more is asked for only by regions that a forger made, or by reserved ones beyond use. */
const MAX_IMAGE_SIZE = 16 * 2 ** 40;

/** A region and where in the file it begins; undefined for one that is left out, because nothing of it can be read. */
export interface PlacedRegion {
  readonly region: Region;
  readonly offset: number | undefined;
}

export interface MemoryImage {
  readonly regions: readonly PlacedRegion[];
  /** Of the file, holes included. */
  readonly size: number;
  /** Bytes that are in the archive's pages. */
  readonly presentBytes: number;
}

export interface ImagePart {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Lays out the regions. Throws `LIMIT_EXCEEDED` for more than MAX_IMAGE_SIZE bytes. */
export function layOutImage({ regions }: AddressSpace): MemoryImage {
  let size = 0;
  let presentBytes = 0;
  const placed = regions.map((region): PlacedRegion => {
    if (region.presentBytes === 0) return { region, offset: undefined };
    const offset = size;
    size += Number(region.end - region.start);
    presentBytes += bytesInPages(region);
    return { region, offset };
  });
  if (size > MAX_IMAGE_SIZE) {
    const message = `the regions to dump have ${size} bytes, more than a file of ${MAX_IMAGE_SIZE} holds; narrow them`;
    throw new ExhibitError('LIMIT_EXCEEDED', message);
  }
  return { regions: placed, size, presentBytes };
}

/** What stands in the file beside its holes, in order. */
export async function* imageParts(space: AddressSpace, { regions }: MemoryImage): AsyncGenerator<ImagePart> {
  let index = -1;
  for await (const part of dumpMemory(space)) {
    if (part.kind === 'region') index++;
    if (part.kind !== 'bytes') continue;
    const { address, bytes } = part;
    const { region, offset = 0 } = regions[index] as PlacedRegion;
    yield { offset: offset + Number(address - region.start), bytes };
  }
}
