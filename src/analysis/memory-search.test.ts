import { describe, expect, it } from 'vitest';
import { openArchive } from '../archive/open-archive.ts';
import { openFileSource } from '../bytes/file-source.ts';
import { fileSpills } from '../bytes/file-spill.ts';
import type { AddressSpace } from '../checkpoint/address-space.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { openCheckpoint } from '../checkpoint/open-checkpoint.ts';
import { type SearchHit, type SearchOptions, searchMemory } from './memory-search.ts';
import type { SearchQuery } from './pattern.ts';

const FIXTURES = [
  'containerd-web/checkpoint.tar',
  'containerd-compromised/checkpoint.tar',
  'containerd-zoo/checkpoint.tar',
  'podman-web/checkpoint.tar.zst',
];

async function withFixture(name: string, action: (checkpoint: Checkpoint) => Promise<void>): Promise<void> {
  const source = await openFileSource(`fixtures/${name}`);
  const archive = await openArchive(source, { spill: fileSpills(undefined) });
  try {
    await action(await openCheckpoint(name, archive));
  } finally {
    await archive.close();
    await source.close();
  }
}

async function findAll(
  checkpoint: Checkpoint,
  query: SearchQuery,
  options: SearchOptions = {},
): Promise<SearchHit[]> {
  const hits: SearchHit[] = [];
  for await (const batch of searchMemory(checkpoint, query, options)) hits.push(...batch);
  return hits;
}

const placesOf = (hits: readonly SearchHit[]): string[] =>
  hits.flatMap((hit) => [hit, ...hit.shared_with].map(({ pid, address }) => `${pid} ${address}`)).sort();

/** Every stretch of present memory, read through the address space. */
async function stretchesOf(space: AddressSpace): Promise<{ start: bigint; bytes: Buffer }[]> {
  const stretches: { start: bigint; bytes: Buffer }[] = [];
  for (const region of space.regions) {
    const length = Number(region.end - region.start);
    for (const extent of space.extents(region.start, length)) {
      if (extent.origin !== 'present') continue;
      const { bytes } = await space.read(extent.start, extent.length);
      const last = stretches.at(-1);
      if (last !== undefined && last.start + BigInt(last.bytes.length) === extent.start) {
        last.bytes = Buffer.concat([last.bytes, bytes]);
      } else stretches.push({ start: extent.start, bytes: Buffer.from(bytes) });
    }
  }
  return stretches;
}

async function findByReading(checkpoint: Checkpoint, needle: string): Promise<string[]> {
  const places: string[] = [];
  for (const process of await checkpoint.processes()) {
    const space = await process.addressSpace();
    for (const { start, bytes } of space === undefined ? [] : await stretchesOf(space)) {
      for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + 1)) {
        places.push(`${process.pid} 0x${(start + BigInt(at)).toString(16)}`);
      }
    }
  }
  return places.sort();
}

describe.each(FIXTURES)('searchMemory on %s', (name) => {
  it.each(['PATH=', '/bin', 'a', 'ELF'])(
    'finds %j wherever a reading of all memory finds it',
    async (needle) => {
      await withFixture(name, async (checkpoint) => {
        const hits = await findAll(checkpoint, { kind: 'text', text: needle });
        expect(placesOf(hits)).toEqual(await findByReading(checkpoint, needle));
        expect(hits.length).toBeGreaterThan(0);
      });
    },
  );

  it('says where in the archive the bytes lie', async () => {
    await withFixture(name, async (checkpoint) => {
      for (const hit of await findAll(checkpoint, { kind: 'regex', pattern: '[A-Z_]+=/[a-z/]*' })) {
        const parts: Uint8Array[] = [];
        for (const { entry, offset, length, archive_offset: archiveOffset } of hit.locations) {
          const found = checkpoint.archive.find(entry);
          if (found === undefined) throw new Error(`${entry} is not there`);
          const bytes = await checkpoint.archive.open(found).read(offset, length);
          parts.push(bytes);
          if (archiveOffset === undefined) continue;
          expect(await checkpoint.archive.tar.read(archiveOffset, length)).toEqual(bytes);
        }
        expect(Buffer.concat(parts).toString('hex')).toBe(hit.hex);
        expect(hit.region?.permissions).toMatch(/^[r-][w-][x-][ps]$/);
      }
    });
  });
});

describe('searchMemory', () => {
  it('finds the password in the environment, with what stands around it', async () => {
    await withFixture('containerd-web/checkpoint.tar', async (checkpoint) => {
      const query: SearchQuery = { kind: 'text', text: 'correct-horse' };
      const hits = await findAll(checkpoint, query, { context: 12 });
      const inStack = hits.find(({ region }) => region?.kind === 'stack');
      expect(inStack).toMatchObject({ pid: 1, comm: 'httpd', text: 'correct-horse' });
      expect(inStack?.context).toMatchObject({ before: 'DB_PASSWORD=', after: '-battery-sta' });
    });
  });

  it('looks only into the processes that are asked for', async () => {
    await withFixture('containerd-compromised/checkpoint.tar', async (checkpoint) => {
      const all = await findAll(checkpoint, { kind: 'text', text: 'PATH=' });
      const pids = [...new Set(all.map(({ pid }) => pid))];
      expect(pids.length).toBeGreaterThan(1);
      const some = await findAll(
        checkpoint,
        { kind: 'text', text: 'PATH=' },
        { filter: { pids: pids.slice(1) } },
      );
      expect(placesOf(some)).toEqual(placesOf(all.filter(({ pid }) => pid !== pids[0])));
    });
  });

  it('refuses a bad pattern before it reads', async () => {
    await withFixture('containerd-web/checkpoint.tar', async (checkpoint) => {
      expect(() => searchMemory(checkpoint, { kind: 'regex', pattern: '(' })).toThrow(
        expect.objectContaining({ code: 'BAD_PATTERN' }),
      );
    });
  });
});
