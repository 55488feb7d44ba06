import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, encodeMessage, rawField, u32, u64, varint } from '../../test/support/criu-forge.ts';
import { allKinds } from './image-kinds.ts';
import * as s from './schema.ts';
import {
  decodeMessage,
  fieldLocation,
  isMessageOf,
  presentNumbers,
  rawTexts,
  unknownFields,
} from './wire.ts';

const color = s.enumeration('color', { RED: 0, GREEN: 5, BACK: -1 });
const inner = s.message('inner', { a: s.sint32(1), b: s.optional(s.string(2)) });
const everything = s.message('everything', {
  i32: s.int32(1),
  u32: s.uint32(2),
  s32: s.sint32(3),
  i64: s.int64(4),
  u64: s.uint64(5),
  s64: s.sint64(6),
  f32: s.fixed32(7),
  f64: s.fixed64(8),
  flag: s.bool(9),
  text: s.string(10),
  blob: s.bytes(11),
  color: s.enumerated(12, color),
  inner: s.nested(13, inner),
  maybe: s.optional(s.uint32(14)),
  numbers: s.repeated(s.int32(15)),
  longs: s.repeated(s.fixed64(16)),
  inners: s.repeated(s.nested(200, inner)),
});

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const int64 = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });
const uint64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const innerValue = fc.record({ a: int32, b: fc.option(fc.string(), { nil: undefined }) });
const value = fc.record({
  i32: int32,
  u32: uint32,
  s32: int32,
  i64: int64,
  u64: uint64,
  s64: int64,
  f32: uint32,
  f64: uint64,
  flag: fc.boolean(),
  text: fc.string({ unit: 'grapheme' }),
  blob: fc.uint8Array(),
  color: fc.constantFrom('RED', 'GREEN', 'BACK'),
  inner: innerValue,
  maybe: fc.option(uint32, { nil: undefined }),
  numbers: fc.array(int32),
  longs: fc.array(uint64),
  inners: fc.array(innerValue),
});

describe('decodeMessage', () => {
  it('gives back what was encoded, of every type', () => {
    fc.assert(
      fc.property(value, (message) => {
        const decoded = decodeMessage(everything, encodeMessage(everything, message));
        expect(decoded.problems).toEqual([]);
        expect(decoded.message).toEqual(message);
      }),
    );
  });

  it('reads packed numbers as well as single ones, and mixtures', () => {
    fc.assert(
      fc.property(fc.array(int32), fc.array(uint64), (numbers, longs) => {
        const schema = s.message('lists', {
          numbers: s.repeated(s.int32(15)),
          longs: s.repeated(s.fixed64(16)),
        });
        const bytes = concat(
          rawField(15, concat(...numbers.map((each) => varint(each)))),
          rawField(15, 7),
          rawField(16, concat(...longs.map((each) => u64(each)))),
        );
        expect(decodeMessage(schema, bytes).message).toEqual({ numbers: [...numbers, 7], longs });
      }),
    );
  });

  it('truncates varints to the width of their type, as protobuf does', () => {
    const schema = s.message('m', { i: s.int32(1), u: s.uint32(2), b: s.bool(3) });
    const bytes = concat(
      rawField(1, (5n << 32n) | 0xffffffffn),
      rawField(2, (9n << 32n) | 3n),
      rawField(3, 1n << 40n),
    );
    expect(decodeMessage(schema, bytes).message).toEqual({ i: -1, u: 3, b: true });
  });

  it('keeps the last of repeated single values, and numbers of nameless enum values', () => {
    const schema = s.message('m', { i: s.int32(1), color: s.enumerated(2, color) });
    const bytes = concat(rawField(1, 4), rawField(2, 77), rawField(1, 5));
    expect(decodeMessage(schema, bytes).message).toEqual({ i: 5, color: 77 });
  });

  it('keeps text without the mark and bytes of text that is no UTF-8', () => {
    const schema = s.message('m', { good: s.string(1), bad: s.repeated(s.string(2)) });
    const bytes = concat(
      rawField(1, Uint8Array.of(0xef, 0xbb, 0xbf, 65)),
      rawField(2, Uint8Array.of(66)),
      rawField(2, Uint8Array.of(0x2f, 0xff)),
    );
    const { message } = decodeMessage(schema, bytes, { offset: 100 });
    expect(message).toEqual({ good: '\ufeffA', bad: ['B', '/\ufffd'] });
    expect(rawTexts(message, 'good')).toEqual([undefined]);
    expect(rawTexts(message, 'bad')).toEqual([undefined, Uint8Array.of(0x2f, 0xff)]);
  });

  it('does not mix up field numbers above 2^28 and keeps what it does not know', () => {
    const bytes = concat(varint((0x1fffffff << 3) >>> 0), varint(1), varint(31 * 8 + 5), u32(9));
    const { message, problems } = decodeMessage(inner, concat(rawField(1, 2), bytes));
    expect(problems).toEqual([]);
    expect(unknownFields(message).map(({ number, value: kept }) => [number, kept])).toEqual([
      [0x1fffffff, 1n],
      [31, 9n],
    ]);
  });
});

describe('locations', () => {
  it('point at the value of every field, nested ones too', () => {
    fc.assert(
      fc.property(value, fc.nat(1000), (source, offset) => {
        const bytes = encodeMessage(everything, source);
        const { message } = decodeMessage(everything, bytes, { offset });
        const text = fieldLocation(message, 'text');
        const at = (text?.offset ?? 0) - offset;
        expect(
          new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(at, at + (text?.length ?? 0))),
        ).toBe(source.text);
        for (const [index, each] of message.inners.entries()) {
          const whole = fieldLocation(message, 'inners', index);
          const part = fieldLocation(each, 'a');
          expect(part?.offset).toBe((whole?.offset ?? 0) + 1);
        }
        expect(presentNumbers(message).has(14)).toBe(source.maybe !== undefined);
      }),
    );
  });

  it('are not seen by comparisons, copies or JSON', () => {
    const { message } = decodeMessage(inner, rawField(1, 2));
    expect(Object.keys(message)).toEqual(['a', 'b']);
    expect(JSON.stringify(message)).toBe('{"a":1}');
    expect(isMessageOf(inner, message)).toBe(true);
    expect(isMessageOf(everything, message)).toBe(false);
    expect(fieldLocation({ ...message }, 'a')).toBeUndefined();
  });
});

describe('the schemas', () => {
  it('use each field number once', () => {
    const seen = new Set<s.MessageSchema>();
    const visit = (schema: s.MessageSchema): void => {
      if (seen.has(schema)) return;
      seen.add(schema);
      const numbers = schema.fields.map((field) => field.number);
      expect(new Set(numbers).size, schema.name).toBe(numbers.length);
      for (const { type } of schema.fields) if (type.kind === 'message') visit(type.schema());
    };
    for (const kind of allKinds) {
      visit(kind.first);
      visit(kind.later);
    }
    expect(seen.size).toBeGreaterThan(120);
  });
});
