/** What mutation starts from: the recorded fixtures, as whole archives and member by member. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { openArchive } from '../../src/archive/open-archive.ts';
import { bufferSource } from '../../src/bytes/byte-source.ts';
import { nodeDecoders } from '../../src/bytes/node-decoders.ts';
import { readAll } from '../support/sources.ts';
import type { ForgedMember } from '../support/tar-forge.ts';

const FIXTURES = path.resolve(import.meta.dirname, '../../fixtures');

export interface SeedArchive {
  readonly bytes: Buffer;
  readonly compression: 'none' | 'gzip' | 'zstd';
  readonly members: readonly ForgedMember[];
}

const TYPE_FLAGS = { file: '0', hardlink: '1', symlink: '2', directory: '5' } as const;

export async function seedArchives(): Promise<readonly SeedArchive[]> {
  const folders = readdirSync(FIXTURES, { withFileTypes: true }).filter((each) => each.isDirectory());
  return Promise.all(
    folders.map(async ({ name }) => {
      const folder = path.join(FIXTURES, name);
      const file = readdirSync(folder).find((each) => each.startsWith('checkpoint.tar')) ?? '';
      return readSeed(readFileSync(path.join(folder, file)));
    }),
  );
}

async function readSeed(bytes: Buffer): Promise<SeedArchive> {
  const archive = await openArchive(bufferSource(bytes), { decoders: nodeDecoders() });
  const members = archive.entries.map(async (entry): Promise<ForgedMember> => {
    const flag = TYPE_FLAGS[entry.type as keyof typeof TYPE_FLAGS] ?? '0';
    const data = entry.type === 'file' ? await readAll(archive.open(entry)) : '';
    return { name: entry.path, flag, data, mode: entry.mode, link: entry.linkTarget ?? '' };
  });
  const seed = { bytes, compression: archive.compression, members: await Promise.all(members) };
  await archive.close();
  return seed;
}
