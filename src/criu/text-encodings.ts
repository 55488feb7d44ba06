/**
 * The forms in which crit puts bytes into JSON strings. Facts: RFC 2045 (base64 and quoted-printable), Python's base64,
 * quopri and bytes documentation, and the output of those modules.
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

const PYTHON_SHORT: Readonly<Record<number, string>> = { 9: '\\t', 10: '\\n', 13: '\\r', 92: '\\\\' };

/** Bytes as Python prints them, `b'…'`: what crit gives for a string that is not UTF-8. */
export function pythonBytes(bytes: Uint8Array): string {
  const quote = bytes.includes(0x27) && !bytes.includes(0x22) ? '"' : "'";
  let text = '';
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    if (character === quote) text += `\\${quote}`;
    else if (byte >= 0x20 && byte < 0x7f) text += PYTHON_SHORT[byte] ?? character;
    else text += PYTHON_SHORT[byte] ?? `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return `b${quote}${text}${quote}`;
}
