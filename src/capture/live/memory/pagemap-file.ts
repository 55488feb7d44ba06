/**
 * /proc/PID/pagemap: 8 bytes a page of the address space, little-endian on the machines that containers run on.
 * - bit 63: the page is in memory; bit 62: it is in swap, or a marker stands in its place
 * - bit 61: a page of a file, or of shared anonymous memory
 * - bit 58: a guard (MADV_GUARD_INSTALL; Linux 6.15 and later), which has no content
 * - bits 0–54: the number of the page frame where bit 63 is set; 0 for readers without CAP_SYS_ADMIN
 * Facts: Linux, Documentation/admin-guide/mm/pagemap.rst.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import type { PageRuns } from './page-runs.ts';

const ENTRY_BYTES = 8;
/** Read at once, in bytes: the kernel itself works through 64 KiB at a time. */
const PIECE_BYTES = 512 * 1024;

/** Bits of the upper half of an entry. */
const PRESENT = 1 << 31;
const SWAPPED = 1 << 30;
const OF_FILE = 1 << 29;
const GUARD = 1 << 26;
const FRAME_HIGH = (1 << 23) - 1;
const HALF = 2 ** 32;

/** The frames of the kernel's pages of zeros, by number. */
export interface ZeroPages {
  has(frame: number): boolean;
}

/** Which pages of a range are wanted. */
export interface PageWish {
  /** Pages of files (and of shared memory) too, not only the process's own. */
  readonly filePages: boolean;
  /** Frames whose content is known to be zeros. */
  readonly zeroPages: ZeroPages;
}

const piece = new Uint32Array(PIECE_BYTES / 4);
const pieceBytes = Buffer.from(piece.buffer);
const zeros = Buffer.alloc(PIECE_BYTES);

export class PagemapFile {
  readonly #descriptor: number;

  /** Throws what the system says when it cannot be opened. */
  constructor(path: string) {
    this.#descriptor = openSync(path, 'r');
  }

  /**
   * Adds the wanted pages among `count` from `first` on to `runs`, as if the first page of the range were `as`. Returns how
   * many pages the file has told of: fewer than `count` where the process has ended or the range leaves its address space.
   */
  collect(
    { first, count }: { readonly first: number; readonly count: number },
    wish: PageWish,
    runs: PageRuns,
    as = first,
  ): number {
    for (let done = 0; done < count; ) {
      const length = Math.min(PIECE_BYTES, (count - done) * ENTRY_BYTES);
      const position = BigInt(first + done) * BigInt(ENTRY_BYTES);
      const read = Math.floor(readSync(this.#descriptor, piece, 0, length, position) / ENTRY_BYTES);
      if (read === 0) return done;
      // Reservations of terabytes have next to nothing in them.
      const isEmpty = zeros.compare(pieceBytes, 0, read * ENTRY_BYTES, 0, read * ENTRY_BYTES) === 0;
      if (!isEmpty) collectPiece(read, as + done, wish, runs);
      done += read;
    }
    return count;
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

function collectPiece(count: number, as: number, wish: PageWish, runs: PageRuns): void {
  const unwanted = wish.filePages ? GUARD : GUARD | OF_FILE;
  let began = -1;
  for (let index = 0; index < count; index++) {
    const low = piece[2 * index] ?? 0;
    const high = piece[2 * index + 1] ?? 0;
    const isWanted =
      (high & (PRESENT | SWAPPED)) !== 0 &&
      (high & unwanted) === 0 &&
      !((high & PRESENT) !== 0 && wish.zeroPages.has((high & FRAME_HIGH) * HALF + low));
    if (isWanted && began < 0) began = index;
    if (isWanted || began < 0) continue;
    runs.add(as + began, index - began);
    began = -1;
  }
  if (began >= 0) runs.add(as + began, count - began);
}

/** The frames of all pages that are in memory, for a short range. */
export function readFrames(path: string, first: number, count: number): readonly number[] {
  const descriptor = openSync(path, 'r');
  try {
    const words = new Uint32Array(count * 2);
    const read = readSync(descriptor, words, 0, words.byteLength, BigInt(first) * BigInt(ENTRY_BYTES));
    const frames: number[] = [];
    for (let index = 0; index < read / ENTRY_BYTES; index++) {
      const high = words[2 * index + 1] ?? 0;
      if ((high & PRESENT) !== 0) frames.push((high & FRAME_HIGH) * HALF + (words[2 * index] ?? 0));
    }
    return frames.filter((frame) => frame !== 0);
  } finally {
    closeSync(descriptor);
  }
}
