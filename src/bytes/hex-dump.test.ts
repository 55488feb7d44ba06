import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexDump } from './hex-dump.ts';

describe('hexDump', () => {
  it('writes what `hexdump -C` writes', () => {
    const bytes = Buffer.from('Exhibit\0\x7f\xff~ 0123 rest', 'latin1');
    expect(hexDump(bytes, 0x1000n)).toEqual([
      '00001000  45 78 68 69 62 69 74 00  7f ff 7e 20 30 31 32 33  |Exhibit...~ 0123|',
      '00001010  20 72 65 73 74                                    | rest|',
    ]);
    expect(hexDump(new Uint8Array(0), 0n)).toEqual([]);
  });

  it('counts addresses beyond 32 bits, up to the last', () => {
    expect(hexDump(new Uint8Array(32), 0x7fff_ffff_fff0n).map((line) => line.split(' ')[0])).toEqual([
      '7ffffffffff0',
      '800000000000',
    ]);
    const last = hexDump(new Uint8Array(32), 0xffff_ffff_ffff_ffe0n, { addressDigits: 16 });
    expect(last.map((line) => line.split(' ')[0])).toEqual(['ffffffffffffffe0', 'fffffffffffffff0']);
    expect(hexDump(new Uint8Array(1), 0x10n, { addressDigits: 16 })[0]).toMatch(/^0000000000000010 {2}/);
  });

  it('shows every row, also those that repeat', () => {
    expect(hexDump(new Uint8Array(16 * 1000), 0n)).toHaveLength(1000);
  });

  it('loses no byte, and is printable ASCII', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.bigInt({ min: 0n, max: 2n ** 48n }),
        (bytes, start) => {
          const lines = hexDump(bytes, start);
          expect(lines.join('\n')).toMatch(/^[\n\x20-\x7e]*$/);
          const hex = lines
            .map((line) => line.split('  |')[0]?.replace(/^\S+/, ''))
            .join('')
            .replace(/ /g, '');
          expect(hex).toBe(Buffer.from(bytes).toString('hex'));
          lines.forEach(
            (line, at) => void expect(BigInt(`0x${line.split(' ')[0]}`)).toBe(start + BigInt(at * 16)),
          );
        },
      ),
    );
  });
});
