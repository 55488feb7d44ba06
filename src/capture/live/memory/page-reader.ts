import { closeSync, openSync, read, readSync } from 'node:fs';
import { promisify } from 'node:util';
import { type CopyLane, MAX_RANGES, type PageRange } from './copy-lane.ts';
import type { PlannedPages } from './memory-plan.ts';
import type { UnreadablePages } from './unreadable-pages.ts';

/** Pages of an image that are read and written at once: they lie one behind the other in it. */
export interface PageBatch {
  readonly ranges: readonly PageRange[];
  readonly bytes: number;
  /** Of their first byte, from the beginning of the image. */
  readonly offset: number;
}

/** From so many bytes on a read may wait for another thread; shorter ones are over sooner than that takes. */
const LONG_READ_BYTES = 128 * 1024;

const readLong = promisify(read);

/** Reads the runs of a pages image. Batches are taken in order and may be filled side by side. */
export class PageReader {
  readonly #image: PlannedPages;
  readonly #pageSize: number;
  readonly #unreadable: UnreadablePages;
  readonly #descriptor: number | undefined;
  readonly #runs: Iterator<PageRange>;
  #left: PageRange = { start: 0, pages: 0 };
  #offset = 0;

  constructor(image: PlannedPages, pageSize: number, unreadable: UnreadablePages) {
    this.#image = image;
    this.#pageSize = pageSize;
    this.#unreadable = unreadable;
    this.#descriptor = tryOpen(image.path);
    this.#runs = image.runs[Symbol.iterator]();
  }

  /** The next pages that have not been taken, as many as a piece of `bytes` holds; undefined behind the last. */
  take(bytes: number): PageBatch | undefined {
    const ranges: PageRange[] = [];
    let pages = 0;
    for (let room = Math.floor(bytes / this.#pageSize); room > 0 && ranges.length < MAX_RANGES; ) {
      if (this.#left.pages === 0) {
        const next = this.#runs.next();
        if (next.done === true) break;
        this.#left = next.value;
      }
      const { start, pages: left } = this.#left;
      const taken = Math.min(left, room);
      ranges.push({ start, pages: taken });
      this.#left = { start: start + taken, pages: left - taken };
      room -= taken;
      pages += taken;
    }
    if (pages === 0) return undefined;
    const batch = { ranges, bytes: pages * this.#pageSize, offset: this.#offset };
    this.#offset += batch.bytes;
    return batch;
  }

  /** Puts the pages of `batch` at the start of the lane's piece: zeros where nothing can be read. */
  async fill({ ranges }: PageBatch, lane: CopyLane): Promise<void> {
    let ready = await this.#readAtOnce(ranges, lane);
    let at = 0;
    for (const { start, pages } of ranges) {
      const done = Math.min(pages, ready / this.#pageSize);
      ready -= done * this.#pageSize;
      const begin = at + done * this.#pageSize;
      at += pages * this.#pageSize;
      if (done < pages) await this.#readRange(lane.piece.subarray(begin, at), start + done);
    }
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
  }

  /** Bytes that are right now. */
  async #readAtOnce(ranges: readonly PageRange[], { readProcess }: CopyLane): Promise<number> {
    const { origin, path } = this.#image;
    // A number that is another process's here would be read as well.
    if (origin.kind !== 'process' || path !== `/proc/${origin.pid}/mem` || readProcess === undefined)
      return 0;
    const bytes = await readProcess(origin.pid, ranges, this.#pageSize);
    // A process may end, and its number be another's by now; the file is of the one that it was opened for.
    const isSame = this.#tryRead(new Uint8Array(1), ranges[0]?.start ?? 0) === 1;
    return isSame ? bytes : 0;
  }

  /** Fills `into`, whole pages from `page` on. Of a page that is read in part the rest is zeros. */
  async #readRange(into: Uint8Array, page: number): Promise<void> {
    for (let at = 0; at < into.length; ) {
      const from = page + at / this.#pageSize;
      const count = await this.#readSome(into.subarray(at), from);
      const whole = Math.floor(count / this.#pageSize) * this.#pageSize;
      if (whole === 0) {
        into.fill(0, at + count, at + this.#pageSize);
        if (count === 0) this.#unreadable.add(this.#image, from);
      }
      at += Math.max(whole, this.#pageSize);
    }
  }

  async #readSome(into: Uint8Array, page: number): Promise<number> {
    if (this.#descriptor === undefined || into.length < LONG_READ_BYTES) return this.#tryRead(into, page);
    try {
      return (await readLong(this.#descriptor, into, 0, into.length, this.#position(page))).bytesRead;
    } catch {
      return 0;
    }
  }

  #tryRead(into: Uint8Array, page: number): number {
    if (this.#descriptor === undefined) return 0;
    try {
      return readSync(this.#descriptor, into, 0, into.length, this.#position(page));
    } catch {
      return 0;
    }
  }

  /** In the file; addresses of processes have 57 bits at most, and the lowest twelve are zeros. */
  #position(page: number): number {
    return page * this.#pageSize;
  }
}

function tryOpen(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch {
    return undefined;
  }
}
