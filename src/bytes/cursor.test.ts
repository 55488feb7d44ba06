import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Cursor } from './cursor.ts';

const varintOf = (value: bigint): Uint8Array => {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest === 0n ? low : low | 0x80);
  } while (rest !== 0n);
  return Uint8Array.from(bytes);
};

describe('Cursor', () => {
  it('reads little-endian values in order', () => {
    const backing = Uint8Array.from([
      99, 1, 2, 0, 3, 0, 0, 0, 255, 255, 255, 255, 4, 0, 0, 0, 0, 0, 0, 128, 7, 8,
    ]);
    const cursor = new Cursor(backing.subarray(1), { base: 100 });
    expect(cursor.u8()).toBe(1);
    expect(cursor.u16()).toBe(2);
    expect(cursor.u32()).toBe(3);
    expect(cursor.i32()).toBe(-1);
    expect(cursor.u64()).toBe(0x8000_0000_0000_0004n);
    expect([cursor.position, cursor.offset, cursor.remaining]).toEqual([19, 119, 2]);
    expect(cursor.bytes(2)).toEqual(Uint8Array.from([7, 8]));
    expect(cursor.remaining).toBe(0);
  });

  it('reads every varint that a writer can write', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.uint8Array({ maxLength: 3 }),
        (value, rest) => {
          const encoded = varintOf(value);
          const cursor = new Cursor(Uint8Array.from([...encoded, ...rest]));
          expect(cursor.varint()).toBe(value);
          expect(cursor.position).toBe(encoded.length);
        },
      ),
    );
  });

  it.each([0n, 127n, 128n, 2n ** 28n - 1n, 2n ** 28n, 2n ** 63n, 2n ** 64n - 1n])(
    'reads varint %s',
    (value) => {
      expect(new Cursor(varintOf(value)).varint()).toBe(value);
    },
  );
});
