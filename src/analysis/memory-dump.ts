import type { AddressSpace, Extent, PageOrigin, Region } from '../checkpoint/address-space.ts';
import { extentsOf } from './region-extents.ts';
import type { RootFile, RootFiles } from './root-files.ts';

/** Bytes of memory that are read for one part of a dump. */
const PART_LENGTH = 1024 * 1024;

/** A piece of a process's memory, by ascending address. */
export type DumpPart =
  | { readonly kind: 'region'; readonly region: Region }
  /** At most 1 MiB, in the archive, or in the mapped `file` of the root filesystem that was given. */
  | {
      readonly kind: 'bytes';
      readonly address: bigint;
      readonly bytes: Uint8Array;
      readonly file: string | undefined;
    }
  /** Not in the archive; `origin` says why. */
  | {
      readonly kind: 'gap';
      readonly address: bigint;
      readonly length: number;
      readonly origin: Exclude<PageOrigin, 'present'>;
    };

/**
 * All of a process's memory: each region, and in it what is in the archive and what is not. Nothing is passed over. With
 * `files`, unmodified pages of mapped files are read from there.
 */
export async function* dumpMemory(space: AddressSpace, files?: RootFiles): AsyncGenerator<DumpPart> {
  for (const region of space.regions) {
    yield { kind: 'region', region };
    const file = region.kind === 'file' ? await files?.open(region.name) : undefined;
    try {
      for (const extent of extentsOf(space, region)) {
        if (extent.origin === 'present') yield* dumpPresent(space, extent);
        else if (extent.origin === 'file' && file !== undefined) yield* dumpFile(region, extent, file);
        else yield gapOf(extent.start, extent.length, extent.origin);
      }
    } finally {
      await file?.close();
    }
  }
}

const gapOf = (address: bigint, length: number, origin: Exclude<PageOrigin, 'present'>): DumpPart => ({
  kind: 'gap',
  address,
  length,
  origin,
});

async function* dumpPresent(space: AddressSpace, { start, length }: Extent): AsyncGenerator<DumpPart> {
  for (let done = 0; done < length; done += PART_LENGTH) {
    const address = start + BigInt(done);
    const { bytes } = await space.read(address, Math.min(PART_LENGTH, length - done));
    yield { kind: 'bytes', address, bytes, file: undefined };
  }
}

/** The file's bytes as far as it goes; what is mapped behind its end stays a gap. */
async function* dumpFile(
  region: Region,
  { start, length }: Extent,
  file: RootFile,
): AsyncGenerator<DumpPart> {
  const offset = Number(region.fileOffset + (start - region.start));
  const available = Math.max(0, Math.min(length, file.size - offset));
  for (let done = 0; done < available; done += PART_LENGTH) {
    const bytes = await file.read(offset + done, Math.min(PART_LENGTH, available - done));
    yield { kind: 'bytes', address: start + BigInt(done), bytes, file: region.name };
  }
  if (available < length) yield gapOf(start + BigInt(available), length - available, 'file');
}
