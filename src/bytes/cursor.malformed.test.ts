import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Cursor } from './cursor.ts';
import { ExhibitError } from './exhibit-error.ts';

describe('Cursor on malformed input', () => {
  it.each([
    ['u8', 0],
    ['u16', 1],
    ['u32', 3],
    ['i32', 3],
    ['u64', 7],
    ['i64', 7],
    ['varint', 0],
  ] as const)('%s on %i bytes is CUT_SHORT and moves nothing', (method, length) => {
    const cursor = new Cursor(new Uint8Array(length), { base: 40, source: 'checkpoint/pstree.img' });
    expect(() => cursor[method]()).toThrow(
      expect.objectContaining({ code: 'CUT_SHORT', offset: 40, source: 'checkpoint/pstree.img' }),
    );
    expect(cursor.position).toBe(0);
  });

  it.each([3, -1, 0.5, Number.NaN, 2 ** 60])('bytes(%d) of two is CUT_SHORT', (length) => {
    expect(() => new Cursor(new Uint8Array(2)).bytes(length)).toThrow(
      expect.objectContaining({ code: 'CUT_SHORT' }),
    );
  });

  it('a varint that never ends is MALFORMED, one that is cut is CUT_SHORT', () => {
    const endless = new Uint8Array(11).fill(0x80);
    expect(() => new Cursor(endless).varint()).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
    expect(() => new Cursor(endless.subarray(0, 9)).varint()).toThrow(
      expect.objectContaining({ code: 'CUT_SHORT' }),
    );
  });

  it('throws nothing but ExhibitError, whatever it reads', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
        const cursor = new Cursor(bytes);
        try {
          while (cursor.remaining > 0) cursor.bytes(Number(cursor.varint() % 9n));
        } catch (error) {
          expect(error).toBeInstanceOf(ExhibitError);
        }
      }),
    );
  });
});
