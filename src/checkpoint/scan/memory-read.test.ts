import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fakeArchive, fakeSpace, type Mapping } from '../../../test/support/fake-memory.ts';
import type { Note } from '../../bytes/note.ts';
import { readMemory } from './memory-read.ts';

const image = Uint8Array.from({ length: 500 }, (_, index) => (index * 7) % 251);

describe('readMemory', () => {
  it('gives each byte of each process, once for all who see it, with its place', async () => {
    const mappings = fc.array(
      fc.record({ offset: fc.nat(400), length: fc.integer({ min: 1, max: 100 }), gap: fc.nat(3) }),
      { minLength: 1, maxLength: 5 },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(mappings, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 60 }),
        async (processes, windowSize) => {
          const spaces = processes.map((parts, pid) => fakeSpace(pid, layOut(parts)));
          const seen = new Map<string, number>();
          const places = new Set<number>();
          for await (const block of readMemory(spaces, fakeArchive({ p: image }), { windowSize })) {
            const { owners, bytes, location } = block;
            expect(bytes.length).toBe(location.length);
            for (const [index, byte] of bytes.entries()) {
              expect(byte).toBe(image[location.offset + index]);
              expect(places.has(location.offset + index)).toBe(false);
              places.add(location.offset + index);
              for (const { space, address } of owners)
                seen.set(`${space.pid}:${address + BigInt(index)}`, byte);
            }
          }
          const wanted = processes.flatMap((parts, pid) =>
            layOut(parts).flatMap(({ at, offset, length }) =>
              Array.from({ length }, (_, index) => [`${pid}:${at + index}`, image[offset + index]] as const),
            ),
          );
          expect([...seen].sort()).toEqual([...new Map(wanted)].sort());
        },
      ),
    );
  });

  it('says how far it is, what is missing, and stops when it is told to', async () => {
    const archive = fakeArchive({ p: image });
    const space = fakeSpace(1, [
      { at: 0, length: 400, entry: 'p', offset: 0 },
      { at: 1_000, length: 200, entry: 'p', offset: 450 },
      { at: 2_000, length: 10, entry: 'gone', offset: 0 },
    ]);
    const notes: Note[] = [];
    const progress: number[][] = [];
    const options = {
      windowSize: 100,
      onNote: (note: Note) => notes.push(note),
      onProgress: (...step: [number, number]) => progress.push(step),
    };
    let length = 0;
    for await (const { bytes } of readMemory([space], archive, options)) length += bytes.length;
    expect(length).toBe(450);
    expect(notes.map(({ entry }) => entry).sort()).toEqual(['gone', 'p']);
    expect(progress.at(0)).toEqual([100, 610]);
    expect(progress.at(-1)).toEqual([610, 610]);

    const signal = AbortSignal.abort(new Error('enough'));
    const stopped = readMemory([space], archive, { ...options, signal });
    const drain = async () => {
      for await (const _ of stopped);
    };
    await expect(drain()).rejects.toThrow('enough');
  });
});

function layOut(parts: readonly { offset: number; length: number; gap: number }[]): Mapping[] {
  let at = 1_000;
  return parts.map(({ offset, length, gap }) => {
    at += gap + length;
    return { at: at - length, length, entry: 'p', offset };
  });
}
