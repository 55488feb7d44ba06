/**
 * The headers of a tar's members: a ustar block, and before it a PAX header with what the block has no room for. Contents
 * follow their header and are padded to whole blocks; two blocks of zeros end the archive. Layout: tar-header.ts, pax.ts.
 * Where a PAX record replaces a number, the block has 0, as GNU tar writes it.
 *
 * A size that is known only after the content was written needs a header whose length does not depend on it (`sizeRecord`):
 * a PAX record always has it, with leading zeros, and the block too where it fits. Go's archive/tar, Python's tarfile and
 * GNU tar read such numbers.
 */
import { concat } from '../bytes/concat.ts';
import type { EntryType } from './archive-index.ts';
import { BLOCK, hasContent } from './tar-header.ts';

/** One member to write. */
export interface TarMember {
  readonly type: Exclude<EntryType, 'other'>;
  /** Bytes where a name may be no UTF-8. */
  readonly path: string | Uint8Array;
  /** Of the content, in bytes; only files have any. Default 0. */
  readonly size?: number | undefined;
  /** Makes the header as long for each size as for any other. Default: as short as can be. */
  readonly sizeRecord?: boolean | undefined;
  /** Permission bits, with setuid, setgid and sticky. */
  readonly mode: number;
  /** Default 0, as `gid`. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Nanoseconds since 1970. */
  readonly modified: bigint;
  /** Of a symbolic or hard link. */
  readonly linkTarget?: string | Uint8Array | undefined;
  /** Of a device. */
  readonly device?: { readonly major: number; readonly minor: number } | undefined;
  readonly extendedAttributes?: Readonly<Record<string, Uint8Array>> | undefined;
}

const FLAGS = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  'character-device': '3',
  'block-device': '4',
  directory: '5',
  fifo: '6',
} as const;

const NAME_LENGTH = 100;
/** Digits of the octal fields; a NUL ends each. */
const SHORT_DIGITS = 7;
const LONG_DIGITS = 11;
/** Of Number.MAX_SAFE_INTEGER. */
const SIZE_DIGITS = 16;
const NANOSECONDS = 1_000_000_000n;

/** Two blocks of zeros: what ends an archive. */
export const TAR_END = new Uint8Array(2 * BLOCK);

/** How many zero bytes stand between a content of `size` bytes and the next header. */
export const paddingAfter = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;

/** The bytes that go before a member's content, a multiple of 512. */
export function tarHeader(member: TarMember): Uint8Array {
  const block = new HeaderBlock();
  const path = nameOf(member);
  const size = hasContent(member.type) ? (member.size ?? 0) : 0;
  const seconds = floorDivide(member.modified, NANOSECONDS);
  const records = [
    ...block.name(0, 'path', path),
    ...block.number(100, SHORT_DIGITS, 'mode', member.mode & 0o7777),
    ...block.number(108, SHORT_DIGITS, 'uid', member.uid ?? 0),
    ...block.number(116, SHORT_DIGITS, 'gid', member.gid ?? 0),
    ...sizeRecords(block.number(124, LONG_DIGITS, 'size', size), size, member.sizeRecord),
    ...block.number(136, LONG_DIGITS, 'mtime', Number(seconds)),
    ...block.name(157, 'linkpath', bytesOf(member.linkTarget ?? '')),
    ...block.number(329, SHORT_DIGITS, 'SCHILY.devmajor', member.device?.major ?? 0),
    ...block.number(337, SHORT_DIGITS, 'SCHILY.devminor', member.device?.minor ?? 0),
    ...fractionOf(member.modified - seconds * NANOSECONDS, seconds),
    ...attributeRecords(member.extendedAttributes ?? {}),
  ];
  return concat([...paxMember(records), block.finish(FLAGS[member.type])]);
}

class HeaderBlock {
  readonly #bytes = new Uint8Array(BLOCK);

  /** Returns the PAX records that are needed besides: here and below none or one. */
  name(offset: number, key: string, value: Uint8Array): readonly Uint8Array[] {
    this.#bytes.set(value.subarray(0, NAME_LENGTH), offset);
    return value.length > NAME_LENGTH ? [paxRecord(key, value)] : [];
  }

