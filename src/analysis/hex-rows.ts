/*
 * The rows of `hexDump` (bytes/hex-dump.ts) as bytes: sixteen digits of address, sixteen bytes in two groups, ASCII. A
 * dump of a process is gigabytes of text, so a kernel fills in what are full rows.
 */
import { hexRowsOf, KERNEL_BLOCK } from '../bytes/kernels.ts';

const BYTES_PER_ROW = 16;
const ADDRESS_DIGITS = 16;
const HEX_START = ADDRESS_DIGITS + 2;
const GROUP = 8;
const ASCII_START = HEX_START + BYTES_PER_ROW * 3 + 3;
/** Bytes of a full row with its line feed. */
export const ROW_LENGTH = ASCII_START + BYTES_PER_ROW + 2;

const SPACE = 0x20;
const BAR = 0x7c;
const LINE_FEED = 0x0a;
const DIGITS = new TextEncoder().encode('0123456789abcdef');
const HIGH = Uint8Array.from({ length: 256 }, (_, byte) => DIGITS[byte >> 4] ?? 0);
const LOW = Uint8Array.from({ length: 256 }, (_, byte) => DIGITS[byte & 15] ?? 0);
const ASCII = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x20 && byte < 0x7f ? byte : 0x2e));

/** The rows of `bytes`, which lie at `start`; the last row may be short. */
export function hexRows(bytes: Uint8Array, start: bigint): Uint8Array {
  const text = new Uint8Array(hexRowsLength(bytes.length));
  return text.subarray(0, writeHexRows(text, bytes, start));
}

/** Bytes of the rows of so many bytes, at most. */
export const hexRowsLength = (length: number): number => Math.ceil(length / BYTES_PER_ROW) * ROW_LENGTH;

/** Writes the rows to the beginning of `text`, and returns how many bytes they are. */
export function writeHexRows(text: Uint8Array, bytes: Uint8Array, start: bigint): number {
  const full = bytes.length - (bytes.length % BYTES_PER_ROW);
  let to = 0;
  for (let at = 0; at < full; at += KERNEL_BLOCK) {
    const address = start + BigInt(at);
    const block = bytes.subarray(at, Math.min(full, at + KERNEL_BLOCK));
    const rows = hexRowsOf(block, Number(address >> 32n), Number(address & 0xffff_ffffn), ROW_LENGTH);
    text.set(rows, to);
    to += rows.length;
  }
  const rest = plainHexRows(bytes.subarray(full), start + BigInt(full));
  text.set(rest, to);
  return to + rest.length;
}

/** The same, byte by byte: for the last row, and the oracle of the kernel. */
export function plainHexRows(bytes: Uint8Array, start: bigint): Uint8Array {
  const rows = Math.ceil(bytes.length / BYTES_PER_ROW);
  const text = new Uint8Array(rows * ROW_LENGTH).fill(SPACE);
  let to = 0;
  let high = Number(start >> 32n);
  let low = Number(start & 0xffff_ffffn);
  for (let at = 0; at < bytes.length; at += BYTES_PER_ROW) {
    writeDigits(text, to, high);
    writeDigits(text, to + 8, low);
    to = writeRow(text, to, bytes, at, Math.min(BYTES_PER_ROW, bytes.length - at));
    low += BYTES_PER_ROW;
    if (low > 0xffff_ffff) {
      low -= 0x1_0000_0000;
      high++;
    }
  }
  return text.subarray(0, to);
}

function writeDigits(text: Uint8Array, to: number, value: number): void {
  for (let index = 0, shift = 28; index < 8; index++, shift -= 4) {
    text[to + index] = DIGITS[(value >>> shift) & 15] as number;
  }
}

/** Returns where the next row begins. */
function writeRow(text: Uint8Array, to: number, bytes: Uint8Array, at: number, count: number): number {
  let hex = to + HEX_START;
  const ascii = to + ASCII_START;
  for (let column = 0; column < count; column++) {
    const byte = bytes[at + column] as number;
    text[hex] = HIGH[byte] as number;
    text[hex + 1] = LOW[byte] as number;
    hex += column === GROUP - 1 ? 4 : 3;
    text[ascii + column] = ASCII[byte] as number;
  }
  text[ascii - 1] = BAR;
  text[ascii + count] = BAR;
  text[ascii + count + 1] = LINE_FEED;
  return ascii + count + 2;
}

/** Replaces rows that are the same sixteen bytes as the row before by one `*`, as hexdump does; differing rows all stay. */
export function foldRows(rows: Uint8Array): Uint8Array {
  const folded = new Uint8Array(rows.length);
  let to = 0;
  let isFolding = false;
  for (let at = 0; at < rows.length; at += ROW_LENGTH) {
    const row = rows.subarray(at, at + ROW_LENGTH);
    if (at > 0 && isSameContent(rows, at - ROW_LENGTH, row)) {
      if (!isFolding) {
        folded.set([0x2a, LINE_FEED], to);
        to += 2;
      }
      isFolding = true;
      continue;
    }
    isFolding = false;
    folded.set(row, to);
    to += row.length;
  }
  return folded.subarray(0, to);
}

function isSameContent(rows: Uint8Array, previous: number, row: Uint8Array): boolean {
  if (row.length < ROW_LENGTH) return false;
  for (let index = HEX_START; index < ROW_LENGTH; index++)
    if (rows[previous + index] !== row[index]) return false;
  return true;
}
