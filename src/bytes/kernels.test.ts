import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findAll, KERNEL_BLOCK, MAX_KERNEL_PATTERN } from './kernels.ts';

/** By the definition. */
function places(bytes: Uint8Array, from: number, limit: number, pattern: Uint8Array): number[] {
  const found: number[] = [];
  for (let at = from; at < limit && at + pattern.length <= bytes.length; at++) {
    if (pattern.every((byte, index) => bytes[at + index] === byte)) found.push(at);
  }
  return found;
}

const FEW_BYTES = fc.constantFrom(0, 1, 0x61, 0xff);

describe('findAll', () => {
  it('finds what stands there by the definition, whichever two places it probes', () => {
    const memory = fc.array(FEW_BYTES, { maxLength: 300, size: 'max' });
    const pattern = fc.array(FEW_BYTES, { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(
        memory,
        pattern,
        fc.nat(310),
        fc.nat(310),
        fc.nat(19),
        fc.nat(19),
        (all, part, a, b, x, y) => {
          const bytes = Uint8Array.from(all);
          const needle = Uint8Array.from(part);
          const [from, limit] = [Math.min(a, b), Math.max(a, b)];
          const probes = [x % part.length, y % part.length].sort((one, other) => one - other);
          expect([...findAll(bytes, from, limit, needle, probes as [number, number])]).toEqual(
            places(bytes, from, limit, needle),
          );
        },
      ),
    );
  });

  it('finds a match at every place of a block, and not what an earlier call left in its memory', () => {
    const full = findAll(new Uint8Array(KERNEL_BLOCK + 1), 0, KERNEL_BLOCK, Uint8Array.of(0, 0), [0, 1]);
    expect(full).toHaveLength(KERNEL_BLOCK);
    expect(full.at(-1)).toBe(KERNEL_BLOCK - 1);
    expect(findAll(Uint8Array.of(0), 0, KERNEL_BLOCK, Uint8Array.of(0, 0), [0, 1])).toHaveLength(0);
  });

  it('finds the longest pattern where it begins on the last byte of a block', () => {
    const needle = new Uint8Array(MAX_KERNEL_PATTERN).fill(7);
    needle[MAX_KERNEL_PATTERN - 1] = 8;
    const bytes = new Uint8Array(KERNEL_BLOCK - 1 + MAX_KERNEL_PATTERN);
    bytes.set(needle, KERNEL_BLOCK - 1);
    const last = MAX_KERNEL_PATTERN - 1;
    expect([...findAll(bytes, 0, KERNEL_BLOCK, needle, [last, last])]).toEqual([KERNEL_BLOCK - 1]);
  });
});
