/**
 * Which pages of a process, or of a shared memory segment, are in the archive, by ascending address. Only runs are kept,
 * never pages: 64 GiB of memory are 16 million pages, but seldom more than a few thousand runs.
 */
import { firstIndex } from '../bytes/binary-search.ts';
import { address, formatAddress } from '../bytes/brand.ts';
import type { SourceLocation } from '../bytes/source-location.ts';
import { type Pagemap, type PageRun, readPagemap } from '../criu/pagemap.ts';
import type { Extent, PageOrigin } from './address-space.ts';
import type { ImageSet } from './image-set.ts';
import { isPageSize } from './page-size.ts';

/** Addresses have 64 bits. */
const ADDRESS_LIMIT = 1n << 64n;

interface Run {
  readonly start: bigint;
  /** Exclusive. */
  readonly end: bigint;
  readonly origin: PageOrigin;
  /** Of a present run, in the image that holds its bytes. */
  readonly offset: number;
}

export class PageRuns {
  /** Bytes per page of what was read. */
  readonly pageSize: number;
  readonly #runs: readonly Run[];
  readonly #entry: string;
  /** From here on a damaged pagemap could not be read: what has no run there may have had pages all the same. */
  readonly knownUntil: bigint;
  /** For each run, the present bytes of those before it. */
  readonly #presentBefore: Float64Array;

  /** `runs` by ascending address, without overlap; `entry` holds the bytes of those that are present. */
  private constructor(runs: readonly Run[], entry: string, pageSize: number, isDamaged = false) {
    this.knownUntil = isDamaged ? (runs.at(-1)?.end ?? 0n) : ADDRESS_LIMIT;
    this.pageSize = pageSize;
    this.#runs = runs;
    this.#entry = entry;
    this.#presentBefore = new Float64Array(runs.length + 1);
    for (const [index, run] of runs.entries()) {
      this.#presentBefore[index + 1] = (this.#presentBefore[index] ?? 0) + presentLength(run);
    }
  }

  /**
   * Reads a pagemap image, undefined when there is none. `subject` names whose memory it is, in notes. A page size that
   * the pages image contradicts is corrected: the auxiliary vector, which told it, can be damaged or changed.
   */
  static async read(
    images: ImageSet,
    pagemapName: string,
    pageSize: number,
    subject: string,
  ): Promise<PageRuns | undefined> {
    const source = images.source(pagemapName);
    if (source === undefined) return undefined;
    const name = images.pathOf(pagemapName);
    const told = await readPagemap(source, name, { pageSize });
    const pagesName = `pages-${told.pagesId}.img`;
    const available = images.sizeOf(pagesName);
    const fitting = fittingPageSize(told, pageSize, available);
    if (fitting !== undefined) {
      const pagemap = await readPagemap(source, name, { pageSize: fitting });
      if (!isDamaged(pagemap)) {
        const what = `has the length of pages of ${fitting} bytes, not of ${pageSize} as the processes were told; read as such`;
        images.notes.warn(what, images.pathOf(pagesName));
        return PageRuns.#from(pagemap, fitting, available, images.pathOf(pagesName));
      }
    }
    images.notes.add(...told.notes);
    const pages = PageRuns.#from(told, pageSize, available, images.pathOf(pagesName));
    noteDifference(images, told, pages.#runs, pagesName, subject);
    return pages;
  }

  static #from(pagemap: Pagemap, pageSize: number, available: number, entry: string): PageRuns {
    const runs = pagemap.runs.flatMap((run) => split(run, pageSize, available));
    return new PageRuns(runs, entry, pageSize, isDamaged(pagemap));
  }

  /** Memory from address 0 on whose bytes lie together in one place. */
  static of({ entry, offset, length }: SourceLocation, pageSize: number): PageRuns {
    return new PageRuns([{ start: 0n, end: BigInt(length), origin: 'present', offset }], entry, pageSize);
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

  /** How many bytes of a range are in the archive; costs the same however many runs there are. */
  presentBytes(from: bigint, to: bigint): number {
    return from < to ? this.#presentBelow(to) - this.#presentBelow(from) : 0;
  }

  #presentBelow(at: bigint): number {
    const index = this.#firstEndingAfter(at);
    const run = this.#runs[index];
    const part = run?.origin === 'present' && at > run.start ? Number(at - run.start) : 0;
    return (this.#presentBefore[index] ?? 0) + part;
  }

  #locate(run: Run, start: bigint, end: bigint): SourceLocation | undefined {
    if (run.origin !== 'present') return undefined;
    const offset = run.offset + Number(start - run.start);
    return { entry: this.#entry, offset, length: Number(end - start) };
  }

  #firstEndingAfter(at: bigint): number {
    return firstIndex(this.#runs.length, (index) => (this.#runs[index] as Run).end > at);
  }
}

const presentLength = ({ origin, start, end }: Run): number =>
  origin === 'present' ? Number(end - start) : 0;

const isDamaged = ({ notes }: Pagemap): boolean => notes.some(({ severity }) => severity === 'warning');

/** Another page size than the one told, with which the present pages fill the pages image exactly. */
function fittingPageSize({ presentBytes }: Pagemap, told: number, available: number): number | undefined {
  const fitting = (available * told) / presentBytes;
  return presentBytes > 0 && fitting !== told && isPageSize(fitting) ? fitting : undefined;
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

/** The pages image should be as long as the pagemap says. */
function noteDifference(
  images: ImageSet,
  { presentBytes, runs: told }: Pagemap,
  runs: readonly Run[],
  pagesName: string,
  subject: string,
): void {
  const entry = images.pathOf(pagesName);
  const surplus = images.sizeOf(pagesName) - presentBytes;
  const isReadable = told.every(({ origin }) => origin !== 'unreadable');
  if (surplus > 0 && isReadable) {
    images.notes.warn(`holds ${surplus} bytes more than the pagemap of ${subject} places`, entry);
  }
  if (surplus >= 0) return;
  const missing = runs.filter(({ origin }) => origin === 'missing');
  const what = images.has(pagesName) ? 'is shorter than its pagemap says' : 'is not in the archive';
  const range = `${formatAddress(missing[0]?.start ?? 0n)} to ${formatAddress(missing.at(-1)?.end ?? 0n)}`;
  images.notes.warn(`${what}: ${-surplus} bytes of ${subject} between ${range} are missing`, entry);
}
