/** Writes the protobuf wire format; wire-cursor.ts has its layout. The inverse of reading: each piece is an own array. */
import { concat } from '../bytes/concat.ts';
import type { WireType } from './wire-cursor.ts';

/** The low 64 bits of an integer as a varint; negative ones take ten bytes, as protobuf-c writes them for CRIU. */
export function varint(value: bigint): Uint8Array {
  let rest = BigInt.asUintN(64, value);
  const bytes: number[] = [];
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/** `length` bytes of an integer, lowest first. */
export function littleEndian(value: bigint, length: 2 | 4 | 8): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
  return bytes.subarray(0, length);
}

/** A field: its tag, the length of a byte string, its value. */
export function wireField(number: number, wireType: WireType, value: bigint | Uint8Array): Uint8Array {
  const tag = varint(BigInt(number) * 8n + BigInt(wireType));
  if (typeof value !== 'bigint') return concat([tag, varint(BigInt(value.length)), value]);
  if (wireType === 1 || wireType === 5) return concat([tag, littleEndian(value, wireType === 1 ? 8 : 4)]);
  return concat([tag, varint(value)]);
}
