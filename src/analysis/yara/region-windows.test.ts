import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fakeArchive, fakeSpace, type Mapping } from '../../../test/support/fake-memory.ts';
import { readMemory } from '../../checkpoint/scan/memory-read.ts';
import { GAP_LENGTH, type RegionWindow, RegionWindows } from './region-windows.ts';

interface Seen {
  readonly region: bigint;
  readonly bytes: readonly number[];
  readonly repeated: number;
  readonly segments: RegionWindow['segments'];
}

async function windowsOf(
  mappings: readonly Mapping[],
  image: Uint8Array,
  windowLength: number,
  overlap: number,
): Promise<Seen[]> {
  const windows = new RegionWindows(windowLength, overlap);
  const seen: Seen[] = [];
  const keep = ({ region, bytes, repeated, segments }: RegionWindow) =>
    seen.push({ region: region.start, bytes: [...bytes], repeated, segments: [...segments] });
  const blocks = readMemory([fakeSpace(1, mappings)], fakeArchive({ p: image }), { windowSize: 64 });
  for await (const block of blocks) for (const window of windows.add(block)) keep(window);
  for (const window of windows.finish()) keep(window);
  return seen;
}

const image = Uint8Array.from({ length: 4_000 }, (_, index) => (index * 7) % 251);

describe('RegionWindows', () => {
  it('shows each region once, in order, whatever lies beside it in memory and in the image', async () => {
    const mappings = [
      { at: 0x1000, length: 100, entry: 'p', offset: 500 },
      { at: 0x1064, length: 40, entry: 'p', offset: 600 },
      { at: 0x9000, length: 30, entry: 'p', offset: 640 },
    ];
    const seen = await windowsOf(mappings, image, 1_000, 10);
    expect(seen.map(({ region, bytes }) => [region, bytes])).toEqual(
      mappings.map(({ at, length, offset }) => [BigInt(at), [...image.subarray(offset, offset + length)]]),
    );
  });

  it('repeats the end of a full window, and loses and invents no byte', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 600 }),
        fc.integer({ min: 20, max: 200 }),
        fc.integer({ min: 0, max: 19 }),
        async (length, windowLength, overlap) => {
          const mapping = { at: 0x1000, length, entry: 'p', offset: 33 };
          const seen = await windowsOf([mapping], image, windowLength, overlap);
          const all = seen.flatMap(({ bytes, repeated }) => bytes.slice(repeated));
          expect(all).toEqual([...image.subarray(33, 33 + length)]);
          for (const [index, { bytes, repeated, segments }] of seen.entries()) {
            expect(bytes.length).toBeLessThanOrEqual(windowLength);
            expect(repeated).toBe(index === 0 ? 0 : overlap);
            for (const segment of segments) {
              const { start, address, location } = segment;
              expect(Number(address) - 0x1000).toBe(location.offset - 33);
              expect(bytes.slice(start, start + segment.length)).toEqual([
                ...image.subarray(location.offset, location.offset + location.length),
              ]);
            }
          }
        },
      ),
    );
  });

  it('puts zeros for pages that are not there', () => {
    const [region] = fakeSpace(1, [{ at: 0, length: 100_000, entry: 'p', offset: 0 }]).regions;
    if (region === undefined) throw new Error('no region');
    const space = { ...fakeSpace(1, []), regionAt: () => region };
    const windows = new RegionWindows(20_000, 10);
    const block = (address: bigint, offset: number) => ({
      owners: [{ space, address }] as const,
      bytes: Uint8Array.of(1, 2),
      location: { entry: 'p', offset, length: 2 },
    });
    expect([...windows.add(block(0n, 0)), ...windows.add(block(50_000n, 2))]).toEqual([]);
    const [window] = [...windows.finish()];
    expect(window?.bytes.length).toBe(2 + GAP_LENGTH + 2);
    expect(window?.segments.map(({ start, address }) => [start, address])).toEqual([
      [0, 0n],
      [2 + GAP_LENGTH, 50_000n],
    ]);
    expect(window?.bytes.subarray(2, 2 + GAP_LENGTH).every((byte) => byte === 0)).toBe(true);
  });
});
