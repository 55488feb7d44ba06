/*
 * The byte operations that a search hangs on: finding a needle, by a kernel and by its plain twin, and turning bytes into a
 * string of one character each, on which the JavaScript engine's own regular expressions run.
 */
import { findAll, KERNEL_BLOCK, MAX_KERNEL_PATTERN } from '../bytes/kernels.ts';

const hasBuffer = typeof Buffer !== 'undefined';
/** An argument list has a length limit of its own. */
const CODES_AT_ONCE = 4_096;
/** The first look is at so many bytes, each further one at twice as many: who asks once does not pay for a whole block. */
const FIRST_BLOCK = 4 * 1024;

/**
 * Returns a function that finds `needle` (not empty) at or after an offset of `bytes`, or -1. It keeps what it found of a
 * block, so it is fast for offsets that ascend.
 */
export function finder(bytes: Uint8Array, needle: Uint8Array): (from: number) => number {
  if (needle.length > MAX_KERNEL_PATTERN) return (from) => plainIndexOf(bytes, needle, from);
  const blocks = new BlockFinder(bytes, needle);
  return (from) => blocks.find(from);
}

class BlockFinder {
  readonly #bytes: Uint8Array;
  readonly #needle: Uint8Array;
  readonly #probes: readonly [number, number];
  /** All places in `[start, end)`, and the one to look at next. */
  #places: Uint32Array = new Uint32Array(0);
  #next = 0;
  #start = 0;
  #end = 0;

  constructor(bytes: Uint8Array, needle: Uint8Array) {
    this.#bytes = bytes;
    this.#needle = needle;
    this.#probes = rarestPlaces(needle);
  }

  find(from: number): number {
    if (from < this.#start || from > this.#end) this.#load(from, FIRST_BLOCK);
    const last = this.#bytes.length - this.#needle.length;
    for (;;) {
      while (this.#next > 0 && (this.#places[this.#next - 1] ?? 0) >= from) this.#next--;
      while ((this.#places[this.#next] ?? from) < from) this.#next++;
      const place = this.#places[this.#next];
      if (place !== undefined) return place;
      if (this.#end > last) return -1;
      this.#load(this.#end, Math.max(FIRST_BLOCK, 2 * (this.#end - this.#start)));
    }
  }

  #load(start: number, length: number): void {
    this.#start = start;
    this.#end = start + Math.min(KERNEL_BLOCK, length);
    this.#places = findAll(this.#bytes, start, this.#end, this.#needle, this.#probes);
    this.#next = 0;
  }
}

/** Two places of the needle whose bytes are seldom in memory, ascending; the same twice where it has but one byte. */
function rarestPlaces(needle: Uint8Array): [number, number] {
  const places = Array.from(needle.keys());
  places.sort((a, b) => commonness(needle[a] ?? 0) - commonness(needle[b] ?? 0) || a - b);
  const [one = 0, other = one] = places;
  return [Math.min(one, other), Math.max(one, other)];
}

/** How much of memory a byte is, in classes: nothing is as common as zero; text is more common than what is no text. */
function commonness(byte: number): number {
  if (byte === 0x00) return 4;
  if (byte === 0xff || byte === 0x20) return 3;
  const isLowerCaseOrDigit = (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39);
  return isLowerCaseOrDigit ? 2 : byte < 0x80 ? 1 : 0;
}

/** Finds by the definition: the oracle of the kernel. */
export function plainIndexOf(bytes: Uint8Array, needle: Uint8Array, from: number): number {
  const first = needle[0] ?? 0;
  const last = bytes.length - needle.length;
  for (let at = bytes.indexOf(first, from); at >= 0 && at <= last; at = bytes.indexOf(first, at + 1)) {
    let length = 1;
    while (length < needle.length && bytes[at + length] === needle[length]) length++;
    if (length === needle.length) return at;
  }
  return -1;
}

/** The bytes from `start` to `end` as characters U+0000 to U+00FF. */
export function byteString(bytes: Uint8Array, start: number, end: number): string {
  if (hasBuffer)
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', start, end);
  let text = '';
  for (let at = start; at < end; at += CODES_AT_ONCE) {
    text += String.fromCharCode(...bytes.subarray(at, Math.min(at + CODES_AT_ONCE, end)));
  }
  return text;
}
