import { existsSync, linkSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { cacheFolder } from '../testbed/cache.ts';
import type { Command } from './measure.ts';

/** checkpointctl as Debian ships it, in the testbed's root filesystem. */
export interface Checkpointctl {
  command(...args: readonly string[]): Command;
  /** The path by which it sees an archive of the cache folder. */
  see(archive: string): string;
  close(): void;
}

const SHARED_FOLDER = 'tmp/exhibit-bench';

/** Undefined, with the reason, where it cannot be run. */
export function findCheckpointctl(): Checkpointctl | string {
  const names = existsSync(cacheFolder()) ? readdirSync(cacheFolder()) : [];
  const roots = names
    .filter((name) => /^rootfs-[\da-f]+$/.test(name))
    .map((name) => join(cacheFolder(), name));
  const root = roots.find((path) => existsSync(join(path, 'usr/bin/checkpointctl')));
  if (root === undefined) return 'not there: bring the testbed up once (npm run testbed -- up)';
  if (process.getuid?.() !== 0) return 'not there: chroot into the testbed needs root';
  const folder = join(root, SHARED_FOLDER);
  mkdirSync(folder, { recursive: true });
  return {
    command: (...args) => ({
      argv: ['chroot', root, 'env', `TMPDIR=/${SHARED_FOLDER}`, 'checkpointctl', ...args],
      cleanUp: () => removeLeftovers(folder),
    }),
    see: (archive) => {
      const name = basename(archive);
      if (!existsSync(join(folder, name))) linkSync(archive, join(folder, name));
      return `/${SHARED_FOLDER}/${name}`;
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** What a run that was stopped unpacked and did not remove, and what it wrote. */
function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.endsWith('.tar')) rmSync(join(folder, name), { recursive: true, force: true });
  }
}
