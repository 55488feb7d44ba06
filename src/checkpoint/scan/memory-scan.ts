import type { ArchiveIndex } from '../../archive/archive-index.ts';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import type { AddressSpace } from '../address-space.ts';
import { searchBlocks } from './job-scan.ts';
import { layOutMemory, type MemoryLayout } from './memory-layout.ts';
import { locate } from './memory-location.ts';
import { MAX_OVERLAP, type MemoryHit, type MemoryScanner } from './memory-scanner.ts';
import { PagesImages, type PagesOptions } from './pages-images.ts';
import { type FoundMatch, type FoundMatches, inText, type JobRunner, scanInJobs } from './parallel-scan.ts';
import { scanSeam } from './seam-scan.ts';
import { partOf } from './text-part.ts';
import { TextScan } from './text-scan.ts';

export interface ScanOptions extends PagesOptions {
  /** Called about every MiB with the bytes searched so far and those that will be. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /**
   * Whoever searches beside this thread, with the same scanners; asked for when there is memory enough that lies in a file.
   * What is found does not depend on it.
   */
  readonly runner?: JobRunner | undefined;
}

/** Hits that are handed over at once, so that many hits neither wait long nor cost a promise each. */
const BATCH_HITS = 256;
const BATCH_BYTES = 1024 * 1024;
const MAX_WAIT_MILLISECONDS = 50;

/**
 * The way through memory: reads each pages image once, front to back, in bounded pieces, and gives every scanner
 * every stretch of memory as if it were one piece. A match that crosses pages, windows or regions that follow each other
 * in memory is found, wherever its bytes lie; one that exists only because unrelated pages lie side by side in an image
 * is not; a page that is not in the archive, be it zero, ends a stretch. Bytes that several processes share are searched
 * once, and the hit names them all. Hits come in batches: text by text in the order of the images, in each by where they
 * begin, whatever scanner found them; the few that cross from shared into other memory come last. Throws
 * `LIMIT_EXCEEDED` for a scanner that looks farther than MAX_OVERLAP.
 */
export async function* scanMemory(
  spaces: readonly AddressSpace[],
  archive: ArchiveIndex,
  scanners: readonly MemoryScanner[],
  options: ScanOptions = {},
): AsyncGenerator<readonly MemoryHit[]> {
  if (scanners.some(({ overlap }) => overlap > MAX_OVERLAP)) {
    throw new ExhibitError('LIMIT_EXCEEDED', `a match may not be longer than ${MAX_OVERLAP} bytes`);
  }
  const layout = layOutMemory(spaces, (entry) => archive.find(entry)?.offset ?? 0);
  const images = new PagesImages(archive, options);
  const batch = new Batch();
  const { runner } = options;
  // Beside what unpacking leaves of memory, that of threads would be more than 150 MB.
  const isPlain = archive.compression === 'none' && archive.tar.place !== undefined;
  const isInFile = isPlain && options.sourceOf === undefined;
  const isShared = runner && isInFile && layout.totalBytes >= runner.minimumLength;
  const found = isShared ? scanInJobs(layout, scanners, images, runner) : scanTexts(layout, scanners, images);
  let done = 0;
  for await (const { matches, length, isStep } of found) {
    for (const match of matches) if (batch.add(toHit(match))) yield batch.take();
    done += length;
    if (!isStep) continue;
    options.signal?.throwIfAborted();
    options.onProgress?.(done, layout.totalBytes);
    if (batch.isOld) yield batch.take();
  }
  for (const seam of layout.seams) {
    for (const [index, scanner] of scanners.entries()) {
      for (const hit of await scanSeam(seam, scanner, index, images)) if (batch.add(hit)) yield batch.take();
    }
  }
  options.onProgress?.(layout.totalBytes, layout.totalBytes);
  if (batch.size > 0) yield batch.take();
}

/** All texts in this thread. */
async function* scanTexts(
  { texts }: MemoryLayout,
  scanners: readonly MemoryScanner[],
  images: PagesImages,
): AsyncGenerator<FoundMatches> {
  for (const text of texts) {
    const to = text.starts.at(-1) ?? 0;
    const scan = new TextScan(scanners, { from: scanners.map(() => 0), to });
    for await (const { matches, length, isLoad } of searchBlocks(partOf(text, 0, to), scan, images)) {
      yield { matches: inText(text, matches), length, isStep: isLoad };
    }
  }
}

function toHit({ text, match }: FoundMatch): MemoryHit {
  const { scanner, start, length, window, at } = match;
  return { scanner, bytes: window.slice(at, at + length), ...locate(text, start, length) };
}

class Batch {
  #hits: MemoryHit[] = [];
  #bytes = 0;
  #began = 0;

  get size(): number {
    return this.#hits.length;
  }

  /** Hits have waited for longer than a reader should. */
  get isOld(): boolean {
    return this.#hits.length > 0 && performance.now() - this.#began > MAX_WAIT_MILLISECONDS;
  }

  /** True when the batch is full. */
  add(hit: MemoryHit): boolean {
    if (this.#hits.length === 0) this.#began = performance.now();
    this.#hits.push(hit);
    this.#bytes += hit.bytes.length;
    return this.#hits.length >= BATCH_HITS || this.#bytes >= BATCH_BYTES;
  }

  take(): readonly MemoryHit[] {
    const hits = this.#hits;
    this.#hits = [];
    this.#bytes = 0;
    return hits;
  }
}
