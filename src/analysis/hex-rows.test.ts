import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexDump } from '../bytes/hex-dump.ts';
import { foldRows, hexRows } from './hex-rows.ts';

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe('hexRows', () => {
  it('writes what hexDump writes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 100 }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 200n }),
        (bytes, start) => {
          const expected = hexDump(bytes, start, { addressDigits: 16 }).map((line) => `${line}\n`);
          expect(textOf(hexRows(bytes, start)).replaceAll(/ +\|/g, '|')).toBe(
            expected.join('').replaceAll(/ +\|/g, '|'),
          );
        },
      ),
    );
  });

  it('carries into the upper half of the address', () => {
    expect(textOf(hexRows(new Uint8Array(17), 0xffff_fff0n)).split('\n')[1]).toMatch(
      /^0000000100000000 {2}00 /,
    );
  });
});

describe('foldRows', () => {
  it('folds identical rows and only those', () => {
    const bytes = new Uint8Array(16 * 6);
    bytes[16 * 4] = 1;
    bytes[16 * 5] = 2;
    const lines = textOf(foldRows(hexRows(bytes, 0n)))
      .trimEnd()
      .split('\n');
    expect(lines.map((line) => line.slice(14, 20))).toEqual(['00  00', '', '40  01', '50  02']);
    expect(lines[1]).toBe('*');
  });
});
