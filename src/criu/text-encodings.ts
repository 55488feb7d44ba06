/**
 * The forms in which crit puts bytes into JSON strings. Facts: RFC 2045 (base64 and quoted-printable), Python's base64
 * and quopri documentation, and the output of those modules.
 */

/** 57 bytes make a line of 76 characters, the longest that RFC 2045 allows. */
export const BASE64_LINE = 57;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Base64 in lines of 76 characters, each ended by a line feed, also the last; nothing for no bytes. */
export function base64Lines(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += BASE64_LINE) {
    text += `${base64(bytes.subarray(at, at + BASE64_LINE))}\n`;
  }
  return text;
}

function base64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const bits = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text += (ALPHABET[bits >>> 18] ?? '') + (ALPHABET[(bits >>> 12) & 63] ?? '');
    text += left > 1 ? ALPHABET[(bits >>> 6) & 63] : '=';
    text += left > 2 ? ALPHABET[bits & 63] : '=';
  }
  return text;
}

/** A line of quoted-printable text holds 76 characters with its soft line break. */
const QUOTED_LINE = 76;
const CR = 13;
const LF = 10;
const TAB = 9;
const SPACE = 32;

const hexByte = (byte: number): string => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
const isBlank = (byte: number | undefined): boolean => byte === SPACE || byte === TAB;

/**
 * Quoted-printable as Python's quopri writes it: blanks stay as they are but at the end of a line, line breaks stay line
 * breaks (all in the form of the first), a lone dot on a line is quoted.
 */
export function quotedPrintable(bytes: Uint8Array): string {
  const firstBreak = bytes.indexOf(LF);
  const newline = firstBreak > 0 && bytes[firstBreak - 1] === CR ? '\r\n' : '\n';
  let text = '';
  let column = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    const breakLength = lineBreakAt(bytes, at);
    if (breakLength > 0) {
      text = quoteTrailingBlank(text) + newline;
      column = 0;
      at += breakLength - 1;
      continue;
    }
    const unit = mustQuote(bytes, at, column) ? hexByte(byte) : String.fromCharCode(byte);
    const isLast = unit.length === 1 && (at + 1 === bytes.length || bytes[at + 1] === LF);
    if (!isLast && column + unit.length >= QUOTED_LINE) {
      text += `=${newline}`;
      column = 0;
    }
    text += unit;
    column += unit.length;
  }
  return text;
}

function lineBreakAt(bytes: Uint8Array, at: number): 0 | 1 | 2 {
  if (bytes[at] === LF) return 1;
  return bytes[at] === CR && bytes[at + 1] === LF ? 2 : 0;
}

function quoteTrailingBlank(text: string): string {
  const last = text.charCodeAt(text.length - 1);
  return isBlank(last) ? text.slice(0, -1) + hexByte(last) : text;
}

function mustQuote(bytes: Uint8Array, at: number, column: number): boolean {
  const byte = bytes[at] ?? 0;
  const next = bytes[at + 1];
  if (byte > 126 || byte === 0x3d) return true;
  if (byte === 0x2e) {
    return column === 0 && (next === undefined || next === LF || next === CR || next === 0);
  }
  if (isBlank(byte)) return next === undefined;
  return byte < SPACE && byte !== CR && byte !== LF;
}

/**
 * Text that is not all UTF-8, with each byte that does not belong to a character as a lone surrogate U+DC80 … U+DCFF:
 * Python's `surrogateescape` (PEP 383), which loses nothing and can be turned back into the same bytes.
 */
export function surrogateEscaped(bytes: Uint8Array): string {
  let text = '';
  let valid = 0;
  for (let at = 0; at < bytes.length; ) {
    const length = characterLength(bytes, at);
    if (length === 0) {
      text += utf8.decode(bytes.subarray(valid, at)) + String.fromCharCode(0xdc00 + (bytes[at] ?? 0));
      valid = at + 1;
    }
    at += Math.max(1, length);
  }
  return text + utf8.decode(bytes.subarray(valid));
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** How many bytes the UTF-8 character at `at` has, 0 for none: RFC 3629, section 4. */
function characterLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  for (let index = 1; index < length; index++) {
    const byte = bytes[at + index] ?? 0;
    const [low, high] = index === 1 ? (SECOND_BYTE[lead] ?? CONTINUATION) : CONTINUATION;
    if (byte < low || byte > high) return 0;
  }
  return length;
}

const CONTINUATION = [0x80, 0xbf] as const;

/** Second bytes that rule out overlong forms, surrogates and what is above U+10FFFF. */
const SECOND_BYTE: Readonly<Record<number, readonly [number, number]>> = {
  224: [0xa0, 0xbf],
  237: [0x80, 0x9f],
  240: [0x90, 0xbf],
  244: [0x80, 0x8f],
};
