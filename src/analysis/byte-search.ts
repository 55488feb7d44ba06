/*
 * The two native byte operations that a search hangs on, with plain twins for where there is no Buffer (a browser):
 * finding a needle (memchr and memmem inside) and turning bytes into a string of one character each, on which the
 * JavaScript engine's own regular expressions run.
 */

const hasBuffer = typeof Buffer !== 'undefined';
/** An argument list has a length limit of its own. */
const CODES_AT_ONCE = 4_096;

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Returns a function that finds `needle` (not empty) at or after an offset of `bytes`, or -1. */
export function finder(bytes: Uint8Array, needle: Uint8Array): (from: number) => number {
  if (!hasBuffer) return (from) => plainIndexOf(bytes, needle, from);
  const buffer = asBuffer(bytes);
  return (from) => buffer.indexOf(needle, from);
}

/** Finds by the definition: the oracle of the native way. */
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
  if (hasBuffer) return asBuffer(bytes).toString('latin1', start, end);
  let text = '';
  for (let at = start; at < end; at += CODES_AT_ONCE) {
    text += String.fromCharCode(...bytes.subarray(at, Math.min(at + CODES_AT_ONCE, end)));
  }
  return text;
}
