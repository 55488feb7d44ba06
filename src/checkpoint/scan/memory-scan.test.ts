import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fakeArchive, fakeSpace, type Mapping } from '../../../test/support/fake-memory.ts';
import type { ArchiveIndex } from '../../archive/archive-index.ts';
import type { Note } from '../../bytes/note.ts';
import type { AddressSpace } from '../address-space.ts';
import { type ScanOptions, scanMemory } from './memory-scan.ts';
import type { MatchRange, MemoryHit, MemoryScanner } from './memory-scanner.ts';

/** Finds every place of the needle, by the definition. */
function needleScanner(needle: string): MemoryScanner {
  return {
    overlap: needle.length - 1,
    *matches(window, from, limit): Generator<MatchRange, number> {
      const text = String.fromCharCode(...window);
      for (let at = text.indexOf(needle, from); at >= 0 && at < limit; at = text.indexOf(needle, at + 1)) {
        yield { start: at, end: at + needle.length };
      }
      return limit;
    },
  };
}

async function scan(
  spaces: readonly AddressSpace[],
  archive: ArchiveIndex,
  scanner: MemoryScanner,
  options: ScanOptions = {},
): Promise<MemoryHit[]> {
  const hits: MemoryHit[] = [];
  for await (const batch of scanMemory(spaces, archive, [scanner], options)) hits.push(...batch);
  return hits;
}

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));
const placesOf = (hits: readonly MemoryHit[]): string[] =>
  hits.flatMap(({ owners }) => owners.map(({ space, address: at }) => `${space.pid}:${at}`)).sort();

