/**
 * The protobuf wire format below its messages: a message is a sequence of fields, each a varint tag
 * (number << 3 | wire type) and a value: wire type 0 varint, 1 eight bytes, 2 a varint length and that many bytes, 5 four
 * bytes; integers little-endian. A varint holds 7 bits a byte, lowest first, in at most 10 bytes; negative int32 and int64
 * are 10 bytes long, sint ones are zigzag coded. Groups (wire types 3 and 4) do not occur in CRIU's messages.
 * Facts: the protobuf encoding documentation.
 */

import type { NamedField, ScalarType } from './schema.ts';

export type WireType = 0 | 1 | 2 | 5;

const MAX_VARINT = 10;

/** protobuf allows no higher field number. */
const MAX_FIELD_NUMBER = 0x1fffffff;

/** Steps over fields. The last varint or fixed value is in `low` and `high`, the halves of 64 bits, both unsigned. */
export class WireCursor {
  readonly bytes: Uint8Array;
  at: number;
  low = 0;
  high = 0;
  /** Of the last tag. */
  number = 0;
  /** Of the last tag; may be a type that is not readable. */
  wireType = 0;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  /** Reads a field's tag; false where it is cut short or its number impossible. */
  readTag(end: number): boolean {
    if (!this.readVarint(end)) return false;
    this.wireType = this.low & 7;
    this.number = (this.low >>> 3) + this.high * 0x20000000;
    return this.number > 0 && this.number <= MAX_FIELD_NUMBER;
  }

  /**
   * Reads a value into the halves; of a length-delimited one only the length, which fits into `end`, so that `at` is at
   * its first byte. False where it is cut short.
   */
  readValue(wireType: WireType, end: number): boolean {
    switch (wireType) {
      case 0:
        return this.readVarint(end);
      case 1:
        return this.#readFixed(8, end);
      case 5:
        return this.#readFixed(4, end);
      case 2:
        return this.readVarint(end) && this.high === 0 && this.low <= end - this.at;
    }
  }

  /** The hot path: most varints are one to six bytes long. */
  readVarint(end: number): boolean {
    const { bytes } = this;
    let low = 0;
    let high = 0;
    for (let index = 0; index < MAX_VARINT && this.at < end; index++) {
      const byte = bytes[this.at++] as number;
      const bits = byte & 0x7f;
      if (index < 4) low |= bits << (index * 7);
      else if (index === 4) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (index * 7 - 32);
      if (byte < 0x80) {
        this.low = low >>> 0;
        this.high = high >>> 0;
        return true;
      }
    }
    return false;
  }

  #readFixed(length: 4 | 8, end: number): boolean {
    if (end - this.at < length) return false;
    this.low = wordAt(this.bytes, this.at);
    this.high = length === 8 ? wordAt(this.bytes, this.at + 4) : 0;
    this.at += length;
    return true;
  }

  /** The halves as one integer. Below 2^53 one conversion is several times faster than shifting two. */
  unsigned(): bigint {
    const { high, low } = this;
    return high < 0x200000 ? BigInt(high * 0x100000000 + low) : (BigInt(high) << 32n) | BigInt(low);
  }
}

/** Whether a wire type is one that can be read. */
export function isWireType(wireType: number): wireType is WireType {
  return wireType === 0 || wireType === 1 || wireType === 2 || wireType === 5;
}

/** A little-endian word; the caller knows that it is there. */
export function wordAt(bytes: Uint8Array, at: number): number {
  const byte = (index: number): number => bytes[at + index] ?? 0;
  return (byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24)) >>> 0;
}

const WIRE_TYPES: Readonly<Record<ScalarType, WireType>> = {
  int32: 0,
  uint32: 0,
  sint32: 0,
  int64: 0,
  uint64: 0,
  sint64: 0,
  bool: 0,
  fixed32: 5,
  fixed64: 1,
  string: 2,
  bytes: 2,
};

/** The wire type of a field's values where they are not packed. */
export function wireTypeOf({ type }: NamedField): WireType {
  if (type.kind === 'scalar') return WIRE_TYPES[type.scalar];
  return type.kind === 'enum' ? 0 : 2;
}
