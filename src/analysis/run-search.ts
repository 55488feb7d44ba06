import { findRuns, KERNEL_BLOCK, type RunSet } from '../bytes/kernels.ts';

/** Half-open. */
interface Run {
  readonly start: number;
  readonly end: number;
}

/**
 * Finds where at least `minimum` (at most KERNEL_BLOCK) members of a set stand together. A long run may come in parts of at
 * least `minimum` bytes that overlap. It keeps what it found of a block, so it is fast for offsets that ascend.
 */
export class RunFinder {
  readonly #bytes: Uint8Array;
  readonly #set: RunSet;
  readonly #minimum: number;
  /** Start and end, in turns, of the runs in `[blockStart, blockEnd)`; and the start to look at next. */
  #runs: Uint32Array = new Uint32Array(0);
  #next = 0;
  #blockStart = 0;
  /** Before everything: nothing has been looked at. */
  #blockEnd = -1;

  constructor(bytes: Uint8Array, set: RunSet, minimum: number) {
    this.#bytes = bytes;
    this.#set = set;
    this.#minimum = minimum;
  }

  /** The first run that ends behind `from`; undefined when there is none. */
  find(from: number): Run | undefined {
    if (from < this.#blockStart || from > this.#blockEnd) this.#load(from);
    for (;;) {
      while (this.#next > 0 && (this.#runs[this.#next - 1] ?? 0) > from) this.#next -= 2;
      while ((this.#runs[this.#next + 1] ?? Number.POSITIVE_INFINITY) <= from) this.#next += 2;
      const start = this.#runs[this.#next];
      const end = this.#runs[this.#next + 1];
      if (start !== undefined && end !== undefined) return { start, end };
      if (this.#blockEnd >= this.#bytes.length) return undefined;
      // A run that begins before the end of this block with too few bytes is seen whole in the next one.
      this.#load(Math.max(this.#blockEnd - this.#minimum + 1, this.#blockStart + 1));
    }
  }

  #load(start: number): void {
    this.#blockStart = start;
    this.#blockEnd = Math.min(this.#bytes.length, start + KERNEL_BLOCK);
    this.#runs = findRuns(this.#bytes, start, this.#set, this.#minimum);
    this.#next = 0;
  }
}
