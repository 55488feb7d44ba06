import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexDump } from '../bytes/hex-dump.ts';
import { foldRows, hexRows, plainHexRows } from './hex-rows.ts';

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** At most 300 KiB: more than two blocks of the kernel. */
const repeated = (bytes: Uint8Array, times: number): Uint8Array =>
  new Uint8Array(Buffer.concat(Array(times).fill(bytes).slice(0, 800)).subarray(0, 300 * 1024));

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

  it('writes by kernel what it writes byte by byte', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 400 }),
        fc.integer({ min: 0, max: 20 }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 2n ** 20n }),
        (bytes, doublings, start) => {
          const long = repeated(bytes, 2 ** doublings);
          expect(Buffer.compare(hexRows(long, start), plainHexRows(long, start))).toBe(0);
        },
      ),
      { numRuns: 50 },
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