describe('scanMemory', () => {
  it('finds what crosses pages that are neighbours in memory but not in the image', async () => {
    const archive = fakeArchive({ p: bytesOf('retXXXXsec') });
    const space = fakeSpace(1, [
      { at: 100, length: 3, entry: 'p', offset: 7 },
      { at: 103, length: 3, entry: 'p', offset: 0 },
    ]);
    const [hit] = await scan([space], archive, needleScanner('secret'));
    expect(hit?.owners).toEqual([{ space, address: 100n }]);
    expect(hit?.locations).toEqual([
      { entry: 'p', offset: 7, length: 3 },
      { entry: 'p', offset: 0, length: 3 },
    ]);
    expect(hit?.bytes).toEqual(bytesOf('secret'));
  });

  it('does not find what only lies together in the image', async () => {
    const archive = fakeArchive({ p: bytesOf('secret') });
    const space = fakeSpace(1, [
      { at: 100, length: 3, entry: 'p', offset: 0 },
      { at: 200, length: 3, entry: 'p', offset: 3 },
    ]);
    expect(await scan([space], archive, needleScanner('secret'))).toEqual([]);
  });

  it('reads shared bytes once and names every process that sees them', async () => {
    const archive = fakeArchive({ shm: bytesOf('..secret..'), own: bytesOf('se') });
    const spaces = [
      fakeSpace(1, [{ at: 100, length: 10, entry: 'shm', offset: 0 }]),
      fakeSpace(2, [
        { at: 198, length: 2, entry: 'own', offset: 0 },
        { at: 200, length: 6, entry: 'shm', offset: 4 },
      ]),
    ];
    expect(placesOf(await scan(spaces, archive, needleScanner('secret')))).toEqual(['1:102', '2:198']);
    expect(placesOf(await scan(spaces, archive, needleScanner('ret')))).toEqual(['1:105', '2:201']);
    expect(await scan(spaces, archive, needleScanner('ret'))).toHaveLength(1);
  });

  it('reads each image once, in order', async () => {
    const archive = fakeArchive({ p: new Uint8Array(1_000), q: new Uint8Array(500) });
    const spaces = [
      fakeSpace(1, [{ at: 4_000, length: 500, entry: 'q', offset: 0 }]),
      fakeSpace(2, [{ at: 4_000, length: 1_000, entry: 'p', offset: 0 }]),
    ];
    const progress: number[][] = [];
    const options = { windowSize: 200, onProgress: (...parts: number[]) => progress.push(parts) };
    await scan(spaces, archive, needleScanner('x'), options);
    expect(archive.reads.map(([offset]) => offset)).toEqual([0, 200, 400, 600, 800, 0, 200, 400]);
    expect(progress.at(-1)).toEqual([1_500, 1_500]);
  });

  it('searches what is there of an image that is cut short, and says so', async () => {
    const archive = fakeArchive({ p: bytesOf('xxsecretse'), r: bytesOf('cret') });
    const notes: Note[] = [];
    const spaces = [
      fakeSpace(1, [
        { at: 100, length: 14, entry: 'p', offset: 0 },
        { at: 114, length: 4, entry: 'r', offset: 0 },
        { at: 200, length: 4, entry: 'gone', offset: 0 },
      ]),
    ];
    const hits = await scan(spaces, archive, needleScanner('secret'), { onNote: (note) => notes.push(note) });
    expect(placesOf(hits)).toEqual(['1:102']);
    expect(notes.map(({ entry }) => entry).sort()).toEqual(['gone', 'p']);
  });

  it('hands hits over in bounded batches', async () => {
    const archive = fakeArchive({ p: new Uint8Array(5_000) });
    const space = fakeSpace(1, [{ at: 0, length: 5_000, entry: 'p', offset: 0 }]);
    const sizes: number[] = [];
    for await (const batch of scanMemory([space], archive, [needleScanner('\0')])) sizes.push(batch.length);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(5_000);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(256);
  });

  const LETTERS = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 60, size: 'max' });
  const MAPPINGS = fc.array(
    fc.record({
      entry: fc.constantFrom('p', 'q'),
      offset: fc.nat(50),
      length: fc.integer({ min: 1, max: 12 }),
      gap: fc.constantFrom(0, 0, 0, 5),
    }),
    { maxLength: 6 },
  );

  it('finds what a search of each stretch of memory by itself finds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ p: LETTERS, q: LETTERS }),
        fc.array(MAPPINGS, { minLength: 1, maxLength: 3 }),
        fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 20 }),
        async (images, processes, needle, windowSize) => {
          const archive = fakeArchive({ p: bytesOf(images.p), q: bytesOf(images.q) });
          const laidOut = processes.map((mappings) => layOut(mappings, images));
          const spaces = laidOut.map((mappings, index) => fakeSpace(index + 1, mappings));
          const expected = laidOut.flatMap((mappings, index) =>
            searchStretches(mappings, images, needle, index + 1),
          );
          const hits = await scan(spaces, archive, needleScanner(needle), { windowSize });
          expect(placesOf(hits)).toEqual(expected.sort());
          for (const { bytes, locations } of hits) {
            const parts = locations.map(({ entry, offset, length }) =>
              images[entry as 'p' | 'q'].slice(offset, offset + length),
            );
            expect(parts.join('')).toBe(needle);
            expect(bytes).toEqual(bytesOf(needle));
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

type Images = Readonly<Record<'p' | 'q', string>>;

function layOut(
  parts: readonly { entry: 'p' | 'q'; offset: number; length: number; gap: number }[],
  images: Images,
): (Mapping & { entry: 'p' | 'q' })[] {
  let at = 1_000;
  return parts.flatMap(({ entry, offset, length, gap }) => {
    const start = Math.min(offset, images[entry].length - 1);
    const count = Math.min(length, images[entry].length - start);
    at += gap + count;
    return [{ at: at - count, length: count, entry, offset: start }];
  });
}

function searchStretches(
  mappings: readonly (Mapping & { entry: 'p' | 'q' })[],
  images: Images,
  needle: string,
  pid: number,
): string[] {
  const places: string[] = [];
  const memory = new Map<number, string>();
  for (const { at, length, entry, offset } of mappings) {
    for (let index = 0; index < length; index++) memory.set(at + index, images[entry][offset + index] ?? '');
  }
  for (const at of memory.keys()) {
    const text = Array.from(needle, (_, index) => memory.get(at + index) ?? '-').join('');
    if (text === needle) places.push(`${pid}:${at}`);
  }
  return places;
}
