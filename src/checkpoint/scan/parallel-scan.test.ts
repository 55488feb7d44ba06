import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fakeArchive, fakeSpace } from '../../../test/support/fake-memory.ts';
import { compileMemoryQuery, type MemoryQuery } from '../../analysis/memory-query.ts';
import type { Note } from '../../bytes/note.ts';
import { scanJob } from './job-scan.ts';
import { scanMemory } from './memory-scan.ts';
import type { MemoryHit, MemoryScanner } from './memory-scanner.ts';
import { PageReader } from './page-reader.ts';
import type { JobRunner } from './parallel-scan.ts';

type Archive = ReturnType<typeof fakeArchive>;

const scannersOf = (query: MemoryQuery): readonly MemoryScanner[] =>
  compileMemoryQuery(query).map(({ scanner }) => scanner);

/** Does jobs in this thread, as threads do them. */
function runnerOn({ file }: Archive, query: MemoryQuery, jobLength: number, windowSize?: number): JobRunner {
  const reader = new PageReader(file, { windowSize });
  return {
    size: 2,
    jobLength,
    minimumLength: 0,
    run: (job) => scanJob(job, scannersOf(query), reader),
    cancel: () => undefined,
  };
}

async function scan(
  archive: Archive,
  spaces: readonly ReturnType<typeof fakeSpace>[],
  query: MemoryQuery,
  runner?: JobRunner,
) {
  const hits: string[] = [];
  const notes: Note[] = [];
  const options = { runner, onNote: (note: Note) => notes.push(note) };
  for await (const batch of scanMemory(spaces, archive, scannersOf(query), options))
    hits.push(...batch.map(describeHit));
  return { hits, notes };
}

function describeHit({ scanner, owners, bytes, locations }: MemoryHit): string {
  const seen = owners.map(({ space, address }) => `${space.pid}:${address}`);
  const places = locations.map(({ entry, offset, length }) => `${entry}+${offset}+${length}`);
  return `${scanner} ${seen} ${Buffer.from(bytes).toString('hex')} ${places}`;
}

const QUERIES: readonly MemoryQuery[] = [
  { kind: 'text', text: 'aba' },
  { kind: 'text', text: 'aB', ignoreCase: true, utf16: true },
  { kind: 'regex', pattern: 'a+b' },
  { kind: 'regex', pattern: '\\ba[ab]*' },
  { kind: 'regex', pattern: '[ab]{3}|a.b$' },
  { kind: 'regex', pattern: '(ab|ba|b..)+?a' },
  { kind: 'strings', encodings: ['ascii'], minimum: 3 },
  { kind: 'strings', encodings: ['utf-8', 'utf-16le'], minimum: 2 },
  { kind: 'strings', encodings: ['utf-16le'], minimum: 4 },
];

const BYTES = fc
  .array(
    fc.oneof(
      fc.stringMatching(/^[abAB ]{1,12}$/).map((text) => Buffer.from(text)),
      fc.stringMatching(/^[abAB ]{1,12}$/).map((text) => Buffer.from(text, 'utf16le')),
      fc.constantFrom('ä', '日本', '\0', '\u0085').map((text) => Buffer.from(text)),
      fc.uint8Array({ minLength: 1, maxLength: 5 }),
    ),
    { minLength: 1, maxLength: 12 },
  )
  .map((parts) => new Uint8Array(Buffer.concat(parts)));

const MAPPINGS = fc.array(
  fc.record({
    entry: fc.constantFrom('p', 'q', 'p', 'q', 'gone'),
    offset: fc.nat(100),
    length: fc.integer({ min: 1, max: 60 }),
    gap: fc.constantFrom(0, 0, 0, 5),
  }),
  { minLength: 1, maxLength: 6 },
);

function layOut(parts: readonly { entry: string; offset: number; length: number; gap: number }[]) {
  let at = 1_000;
  return parts.map(({ entry, offset, length, gap }) => {
    at += gap + length;
    return { at: at - length, length, entry, offset };
  });
}

describe('scanMemory with a runner', () => {
  it.each(QUERIES)(
    'finds what it finds without one, in the same order, and says the same of it: %j',
    async (query) => {
      await fc.assert(
        fc.asyncProperty(
          fc.record({ p: BYTES, q: BYTES }),
          fc.array(MAPPINGS, { minLength: 1, maxLength: 3 }),
          fc.integer({ min: 1, max: 40 }),
          fc.integer({ min: 1, max: 60 }),
          async (images, processes, jobLength, windowSize) => {
            const archive = fakeArchive(images);
            const spaces = processes.map((parts, index) => fakeSpace(index + 1, layOut(parts)));
            const alone = await scan(archive, spaces, query);
            const runner = runnerOn(archive, query, jobLength, windowSize);
            expect(await scan(archive, spaces, query, runner)).toEqual(alone);
          },
        ),
        { numRuns: 200 },
      );
    },
  );

  it('cancels what is under way when nobody wants more', async () => {
    const archive = fakeArchive({ p: new Uint8Array(5_000) });
    const query: MemoryQuery = { kind: 'bytes', bytes: Uint8Array.of(0) };
    let cancelled = 0;
    const runner = { ...runnerOn(archive, query, 100), cancel: () => void cancelled++ };
    const space = fakeSpace(1, [{ at: 0, length: 5_000, entry: 'p', offset: 0 }]);
    for await (const batch of scanMemory([space], archive, scannersOf(query), { runner })) {
      expect(batch.length).toBeLessThanOrEqual(256);
      break;
    }
    expect(cancelled).toBe(1);
  });

  it('leaves little memory, and what lies in no file, to its own thread', async () => {
    const query: MemoryQuery = { kind: 'text', text: 'ab' };
    const archive = fakeArchive({ p: Buffer.from('xxabxx') });
    const space = fakeSpace(1, [{ at: 0, length: 6, entry: 'p', offset: 0 }]);
    const idle: JobRunner = {
      ...runnerOn(archive, query, 100),
      minimumLength: 6,
      run: () => {
        throw new Error('nothing is to be run');
      },
    };
    const buffer = { ...archive, tar: { size: 0, read: archive.tar.read } };
    expect((await scan(buffer, [space], query, idle)).hits).toHaveLength(1);
    expect((await scan(archive, [space], query, { ...idle, minimumLength: 7 })).hits).toHaveLength(1);
  });
});