  number(offset: number, digits: number, key: string, value: number): readonly Uint8Array[] {
    const fits = value >= 0 && value < 8 ** digits;
    const text = (fits ? value : 0).toString(8).padStart(digits, '0');
    this.#bytes.set(bytesOf(text), offset);
    return fits ? [] : [paxRecord(key, bytesOf(String(value)))];
  }

  finish(flag: string): Uint8Array {
    const bytes = this.#bytes;
    bytes.set(bytesOf(flag), 156);
    bytes.set(bytesOf('ustar\x0000'), 257);
    bytes.set(bytesOf('        '), 148);
    const sum = bytes.reduce((total, byte) => total + byte, 0);
    bytes.set(bytesOf(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
    return bytes;
  }
}

function nameOf({ type, path }: TarMember): Uint8Array {
  const bytes = bytesOf(path);
  const slash = 0x2f;
  return type === 'directory' && bytes.at(-1) !== slash ? concat([bytes, Uint8Array.of(slash)]) : bytes;
}

function sizeRecords(needed: readonly Uint8Array[], size: number, isConstant = false): readonly Uint8Array[] {
  return isConstant ? [paxRecord('size', bytesOf(String(size).padStart(SIZE_DIGITS, '0')))] : needed;
}

/** Of a time with a part of a second: PAX alone has room for it, and its record counts whole. */
function fractionOf(nanoseconds: bigint, seconds: bigint): readonly Uint8Array[] {
  if (nanoseconds === 0n) return [];
  return [paxRecord('mtime', bytesOf(decimalTime(seconds, nanoseconds)))];
}

/** A time before 1970 counts its part of a second backwards too: -1 s and 750 ms are `-0.25`. */
function decimalTime(seconds: bigint, nanoseconds: bigint): string {
  const isNegative = seconds < 0n;
  const whole = isNegative ? -(seconds + 1n) : seconds;
  const part = isNegative ? NANOSECONDS - nanoseconds : nanoseconds;
  const digits = part.toString().padStart(9, '0').replace(/0+$/, '');
  return `${isNegative ? '-' : ''}${whole}.${digits}`;
}

/** A key ends at the first equals sign; GNU tar writes one within it as %3D, and a percent sign as %25. */
function attributeRecords(attributes: Readonly<Record<string, Uint8Array>>): readonly Uint8Array[] {
  return Object.entries(attributes).map(([name, value]) =>
    paxRecord(`SCHILY.xattr.${name.replaceAll('%', '%25').replaceAll('=', '%3D')}`, value),
  );
}

/** `LENGTH KEY=VALUE\n`, whose length counts itself. */
function paxRecord(key: string, value: Uint8Array): Uint8Array {
  const rest = concat([bytesOf(` ${key}=`), value, bytesOf('\n')]);
  let length = rest.length;
  while (length !== rest.length + String(length).length) length = rest.length + String(length).length;
  return concat([bytesOf(String(length)), rest]);
}

function paxMember(records: readonly Uint8Array[]): readonly Uint8Array[] {
  if (records.length === 0) return [];
  const content = concat(records);
  const block = new HeaderBlock();
  block.name(0, 'path', bytesOf('PaxHeaders/member'));
  block.number(100, SHORT_DIGITS, 'mode', 0o644);
  block.number(108, SHORT_DIGITS, 'uid', 0);
  block.number(116, SHORT_DIGITS, 'gid', 0);
  block.number(124, LONG_DIGITS, 'size', content.length);
  block.number(136, LONG_DIGITS, 'mtime', 0);
  return [block.finish('x'), content, new Uint8Array(paddingAfter(content.length))];
}

/** Towards minus infinity, where BigInt's own division goes towards zero. */
function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
}

const encoder = new TextEncoder();
const bytesOf = (value: string | Uint8Array): Uint8Array =>
  typeof value === 'string' ? encoder.encode(value) : value;
