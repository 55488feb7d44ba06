import type { PagesOrigin, PlannedPages } from './memory-plan.ts';

/** Pages that could not be read: zeros lie in their place. */
export interface UnreadableRange {
  readonly origin: PagesOrigin;
  /** Address, or offset in the shared object, in bytes. */
  readonly start: bigint;
  readonly pages: number;
}

/** Ranges that are told; honest processes have none or a few, a device's memory one a mapping. */
const MAX_UNREADABLE_RANGES = 10_000;

export interface UnreadableResult {
  readonly unreadable: readonly UnreadableRange[];
  /** Ranges beyond those that are listed. */
  readonly unlisted: number;
}

interface FoundRange {
  readonly image: PlannedPages;
  readonly start: number;
  pages: number;
}

/** Collects them one by one, roughly in order: pieces are read side by side. */
export class UnreadablePages {
  readonly #ranges: FoundRange[] = [];
  #unlisted = 0;

  add(image: PlannedPages, page: number): void {
    const last = this.#ranges.at(-1);
    if (last !== undefined && follows(last, image, page)) last.pages++;
    else if (this.#ranges.length < MAX_UNREADABLE_RANGES) this.#ranges.push({ image, start: page, pages: 1 });
    else this.#unlisted++;
  }

  /** In the order of the images, and of the pages in them; `pageSize` in bytes. */
  result(pageSize: number): UnreadableResult {
    const sorted = this.#ranges.toSorted((a, b) => a.image.pagesId - b.image.pagesId || a.start - b.start);
    const joined: FoundRange[] = [];
    for (const range of sorted) {
      const last = joined.at(-1);
      if (last !== undefined && follows(last, range.image, range.start)) last.pages += range.pages;
      else joined.push({ ...range });
    }
    const unreadable = joined.map(({ image, start, pages }) => ({
      origin: image.origin,
      start: BigInt(start) * BigInt(pageSize),
      pages,
    }));
    return { unreadable, unlisted: this.#unlisted };
  }
}

const follows = (last: FoundRange, image: PlannedPages, page: number): boolean =>
  last.image === image && last.start + last.pages === page;
