/**
 * Pages that follow each other, as runs in ascending order. A fragmented process has a million runs and all of them are held
 * while a container stands still, so they lie in typed arrays: 16 bytes a run.
 */

/** Pages `start`, `start + 1`, … `start + pages - 1`, counted from address (or offset) 0. */
export interface PageRun {
  readonly start: number;
  readonly pages: number;
}

/** Of one object: 32 MiB of memory. From there on runs are joined over what lies between them, if that is little. */
export const MAX_RUNS = 2 ** 21;
/** Pages without content that are copied as zeros rather than that a page with content is lost. */
const MAX_JOINED_GAP = 64;

const FIRST_CAPACITY = 64;

export class PageRuns implements Iterable<PageRun> {
  readonly #maxRuns: number;
  #starts = new Float64Array(FIRST_CAPACITY);
  #counts = new Float64Array(FIRST_CAPACITY);
  #length = 0;
  #pages = 0;
  #lost = 0;

  constructor(maxRuns = MAX_RUNS) {
    this.#maxRuns = maxRuns;
  }

  /** How many runs. */
  get length(): number {
    return this.#length;
  }

  /** How many pages in all runs. */
  get pages(): number {
    return this.#pages;
  }

  /** Pages for which there was no more room. */
  get lost(): number {
    return this.#lost;
  }

  /** Adds pages at or behind the end of the last run; what overlaps that run counts once. */
  add(start: number, pages: number): void {
    const last = this.#length - 1;
    const end = last < 0 ? -1 : (this.#starts[last] ?? 0) + (this.#counts[last] ?? 0);
    const isFull = this.#length >= this.#maxRuns;
    if (last >= 0 && (start <= end || (isFull && start - end <= MAX_JOINED_GAP))) {
      const grown = Math.max(0, start + pages - end);
      this.#counts[last] = (this.#counts[last] ?? 0) + grown;
      this.#pages += grown;
    } else if (isFull) {
      this.#lost += pages;
    } else {
      this.#push(start, pages);
    }
  }

  *[Symbol.iterator](): Generator<PageRun, void, undefined> {
    for (let index = 0; index < this.#length; index++)
      yield { start: this.#starts[index] ?? 0, pages: this.#counts[index] ?? 0 };
  }

  #push(start: number, pages: number): void {
    if (this.#length === this.#starts.length) {
      this.#starts = doubled(this.#starts);
      this.#counts = doubled(this.#counts);
    }
    this.#starts[this.#length] = start;
    this.#counts[this.#length] = pages;
    this.#length++;
    this.#pages += pages;
  }
}

/** The pages of all, each once. */
export function joinRuns(all: readonly PageRuns[]): PageRuns {
  const [only] = all;
  if (only !== undefined && all.length === 1) return only;
  const joined = new PageRuns();
  const sorted = all.flatMap((runs) => [...runs]).sort((a, b) => a.start - b.start);
  for (const { start, pages } of sorted) joined.add(start, pages);
  return joined;
}

function doubled(array: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(array.length * 2);
  larger.set(array);
  return larger;
}
