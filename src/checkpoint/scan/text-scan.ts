import type { MatchRange, MemoryScanner } from './memory-scanner.ts';
import type { Block } from './pages-images.ts';

const NOTHING = new Uint8Array(0);

/** A match, and the window that holds it until the next match is asked for. */
export interface TextMatch {
  /** Which of the scanners found it. */
  readonly scanner: number;
  /** Offset in the text. */
  readonly start: number;
  readonly length: number;
  readonly window: Uint8Array;
  /** Offset in the window. */
  readonly at: number;
}

/** Where in a text matches may begin. */
export interface ScanRange {
  /** For each scanner. */
  readonly from: readonly number[];
  /** Exclusive. */
  readonly to: number;
}

/** The way of some scanners through one text, or a part of it, block by block. Matches come by where they begin. */
export class TextScan {
  readonly #scanners: readonly MemoryScanner[];
  readonly #overlap: number;
  readonly #to: number;
  /** The end of what was read, from one byte before where the search goes on. */
  #carry: Uint8Array = NOTHING;
  #carryStart: number;
  readonly #carryRoom = new Room();
  /** For the carry and the beginning of what follows it. */
  readonly #bridgeRoom = new Room();
  /** For each scanner where it goes on. */
  readonly #resumes: number[];

  constructor(scanners: readonly MemoryScanner[], { from, to }: ScanRange) {
    this.#scanners = scanners;
    this.#overlap = Math.max(0, ...scanners.map(({ overlap }) => overlap));
    this.#resumes = [...from];
    this.#to = to;
    this.#carryStart = firstByte({ from, to });
  }

  /** For each scanner where its next match may begin: behind the range when that has been searched. */
  get resumes(): readonly number[] {
    return this.#resumes;
  }

  *feed({ bytes, start, isLast }: Block): Generator<TextMatch> {
    if (start !== this.#carryStart + this.#carry.length) {
      yield* this.finish();
      this.#carry = NOTHING;
      this.#skipTo(start);
    }
    const overlap = this.#overlap;
    if (this.#carry.length > 0) {
      const head = bytes.subarray(0, overlap + 1);
      const bridge = this.#bridgeRoom.fill(this.#carry, head);
      const isEnd = isLast && head.length === bytes.length;
      yield* this.#scan(bridge, this.#carryStart, isEnd ? bridge.length : bridge.length - overlap, isEnd);
      if (head.length === bytes.length) {
        this.#keep(bridge, this.#carryStart);
        return;
      }
    }
    yield* this.#scan(bytes, start, isLast ? bytes.length : bytes.length - overlap, isLast);
    this.#keep(bytes, start);
  }

  /** What was carried is the end of a stretch: bytes that cannot be read follow, or nothing. */
  *finish(): Generator<TextMatch> {
    yield* this.#scan(this.#carry, this.#carryStart, this.#carry.length, true);
  }

  /** Nothing is known of the bytes before; a scanner that is behind the range stays there. */
  #skipTo(start: number): void {
    for (const [index, resume] of this.#resumes.entries()) {
      if (resume < this.#to) this.#resumes[index] = start;
    }
  }

  *#scan(window: Uint8Array, start: number, end: number, isEnd: boolean): Generator<TextMatch> {
    const limit = Math.min(end, this.#to - start);
    const searches = this.#scanners.flatMap((scanner, index) => {
      const from = (this.#resumes[index] ?? 0) - start;
      if (from >= limit) return [];
      const matches = scanner.matches(window, from, limit, isEnd);
      return [{ scanner: index, matches, head: matches.next() } as Search];
    });
    for (let first = earliest(searches); first?.head.done === false; first = earliest(searches)) {
      const { start: at, end: matchEnd } = first.head.value;
      yield { scanner: first.scanner, start: start + at, length: matchEnd - at, window, at };
      first.head = first.matches.next();
    }
    for (const { scanner, head } of searches) {
      if (head.done === true) this.#resumes[scanner] = start + head.value;
    }
  }

  #keep(window: Uint8Array, start: number): void {
    const from = Math.min(window.length, Math.max(0, Math.min(...this.#resumes) - start - 1));
    this.#carry = this.#carryRoom.fill(window.subarray(from), NOTHING);
    this.#carryStart = start + from;
  }
}

/** The first byte that a scan of the range must see: scanners look at what stands before a match. */
export const firstByte = ({ from }: ScanRange): number => Math.max(0, Math.min(...from) - 1);

type Matches = ReturnType<MemoryScanner['matches']>;

interface Search {
  readonly scanner: number;
  readonly matches: Matches;
  /** Its next match; `done` false marks one, so that it can be told from the end. */
  head:
    | { readonly done: false; readonly value: MatchRange }
    | { readonly done: true; readonly value: number };
}

/** Of the searches that have a match, the one whose match begins first; of equals, the first. */
function earliest(searches: readonly Search[]): Search | undefined {
  let first: Search | undefined;
  let start = Number.POSITIVE_INFINITY;
  for (const search of searches) {
    if (search.head.done === true || search.head.value.start >= start) continue;
    first = search;
    start = search.head.value.start;
  }
  return first;
}

/** Memory that is used again: fresh memory for each window costs more than the copying. */
class Room {
  #bytes: Uint8Array = NOTHING;

  /** The bytes of both, until the next call. */
  fill(first: Uint8Array, second: Uint8Array): Uint8Array {
    const length = first.length + second.length;
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(length);
    this.#bytes.set(first);
    this.#bytes.set(second, first.length);
    return this.#bytes.subarray(0, length);
  }
}
