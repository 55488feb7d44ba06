import type { ArchiveIndex } from '../../archive/archive-index.ts';
import type { SourceLocation } from '../../bytes/source-location.ts';
import type { AddressSpace } from '../address-space.ts';
import { layOutMemory, type Owner } from './memory-layout.ts';
import { locate } from './memory-location.ts';
import { blocksOf, PagesImages, type PagesOptions } from './pages-images.ts';
import { partOf } from './text-part.ts';

export interface ReadOptions extends PagesOptions {
  /** Called about every MiB with the bytes read so far and those that will be. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Bytes that follow each other in memory and in the archive. */
export interface MemoryBlock {
  /** Every process that sees them, and where the first one is; at least one, at most MAX_OWNERS. */
  readonly owners: readonly [Owner, ...Owner[]];
  /** At most a window of the reader (page-reader.ts); valid until the next block is asked for. */
  readonly bytes: Uint8Array;
  readonly location: SourceLocation;
}

/**
 * All memory of the address spaces for whatever must see every byte of it: in the order of `scanMemory`, shared bytes once.
 * A block may reach over the border of regions that follow each other in memory.
 */
export async function* readMemory(
  spaces: readonly AddressSpace[],
  archive: ArchiveIndex,
  options: ReadOptions = {},
): AsyncGenerator<MemoryBlock> {
  const layout = layOutMemory(spaces, (entry) => archive.find(entry)?.offset ?? 0);
  const images = new PagesImages(archive, options);
  let done = 0;
  for (const text of layout.texts) {
    const part = partOf(text, 0, text.starts.at(-1) ?? 0);
    for await (const { bytes, start, isLoad } of blocksOf(part, images)) {
      const { owners, locations } = locate(text, start, bytes.length);
      // A block is of one piece.
      const [location] = locations;
      if (location !== undefined) yield { owners, bytes, location };
      done += bytes.length;
      if (!isLoad) continue;
      options.signal?.throwIfAborted();
      options.onProgress?.(done, layout.totalBytes);
    }
  }
  options.onProgress?.(layout.totalBytes, layout.totalBytes);
}
