import type { SourceLocation } from '../../bytes/source-location.ts';
import type { Owner } from './memory-layout.ts';

/** Half-open, in bytes from the beginning of a window. */
export interface MatchRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Something that is looked for in memory. It keeps no state between calls, and what it finds depends on nothing but where
 * the search goes on: from every place between the end of one match and the beginning of the next, it finds that next one.
 */
export interface MemoryScanner {
  /** How many bytes behind its first one a match may reach or depend on. At most MAX_OVERLAP. */
  readonly overlap: number;
  /**
   * The matches that begin in `[from, limit)` of the window, in order, and in the end where to go on, at or behind
   * `limit`. `window[from - 1]`, where `from` is not 0, is the byte before. With `isEnd` the memory ends where the window
   * ends; otherwise at least `overlap` bytes follow behind `limit`. The window is only valid during the call.
   */
  matches(window: Uint8Array, from: number, limit: number, isEnd: boolean): Generator<MatchRange, number>;
}

/** Bounds what is kept of one window for the next. */
export const MAX_OVERLAP = 1024 * 1024;

/** A match in memory. */
export interface MemoryHit {
  /** Which of the scanners found it. */
  readonly scanner: number;
  /** Every process that sees these bytes, and where; at least one, at most MAX_OWNERS. */
  readonly owners: readonly [Owner, ...Owner[]];
  readonly bytes: Uint8Array;
  /** Where the bytes lie in the archive: more than one range where they cross pages that lie apart. */
  readonly locations: readonly SourceLocation[];
}
