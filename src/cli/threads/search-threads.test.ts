import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { MemoryQuery, SearchThreads } from '../../analysis/memory-query.ts';
import { searchMemory } from '../../analysis/memory-search.ts';
import { findStrings } from '../../analysis/memory-strings.ts';
import { openArchive } from '../../archive/open-archive.ts';
import { openFileSource } from '../../bytes/file-source.ts';
import { openCheckpoint } from '../../checkpoint/open-checkpoint.ts';
import type { MatchBatch } from '../../checkpoint/scan/job-scan.ts';
import { type NodeSearchThreads, searchThreads } from './search-threads.ts';

const ARCHIVE = join(import.meta.dirname, '../../../fixtures/containerd-web/checkpoint.tar');

let folder = '';
let threads: NodeSearchThreads | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'exhibit-threads-'));
  await build({
    entryPoints: [join(import.meta.dirname, 'search-thread.ts')],
    outfile: join(folder, 'search-thread.mjs'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    logLevel: 'warning',
  });
  await writeFile(join(folder, 'broken.mjs'), 'throw new Error("it does not come up");');
});

afterEach(() => threads?.close());
afterAll(() => rm(folder, { recursive: true }));

function startThreads(file = 'search-thread.mjs'): SearchThreads {
  const started = searchThreads(pathToFileURL(join(folder, file)).href);
  if (started === undefined) throw new Error('there are no threads');
  threads = started;
  // A fixture is small; so are the jobs.
  return { runner: (query) => ({ ...started.runner(query), minimumLength: 0, jobLength: 32 * 1024 }) };
}

async function collect<Found>(found: AsyncIterable<readonly Found[]>): Promise<Found[]> {
  const all: Found[] = [];
  for await (const batch of found) all.push(...batch);
  return all;
}

async function onFixture<T>(action: (checkpoint: Awaited<ReturnType<typeof openCheckpoint>>) => Promise<T>) {
  const source = await openFileSource(ARCHIVE);
  const archive = await openArchive(source);
  try {
    return await action(await openCheckpoint('fixture', archive));
  } finally {
    await archive.close();
    await source.close();
  }
}

const MANY: MemoryQuery = { kind: 'regex', pattern: '[a-z]+[.]' };

async function drain(batches: AsyncIterable<MatchBatch>): Promise<void> {
  for await (const _ of batches);
}

describe('search threads', () => {
  it('find what one thread finds, in the same order', async () => {
    await onFixture(async (checkpoint) => {
      const alone = await collect(searchMemory(checkpoint, MANY));
      const shared = startThreads();
      expect(alone.length).toBeGreaterThan(100);
      expect(await collect(searchMemory(checkpoint, MANY, { threads: shared }))).toEqual(alone);
      const strings = await collect(findStrings(checkpoint, { minimum: 4 }));
      expect(await collect(findStrings(checkpoint, { minimum: 4, threads: shared }))).toEqual(strings);
    });
  });

  it('can be asked again after a search that was given up', async () => {
    await onFixture(async (checkpoint) => {
      const shared = startThreads();
      for await (const batch of searchMemory(checkpoint, MANY, { threads: shared })) {
        expect(batch.length).toBeGreaterThan(0);
        break;
      }
      const all = await collect(searchMemory(checkpoint, MANY, { threads: shared }));
      expect(all).toEqual(await collect(searchMemory(checkpoint, MANY)));
    });
  });

  it('do two searches at the same time', async () => {
    await onFixture(async (checkpoint) => {
      const shared = startThreads();
      const [matches, strings] = await Promise.all([
        collect(searchMemory(checkpoint, MANY, { threads: shared })),
        collect(findStrings(checkpoint, { threads: shared })),
      ]);
      expect(matches).toEqual(await collect(searchMemory(checkpoint, MANY)));
      expect(strings).toEqual(await collect(findStrings(checkpoint)));
    });
  });

  it('tell what cannot be read', async () => {
    const runner = startThreads().runner(MANY);
    const location = { entry: '', offset: 0, length: 10 };
    const part = { pieces: [location], starts: [0], isEnd: true, range: { from: [0], to: 10 } };
    const descriptor = 2 ** 20;
    await expect(drain(runner.run({ descriptor, parts: [part] }))).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
    });
  });

  it('tell that they do not come up', async () => {
    await onFixture(async (checkpoint) => {
      const search = collect(searchMemory(checkpoint, MANY, { threads: startThreads('broken.mjs') }));
      await expect(search).rejects.toThrow('it does not come up');
    });
  });
});
