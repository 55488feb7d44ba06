import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { finder, plainIndexOf } from './byte-search.ts';

describe('finder', () => {
  it('finds what the plain search finds, whatever the order of the questions', () => {
    const memory = fc.array(fc.constantFrom(0, 0x61), { maxLength: 200, size: 'max' });
    const needles = fc.array(fc.constantFrom(0, 0x61, 0x62), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(memory, needles, fc.array(fc.nat(220), { maxLength: 30 }), (all, part, questions) => {
        const bytes = Uint8Array.from(all);
        const needle = Uint8Array.from(part);
        const find = finder(bytes, needle);
        for (const from of questions) expect(find(from)).toBe(plainIndexOf(bytes, needle, from));
      }),
    );
  });

  it('finds what lies in and across the blocks in which it looks', () => {
    const bytes = new Uint8Array(1024 * 1024);
    const places = [0, 4_094, 4_096, 12_287, 131_072, 700_000, bytes.length - 4];
    for (const place of places) bytes.set([1, 0, 2, 3], place);
    const find = finder(bytes, Uint8Array.of(1, 0, 2, 3));
    const found: number[] = [];
    for (let at = find(0); at >= 0; at = find(at + 1)) found.push(at);
    expect(found).toEqual([0, 4_096, 12_287, 131_072, 700_000, bytes.length - 4]);
    expect(find(131_000)).toBe(131_072);
  });
});
