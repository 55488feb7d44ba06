import type { MemoryText } from './memory-layout.ts';
import { locate } from './memory-location.ts';
import type { MemoryHit, MemoryScanner } from './memory-scanner.ts';
import type { Block } from './pages-images.ts';

const NOTHING = new Uint8Array(0);

/** One scanner's way through one text, block by block. */
export class TextScan {
  readonly #text: MemoryText;
  readonly #scanner: MemoryScanner;
  readonly #index: number;
  /** The end of what was read, from one byte before where the search goes on. */
  #carry: Uint8Array = NOTHING;
  /** Offsets in the text: of the carry, and where the search goes on. */
  #carryStart = 0;
  #resume = 0;

  constructor(text: MemoryText, scanner: MemoryScanner, index: number) {
    this.#text = text;
    this.#scanner = scanner;
    this.#index = index;
  }

  *feed({ bytes, start, isLast }: Block): Generator<MemoryHit> {
    if (start !== this.#carryStart + this.#carry.length) {
      yield* this.finish();
      this.#carry = NOTHING;
      this.#resume = start;
    }
    const { overlap } = this.#scanner;
    if (this.#carry.length > 0) {
      const head = bytes.subarray(0, overlap + 1);
      const bridge = concat(this.#carry, head);
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
  *finish(): Generator<MemoryHit> {
    yield* this.#scan(this.#carry, this.#carryStart, this.#carry.length, true);
  }

  *#scan(window: Uint8Array, start: number, limit: number, isEnd: boolean): Generator<MemoryHit> {
    const from = this.#resume - start;
    if (from >= limit) return;
    const matches = this.#scanner.matches(window, from, limit, isEnd);
    let next = matches.next();
    for (; next.done !== true; next = matches.next()) {
      const { value } = next;
      const bytes = window.slice(value.start, value.end);
      yield { scanner: this.#index, bytes, ...locate(this.#text, start + value.start, bytes.length) };
    }
    this.#resume = start + next.value;
  }

  #keep(window: Uint8Array, start: number): void {
    const from = Math.min(window.length, Math.max(0, this.#resume - start - 1));
    this.#carry = window.slice(from);
    this.#carryStart = start + from;
  }
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
