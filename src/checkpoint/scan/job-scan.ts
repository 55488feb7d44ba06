import type { MemoryScanner } from './memory-scanner.ts';
import type { PageReader } from './page-reader.ts';
import { blocksOf, type Pages } from './pages-images.ts';
import type { ScanJob } from './scan-job.ts';
import type { TextPart } from './text-part.ts';
import { type TextMatch, TextScan } from './text-scan.ts';

/** Matches of a job, in order, in a form that costs little to hand over: one number of each array is one match. */
export interface MatchBatch {
  /** Index of the part in the job. */
  readonly parts: Uint32Array;
  readonly scanners: Uint8Array;
  /** Offsets in the text. */
  readonly starts: Float64Array;
  readonly lengths: Uint32Array;
  /** The bytes of all matches, one after the other. */
  readonly bytes: Uint8Array;
  /** In the last batch of a job: for each scanner, where behind the last part it goes on. */
  readonly resumes: readonly number[] | undefined;
}

/** Bounds what of a job waits to be told. */
const BATCH_MATCHES = 2_000;
const BATCH_BYTES = 128 * 1024;

/** Does a job: `reader` reads the open file that it names. The last batch, and no other, may be empty. */
export async function* scanJob(
  { parts }: ScanJob,
  scanners: readonly MemoryScanner[],
  reader: PageReader,
): AsyncGenerator<MatchBatch> {
  const pages: Pages = { reader: () => reader, noteEnd: () => undefined };
  const packer = new MatchPacker();
  let resumes: readonly number[] = [];
  for (const [index, part] of parts.entries()) {
    const scan = new TextScan(scanners, part.range);
    for await (const { matches } of searchBlocks(part, scan, pages)) {
      for (const match of matches) if (packer.add(index, match)) yield packer.take(undefined);
    }
    resumes = scan.resumes;
  }
  yield packer.take(resumes);
}

/** What was found in a block, by text; to be read to its end before the next block is asked for. */
export interface SearchedBlock {
  readonly matches: Iterable<TextMatch>;
  /** Bytes that have been searched with it. */
  readonly length: number;
  /** It came from the disk and not from a window that was there. */
  readonly isLoad: boolean;
}

/** Searches a text, or a part of one, block by block: a promise for each match would cost more than the match. */
export async function* searchBlocks(
  part: TextPart,
  scan: TextScan,
  pages: Pages,
): AsyncGenerator<SearchedBlock> {
  for await (const block of blocksOf(part, pages)) {
    yield { matches: scan.feed(block), length: block.bytes.length, isLoad: block.isLoad };
  }
  yield { matches: scan.finish(), length: 0, isLoad: false };
}

class MatchPacker {
  #parts: number[] = [];
  #scanners: number[] = [];
  #starts: number[] = [];
  #lengths: number[] = [];
  #bytes = new Uint8Array(BATCH_BYTES);
  #used = 0;

  /** True when the batch is full. */
  add(part: number, { scanner, start, length, window, at }: TextMatch): boolean {
    this.#parts.push(part);
    this.#scanners.push(scanner);
    this.#starts.push(start);
    this.#lengths.push(length);
    this.#reserve(length);
    this.#bytes.set(window.subarray(at, at + length), this.#used);
    this.#used += length;
    return this.#parts.length >= BATCH_MATCHES || this.#used >= BATCH_BYTES;
  }

  #reserve(length: number): void {
    if (this.#used + length <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#used + length, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }

  take(resumes: readonly number[] | undefined): MatchBatch {
    const batch: MatchBatch = {
      parts: Uint32Array.from(this.#parts),
      scanners: Uint8Array.from(this.#scanners),
      starts: Float64Array.from(this.#starts),
      lengths: Uint32Array.from(this.#lengths),
      bytes: this.#bytes.slice(0, this.#used),
      resumes,
    };
    this.#parts = [];
    this.#scanners = [];
    this.#starts = [];
    this.#lengths = [];
    this.#used = 0;
    return batch;
  }
}
