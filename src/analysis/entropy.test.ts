import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withFixture } from '../../test/support/fixture.ts';
import { entropyOf, measureEntropy } from './entropy.ts';
import { selectMemory } from './memory-selection.ts';
import { extentsOf } from './region-extents.ts';

function countsOf(bytes: Uint8Array): number[] {
  const counts = new Array<number>(256).fill(0);
  for (const byte of bytes) counts[byte] = (counts[byte] ?? 0) + 1;
  return counts;
}

describe('entropyOf', () => {
  it('is 0 for one value, 1 for two alike, 8 for all alike', () => {
    expect(entropyOf([0, 7, 0])).toBe(0);
    expect(entropyOf([5, 5])).toBe(1);
    expect(entropyOf(new Array(256).fill(3))).toBeCloseTo(8, 12);
    expect(entropyOf([])).toBeUndefined();
  });

  it('stays between 0 and 8', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (bytes) => {
        const entropy = entropyOf(countsOf(bytes)) ?? -1;
        expect(entropy).toBeGreaterThanOrEqual(0);
        expect(entropy).toBeLessThanOrEqual(8);
      }),
    );
  });
});

describe.each(['containerd-compromised', 'containerd-zoo', 'podman-web'])('measureEntropy on %s', (name) => {
  it.each([4_096, 7_001, undefined])(
    'says of each region what reading it says, in windows of %s',
    (windowSize) =>
      withFixture(name, async (checkpoint) => {
        const memory = await selectMemory(checkpoint);
        const measured = await measureEntropy(memory, checkpoint.archive, { windowSize });
        let some = 0;
        for (const { space } of memory) {
          for (const region of space.regions) {
            const parts: Uint8Array[] = [];
            for (const { start, length, origin } of extentsOf(space, region)) {
              if (origin === 'present') parts.push((await space.read(start, length)).bytes);
            }
            const expected = entropyOf(countsOf(Buffer.concat(parts)));
            if (expected === undefined) expect(measured.get(region)).toBeUndefined();
            else expect(measured.get(region)).toBeCloseTo(expected, 9);
            some += expected === undefined ? 0 : 1;
          }
        }
        expect(some).toBeGreaterThan(5);
      }),
  );
});
