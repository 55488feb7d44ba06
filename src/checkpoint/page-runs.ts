/**
 * Which pages of a process, or of a shared memory segment, are in the archive, by ascending address. Only runs are kept,
 * never pages: 64 GiB of memory are 16 million pages, but seldom more than a few thousand runs.
 */
import { address, formatAddress } from '../bytes/brand.ts';
import type { SourceLocation } from '../bytes/source-location.ts';
import { type PageRun, readPagemap } from '../criu/pagemap.ts';
import type { Extent, PageOrigin } from './address-space.ts';
import type { ImageSet } from './image-set.ts';

interface Run {
  readonly start: bigint;
  /** Exclusive. */
  readonly end: bigint;
  readonly origin: PageOrigin;
  /** Of a present run, in the pages image. */
  readonly offset: number;
}

/** Addresses have 64 bits. */
const ADDRESS_LIMIT = 1n << 64n;

export class PageRuns {
  readonly #runs: readonly Run[];
  readonly #pagesEntry: string;
  /** From here on a damaged pagemap could not be read: what has no run there may have had pages all the same. */
  readonly knownUntil: bigint;

  private constructor(runs: readonly Run[], pagesEntry: string, isDamaged: boolean) {
    this.#runs = runs;
    this.#pagesEntry = pagesEntry;
    this.knownUntil = isDamaged ? (runs.at(-1)?.end ?? 0n) : ADDRESS_LIMIT;
  }

  /** Reads a pagemap image; `subject` names whose memory it is in the note about a pages image that is cut short. */
  static async read(
    images: ImageSet,
    pagemapName: string,
    pageSize: number,
    subject: string,
  ): Promise<PageRuns | undefined> {
    const source = images.source(pagemapName);
    if (source === undefined) return undefined;
    const pagemap = await readPagemap(source, images.pathOf(pagemapName), { pageSize });
    images.notes.add(...pagemap.notes);
    const pagesName = pagemap.pagesId === undefined ? '' : `pages-${pagemap.pagesId}.img`;
    const available = images.sizeOf(pagesName);
    const runs = pagemap.runs.flatMap((run) => split(run, pageSize, available));
    noteMissing(images, runs, pagesName, subject);
    const isDamaged = pagemap.notes.some(({ severity }) => severity === 'warning');
    return new PageRuns(runs, images.pathOf(pagesName), isDamaged);
  }

  /** The runs that overlap a range, cut to it. What lies between them was not dumped. */
  *between(from: bigint, to: bigint): Iterable<Extent> {
    for (let index = this.#firstEndingAfter(from); index < this.#runs.length; index++) {
      const run = this.#runs[index] as Run;
      if (run.start >= to) return;
      const start = run.start > from ? run.start : from;
      const end = run.end < to ? run.end : to;
      yield {
        start: address(start),
        length: Number(end - start),
        origin: run.origin,
        location: this.#locate(run, start, end),
      };
    }
  }

  #locate(run: Run, start: bigint, end: bigint): SourceLocation | undefined {
    if (run.origin !== 'present') return undefined;
    const offset = run.offset + Number(start - run.start);
    return { entry: this.#pagesEntry, offset, length: Number(end - start) };
  }

  #firstEndingAfter(at: bigint): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#runs[middle] as Run).end <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A run as far as the pages image goes, and what of it is missing there. */
function split(run: PageRun, pageSize: number, available: number): Run[] {
  const length = run.pages * pageSize;
  const end = run.vaddr + BigInt(length);
  if (run.origin !== 'present') {
    const origin = run.origin === 'unreadable' ? 'missing' : run.origin;
    return [{ start: run.vaddr, end, origin, offset: 0 }];
  }
  const there = Math.max(0, Math.min(length, available - run.offset));
  const border = run.vaddr + BigInt(there);
  const runs: Run[] = [];
  if (there > 0) runs.push({ start: run.vaddr, end: border, origin: 'present', offset: run.offset });
  if (there < length) runs.push({ start: border, end, origin: 'missing', offset: 0 });
  return runs;
}

function noteMissing(images: ImageSet, runs: readonly Run[], pagesName: string, subject: string): void {
  const missing = runs.filter(({ origin }) => origin === 'missing');
  const [first] = missing;
  const last = missing.at(-1);
  if (first === undefined || last === undefined) return;
  const bytes = missing.reduce((sum, { start, end }) => sum + end - start, 0n);
  const what = images.has(pagesName) ? 'is shorter than its pagemap says' : 'is not in the archive';
  const range = `${formatAddress(first.start)} to ${formatAddress(last.end)}`;
  images.notes.warn(
    `${what}: ${bytes} bytes of ${subject} between ${range} are missing`,
    images.pathOf(pagesName),
  );
}
