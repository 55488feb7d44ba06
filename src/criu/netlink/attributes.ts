/**
 * Netlink attributes: `u16 length` (with these four bytes), `u16 type`, a value, padding to a multiple of 4. The two
 * highest bits of the type say that the value is nested attributes, or in network byte order; the rest is the number.
 * What an attribute is called and holds is data: a table by number.
 * Facts: linux/netlink.h.
 */
import { formatIpv4, formatIpv6 } from '../ip-address.ts';
import type { JsonValue } from '../python-json.ts';
import { base64Lines, surrogateEscaped } from '../text-encodings.ts';

/** A value from its bytes; undefined where they are not of the kind, most often by their number. */
export type ReadValue = (bytes: Uint8Array) => JsonValue | undefined;

/** Names and readers of attributes, by number. */
export type AttributeTable = Readonly<Record<number, readonly [name: string, read: ReadValue]>>;

const HEADER = 4;
const NUMBER = 0x3fff;

export type NetlinkFields = Readonly<Record<string, JsonValue>>;

/**
 * Reads attributes up to the end of `bytes`. What the table does not know, what is not of its kind and what occurs
 * again is kept under `unknown_attributes`; bytes that are no attribute under `trailing`.
 */
export function readAttributes(bytes: Uint8Array, table: AttributeTable): NetlinkFields {
  const fields: Record<string, JsonValue> = {};
  const unknown: JsonValue[] = [];
  let at = 0;
  while (bytes.length - at >= HEADER) {
    const length = u16At(bytes, at);
    if (length < HEADER || length > bytes.length - at) break;
    const value = bytes.subarray(at + HEADER, at + length);
    const type = u16At(bytes, at + 2);
    const [name, read] = table[type & NUMBER] ?? [];
    const known = name !== undefined && !Object.hasOwn(fields, name) ? read?.(value) : undefined;
    if (name !== undefined && known !== undefined) fields[name] = known;
    else unknown.push({ type, value: base64Lines(value) });
    at += Math.ceil(length / 4) * 4;
  }
  if (unknown.length > 0) fields.unknown_attributes = unknown;
  if (at < bytes.length) fields.trailing = base64Lines(bytes.subarray(at));
  return fields;
}

function u16At(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

/** Unsigned integers of exactly this many bytes; `big` ones in network byte order. */
const unsigned =
  (length: 1 | 2 | 4 | 8, big: boolean): ReadValue =>
  (bytes) => {
    if (bytes.length !== length) return undefined;
    let value = 0n;
    for (const byte of big ? bytes : bytes.toReversed()) value = (value << 8n) | BigInt(byte);
    return length === 8 ? value : Number(value);
  };

export const u8 = unsigned(1, false);
export const u16 = unsigned(2, false);
export const u32 = unsigned(4, false);
export const be16 = unsigned(2, true);
export const be32 = unsigned(4, true);
export const be64 = unsigned(8, true);

/** A signed integer of four bytes. */
export const s32: ReadValue = (bytes) => {
  const value = u32(bytes);
  return value === undefined ? undefined : Number(value) | 0;
};

/** An IPv4 or IPv6 address, by the number of bytes. */
export const address: ReadValue = (bytes) => {
  if (bytes.length === 4) return formatIpv4([...bytes]);
  return bytes.length === 16 ? formatIpv6([...bytes]) : undefined;
};

/** Text with closing NULs or without. */
export const text: ReadValue = (bytes) => {
  const end = bytes.indexOf(0);
  if (end < 0) return surrogateEscaped(bytes);
  return bytes.subarray(end).some((byte) => byte !== 0)
    ? undefined
    : surrogateEscaped(bytes.subarray(0, end));
};

/** Bytes without a meaning of their own, in hexadecimal. */
export const hex: ReadValue = (bytes) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Numbers that have names; one without comes as a number. */
export const words =
  (read: ReadValue, names: Readonly<Record<number, string>>): ReadValue =>
  (bytes) => {
    const value = read(bytes);
    return value === undefined ? undefined : (names[Number(value)] ?? value);
  };

/** A set of named bits, lowest first; bits without a name come last as one hexadecimal number. */
export const flags =
  (read: ReadValue, names: readonly (string | undefined)[]): ReadValue =>
  (bytes) => {
    const value = read(bytes);
    return value === undefined ? undefined : flagNames(Number(value), names);
  };

/** The names of the bits that are set. */
export function flagNames(value: number, names: readonly (string | undefined)[]): readonly string[] {
  const found: string[] = [];
  let rest = value >>> 0;
  for (const [bit, name] of names.entries()) {
    const mask = 2 ** bit;
    if (name === undefined || (rest & mask) === 0) continue;
    found.push(name);
    rest = (rest & ~mask) >>> 0;
  }
  return rest === 0 ? found : [...found, `0x${rest.toString(16)}`];
}

/** Attributes within an attribute. */
export const nested =
  (table: AttributeTable): ReadValue =>
  (bytes) =>
    readAttributes(bytes, table);

/** A struct of equal integers, by name. */
export const struct =
  (read: ReadValue, size: 1 | 2 | 4, names: readonly string[]): ReadValue =>
  (bytes) => {
    if (bytes.length !== size * names.length) return undefined;
    const values = names.map(
      (name, index) => [name, read(bytes.subarray(index * size, (index + 1) * size)) ?? 0] as const,
    );
    return Object.fromEntries(values);
  };
