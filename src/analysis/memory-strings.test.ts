import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { forgeMm, forgePagemap, forgeTasks, openForged } from '../../test/support/checkpoint-forge.ts';
import { withFixture } from '../../test/support/fixture.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { FoundBytes } from './memory-search.ts';
import { selectMemory } from './memory-selection.ts';
import { findStrings, type StringOptions } from './memory-strings.ts';
import { extentsOf } from './region-extents.ts';

async function all(checkpoint: Checkpoint, options: StringOptions = {}): Promise<FoundBytes[]> {
  const found: FoundBytes[] = [];
  for await (const batch of findStrings(checkpoint, options)) found.push(...batch);
  return found;
}

/** A range of a pages image that follows itself in the memory of a process. */
interface Span {
  readonly image: string;
  readonly start: number;
  end: number;
}

const nameOf = (entry: string): string => entry.replace(/.*\//, '');

async function mappedSpans(checkpoint: Checkpoint): Promise<readonly Span[]> {
  const spans: Span[] = [];
  for (const { space } of await selectMemory(checkpoint)) {
    let next: bigint | undefined;
    for (const region of space.regions) {
      for (const { start, location } of extentsOf(space, region)) {
        if (location === undefined) continue;
        const { entry, offset, length } = location;
        const last = spans.at(-1);
        if (last?.image === nameOf(entry) && last.end === offset && next === start) last.end += length;
        else spans.push({ image: nameOf(entry), start: offset, end: offset + length });
        next = start + BigInt(length);
      }
    }
  }
  return spans;
}

interface Place {
  readonly image: string;
  readonly offset: number;
  readonly text: string;
}

/** GNU strings reads on over borders of memory that it cannot see, and reads memfds that no process maps. */
function asMapped({ image, offset, text }: Place, spans: readonly Span[]): readonly Place[] {
  return spans.flatMap((span) => {
    const from = Math.max(offset, span.start);
    const to = Math.min(offset + text.length, span.end);
    if (span.image !== image || from >= to) return [];
    return [{ image, offset: from, text: text.slice(from - offset, to - offset) }];
  });
}

const format = ({ image, offset, text }: Place): string => `${image} ${offset} ${text}`;

describe('findStrings', () => {
  it('finds in a recorded checkpoint what GNU strings finds in its pages images', () =>
    withFixture('containerd-compromised', async (checkpoint) => {
      const minimum = 6;
      const file = join(import.meta.dirname, 'strings/golden/containerd-compromised.txt');
      const spans = await mappedSpans(checkpoint);
      const theirs = readFileSync(file, 'latin1')
        .trimEnd()
        .split('\n')
        .map((line) => /^(\S+) (\d+) (.*)$/.exec(line) ?? [])
        .map(([, image = '', offset, text = '']) => ({ image, offset: Number(offset), text }))
        .flatMap((place) => asMapped(place, spans))
        .filter(({ text }) => text.length >= minimum);
      const ours: Place[] = [];
      for (const { text, locations } of await all(checkpoint, { minimum, encodings: ['ascii'] })) {
        let done = 0;
        for (const { entry, offset, length } of locations) {
          const part = text.slice(done, done + length);
          if (part.length >= minimum) ours.push({ image: nameOf(entry), offset, text: part });
          done += length;
        }
      }
      expect(theirs.length).toBeGreaterThan(400);
      // What several processes map is theirs once for each; we tell it once, with all of them.
      expect(ours.map(format).sort()).toEqual([...new Set(theirs.map(format))].sort());
    }));

  it('tells process, address, region and place', () =>
    withFixture('containerd-compromised', async (checkpoint) => {
      const found = await all(checkpoint, { filter: { pids: [1], vma: 'stack' } });
      const [password] = found.filter(({ text }) => text.startsWith('DB_PASSWORD='));
      expect(password).toMatchObject({ pid: 1, comm: 'httpd', encoding: 'utf-8', length: 40 });
      expect(password?.region).toMatchObject({ kind: 'stack' });
      expect(password?.locations).toHaveLength(1);
    }));

  it('reads across pages and regions that follow each other, and not across pages that only lie side by side', async () => {
    const pages = Buffer.alloc(3 * 4096);
    pages.write('begins here', 4096 - 11);
    pages.write(' and goes on', 4096);
    pages.write('ends a region', 2 * 4096 - 13);
    pages.write('begins another', 2 * 4096);
    const checkpoint = await openForged({
      images: {
        ...forgeTasks([{ pid: 1 }]),
        'mm-1.img': forgeMm({
          vmas: [
            { start: 0x1_0000n, end: 0x1_1000n },
            { start: 0x1_1000n, end: 0x1_2000n, prot: 1 },
            { start: 0x5_0000n, end: 0x5_1000n },
          ],
        }),
        'pagemap-1.img': forgePagemap([
          [0x1_0000n, 2, 4],
          [0x5_0000n, 1, 4],
        ]),
        'pages-1.img': pages,
      },
    });
    const found = await all(checkpoint);
    expect(found.map(({ address, text }) => [address, text])).toEqual([
      ['0x10ff5', 'begins here and goes on'],
      ['0x11ff3', 'ends a region'],
      ['0x50000', 'begins another'],
    ]);
  });

  it.each([0, 1025, 2.5])('refuses a minimum of %s', async (minimum) => {
    await withFixture('containerd-web', async (checkpoint) => {
      expect(() => findStrings(checkpoint, { minimum })).toThrow(
        expect.objectContaining({ code: 'BAD_PATTERN' }),
      );
    });
  });
});
