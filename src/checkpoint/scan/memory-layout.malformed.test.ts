import { describe, expect, it } from 'vitest';
import { fakeArchive, fakeSpace } from '../../../test/support/fake-memory.ts';
import { address } from '../../bytes/brand.ts';
import type { AddressSpace, Extent } from '../address-space.ts';
import { layOutMemory, MAX_OWNERS } from './memory-layout.ts';
import { scanMemory } from './memory-scan.ts';
import { MAX_OVERLAP, type MemoryScanner } from './memory-scanner.ts';

const nothing: MemoryScanner = {
  overlap: 0,
  *matches(_window, _from, limit) {
    yield* [];
    return limit;
  },
};

describe('hostile memory', () => {
  it('names a bounded number of the processes that map the same bytes', () => {
    const spaces = Array.from({ length: MAX_OWNERS + 50 }, (_, index) =>
      fakeSpace(index + 1, [{ at: 4_096 * index, length: 8, entry: 'p', offset: 0 }]),
    );
    const { texts, totalBytes } = layOutMemory(spaces);
    expect(texts).toHaveLength(1);
    expect(texts[0]?.pieces[0]?.owners).toHaveLength(MAX_OWNERS);
    expect(totalBytes).toBe(8);
  });

  it('asks for a region of the whole address space in lengths that are exact numbers', () => {
    const asked: [bigint, number][] = [];
    const huge = fakeSpace(1, [{ at: 0, length: 8, entry: 'p', offset: 0 }]);
    const [region] = huge.regions;
    if (region === undefined) throw new Error('no region');
    const space: AddressSpace = {
      ...huge,
      regions: [{ ...region, end: address(2n ** 64n - 1n) }],
      extents: (start, length): readonly Extent[] => {
        asked.push([start, length]);
        return [];
      },
    };
    expect(layOutMemory([space]).texts).toEqual([]);
    expect(asked.every(([, length]) => Number.isSafeInteger(length))).toBe(true);
    expect(asked.reduce((sum, [, length]) => sum + BigInt(length), 0n)).toBe(2n ** 64n - 1n);
  });

  it('passes over present pages that say nowhere where they are', () => {
    const space = fakeSpace(1, [{ at: 0, length: 8, entry: 'p', offset: 0 }]);
    const extents = (start: bigint, length: number): readonly Extent[] => [
      { start: address(start), length, origin: 'present', location: undefined },
    ];
    expect(layOutMemory([{ ...space, extents }]).totalBytes).toBe(0);
  });

  it('reads no more than a few times what jumps about in an image', async () => {
    const size = 40_000;
    const archive = fakeArchive({ p: new Uint8Array(size) });
    const mappings = Array.from({ length: size / 40 }, (_, index) => ({
      at: index * 40,
      length: 40,
      entry: 'p',
      offset: size - (index + 1) * 40,
    }));
    const scan = scanMemory([fakeSpace(1, mappings)], archive, [nothing], { windowSize: 4_000 });
    for await (const _ of scan) expect.unreachable();
    expect(archive.reads.reduce((sum, [, length]) => sum + (length ?? 0), 0)).toBeLessThanOrEqual(2 * size);
  });

  it('refuses a scanner that looks too far', async () => {
    const scan = scanMemory([], fakeArchive({}), [{ ...nothing, overlap: MAX_OVERLAP + 1 }]);
    await expect(scan.next()).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});
