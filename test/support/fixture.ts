import { readdirSync } from 'node:fs';
import path from 'node:path';
import { openArchive } from '../../src/archive/open-archive.ts';
import { openFileSource } from '../../src/bytes/file-source.ts';
import type { Checkpoint } from '../../src/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../src/checkpoint/open-checkpoint.ts';

const folder = path.resolve(import.meta.dirname, '../../fixtures');

/** The archive of a recorded checkpoint, whatever its compression. */
export function fixtureArchive(name: string): string {
  const file = readdirSync(path.join(folder, name)).find((each) => each.startsWith('checkpoint.tar'));
  if (file === undefined) throw new Error(`fixtures/${name} has no archive`);
  return path.join(folder, name, file);
}

/** Opens a recorded checkpoint, lets `action` read it and closes it. */
export async function withFixture(
  name: string,
  action: (checkpoint: Checkpoint) => Promise<void>,
): Promise<void> {
  const source = await openFileSource(fixtureArchive(name));
  const archive = await openArchive(source);
  try {
    await action(await openCheckpoint(name, archive));
  } finally {
    await archive.close();
    await source.close();
  }
}
