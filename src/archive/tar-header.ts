/**
 * One 512-byte tar header. Fields (offset, length in bytes), text padded with NUL, numbers in octal text:
 *
 *   name 0,100 · mode 100,8 · uid 108,8 · gid 116,8 · size 124,12 · mtime 136,12 · checksum 148,8 · type 156,1 ·
 *   link 157,100 · magic 257,6 · version 263,2 · user 265,32 · group 297,32 · major 329,8 · minor 337,8 · prefix 345,155
 *
 * POSIX ustar has the magic `ustar\0` and version `00`; old GNU has `ustar ` and version ` \0`, and other things where
 * ustar has the prefix; V7 has no magic. A number with the top bit of its first byte set is base 256, big-endian (GNU;
 * also what Go writes for sizes from 8 GiB). The checksum is the sum of all bytes, its own field counted as blanks; some
 * old writers summed signed bytes, so both sums are accepted.
 *
 * Facts: POSIX.1-2017 pax "ustar Interchange Format", GNU tar manual "Basic Tar Format", and archives that GNU tar and
 * Go wrote.
 */
import type { EntryType } from './archive-index.ts';

/** Headers and contents are aligned to it, in bytes. */
export const BLOCK = 512;

const CHECKSUM_OFFSET = 148;
const CHECKSUM_LENGTH = 8;
const MAGIC_OFFSET = 257;

export interface TarHeader {
  /** Raw name, prefix included, as written. */
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** In bytes; Infinity for a base-256 number beyond 2^53, undefined for what is no number at all. */
  readonly size: number | undefined;
  /** Seconds since 1970. */
  readonly modified: number;
  /** The type flag, one character; `\0` is an old spelling of `0`. */
  readonly flag: string;
  readonly link: string;
  readonly format: TarFormat;
  readonly checksumValid: boolean;
  /** Old GNU sparse: more blocks of the sparse map follow this one. */
  readonly sparseMapContinues: boolean;
}

export type TarFormat = 'ustar' | 'gnu' | 'v7';

const utf8 = new TextDecoder();

/** Bytes as text: UTF-8, with U+FFFD for what is none. */
export const decodeName = (bytes: Uint8Array): string => utf8.decode(bytes);

export function isZeroBlock(block: Uint8Array): boolean {
  return block.every((byte) => byte === 0);
}

/** Reads the fields of a header, whether its checksum is right or not. `block` is 512 bytes. */
export function parseTarHeader(block: Uint8Array): TarHeader {
  const format = formatOf(block);
  const prefix = format === 'ustar' ? text(block, 345, 155) : '';
  const name = text(block, 0, 100);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    mode: (number(block, 100, 8) ?? 0) & 0o7777,
    uid: number(block, 108, 8) ?? 0,
    gid: number(block, 116, 8) ?? 0,
    size: number(block, 124, 12),
    modified: number(block, 136, 12) ?? 0,
    flag: String.fromCharCode(block[156] ?? 0),
    link: text(block, 157, 100),
    format,
    checksumValid: isChecksumValid(block),
    sparseMapContinues: format === 'gnu' && block[482] === 1,
  };
}

/** What the type flag means, after POSIX and GNU; a name with a trailing slash is a directory to V7 writers. */
export function entryTypeOf(flag: string, name: string): EntryType {
  switch (flag) {
    case '0':
    case '7':
    case '\0':
      return name.endsWith('/') ? 'directory' : 'file';
    case '1':
      return 'hardlink';
    case '2':
      return 'symlink';
    case '3':
      return 'character-device';
    case '4':
      return 'block-device';
    case '5':
      return 'directory';
    case '6':
      return 'fifo';
    default:
      return 'other';
  }
}

/** These have no content, whatever their size field says. */
export const hasContent = (type: EntryType): boolean => type === 'file' || type === 'other';

function formatOf(block: Uint8Array): TarFormat {
  const magic = String.fromCharCode(...block.subarray(MAGIC_OFFSET, MAGIC_OFFSET + 8));
  if (magic.startsWith('ustar\0')) return 'ustar';
  return magic.startsWith('ustar ') ? 'gnu' : 'v7';
}

function text(block: Uint8Array, offset: number, length: number): string {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return decodeName(end < 0 ? field : field.subarray(0, end));
}

function number(block: Uint8Array, offset: number, length: number): number | undefined {
  const first = block[offset] ?? 0;
  if (first >= 0x80) return base256(block.subarray(offset, offset + length));
  const digits = String.fromCharCode(...block.subarray(offset, offset + length))
    .replace(/\0.*$/s, '')
    .trim();
  if (digits === '') return 0;
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
}

/** Two's complement without the topmost bit; negative numbers (only dates are) are exact down to -2^53. */
function base256(field: Uint8Array): number {
  const negative = ((field[0] ?? 0) & 0x40) !== 0;
  let value = negative ? -1n : BigInt((field[0] ?? 0) & 0x7f);
  for (const byte of field.subarray(1)) value = value * 256n + BigInt(byte);
  if (negative) value = BigInt.asIntN(field.length * 8 - 8, value);
  const plain = Number(value);
  return Number.isSafeInteger(plain) ? plain : Math.sign(plain) * Number.POSITIVE_INFINITY;
}

function isChecksumValid(block: Uint8Array): boolean {
  const recorded = number(block, CHECKSUM_OFFSET, CHECKSUM_LENGTH);
  let unsigned = CHECKSUM_LENGTH * 0x20;
  let highBytes = 0;
  for (let at = 0; at < BLOCK; at++) {
    if (at === CHECKSUM_OFFSET) at += CHECKSUM_LENGTH;
    const byte = block[at] ?? 0;
    unsigned += byte;
    if (byte >= 0x80) highBytes++;
  }
  return recorded === unsigned || recorded === unsigned - 256 * highBytes;
}
