import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import {
  decodeMessage,
  encodeMessage,
  type Field,
  integerOf,
  messageOf,
  messagesOf,
  textMapOf,
  textOf,
} from './wire.ts';

const code = (bytes: readonly number[]): string => {
  try {
    decodeMessage(Uint8Array.from(bytes));
    return 'read';
  } catch (error) {
    return error instanceof ExhibitError ? error.code : String(error);
  }
};

describe('a message', () => {
  // The examples of protobuf's own encoding documentation.
  test.each([
    ['150 in field 1', [[1, 150n]], [0x08, 0x96, 0x01]],
    ['a text in field 2', [[2, 'testing']], [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]],
    ['a negative number', [[1, -2n]], [0x08, 0xfe, ...Array<number>(8).fill(0xff), 0x01]],
  ] as const)('is written as the format has it: %s', (_what, fields, bytes) => {
    expect([...encodeMessage(fields)]).toEqual([...bytes]);
  });

  test('is read field by field, the last of several counting', () => {
    const inner = encodeMessage([[1, 'key'] as const, [2, 'value'] as const]);
    const message = decodeMessage(
      encodeMessage([
        [1, 'first'],
        [1, 'last'],
        [3, -2n],
        [4, inner],
        [4, encodeMessage([[1, 'empty']])],
      ]),
    );
    expect(textOf(message, 1)).toBe('last');
    expect(integerOf(message, 3)).toBe(-2n);
    expect(messagesOf(message, 4)).toHaveLength(2);
    expect(textOf(messageOf(message, 4), 1)).toBe('empty');
    expect(textMapOf(message, 4)).toEqual({ key: 'value', empty: '' });
    expect([textOf(message, 9), integerOf(message, 9), messageOf(message, 9).size]).toEqual([
      undefined,
      0n,
      0,
    ]);
    // A field of another type than asked for is not there.
    expect([textOf(message, 3), integerOf(message, 1), messagesOf(message, 3)]).toEqual([undefined, 0n, []]);
  });

  test('steps over fixed-size values', () => {
    const message = decodeMessage(Uint8Array.from([0x0d, 1, 2, 3, 4, 0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x18, 7]));
    expect(integerOf(message, 3)).toBe(7n);
  });

  const field = fc.tuple(
    fc.integer({ min: 1, max: 0x1fffffff }),
    fc.oneof(fc.string({ unit: 'grapheme' }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  );
  test('reads what was written', () => {
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const message = decodeMessage(encodeMessage(fields as Field[]));
        for (const [number, value] of new Map(fields)) {
          const read = typeof value === 'string' ? textOf(message, number) : integerOf(message, number);
          expect(read).toBe(value);
        }
      }),
    );
  });
});

describe('bytes that are no message', () => {
  test.each([
    ['a tag that is cut short', [0x80], 'MALFORMED'],
    ['a number that is cut short', [0x08, 0x96], 'MALFORMED'],
    ['a number without end', [0x08, ...Array<number>(11).fill(0xff)], 'MALFORMED'],
    ['a text longer than the message', [0x12, 0x07, 0x74], 'MALFORMED'],
    ['a length of 2⁶³', [0x12, ...Array<number>(9).fill(0x80), 0x01], 'MALFORMED'],
    ['a fixed value that is cut short', [0x0d, 1, 2], 'MALFORMED'],
    ['a group', [0x0b], 'MALFORMED'],
    ['more fields than any answer has', Array<number>(2 * 65_537).fill(0x08), 'LIMIT_EXCEEDED'],
  ])('%s', (_what, bytes, expected) => {
    expect(code(bytes)).toBe(expected);
  });

  test('are refused or read, whatever they are', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 255 })), (bytes) => {
        expect(['read', 'MALFORMED']).toContain(code(bytes));
      }),
    );
  });
});
