import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { cacheFolder } from '../testbed/cache.ts';
import type { Command } from './measure.ts';

/** checkpointctl as Debian ships it, in the testbed's root filesystem. */
export interface Checkpointctl {
  command(...args: readonly string[]): Command;
  /** The path by which it sees an archive of the cache folder, or a folder of archives. */
  see(path: string): string;
  close(): void;
}

/** The testbed's root filesystem, undefined where it was never brought up. */
export function testbedRoot(): string | undefined {
  const names = existsSync(cacheFolder()) ? readdirSync(cacheFolder()) : [];
  return names
    .filter((name) => /^rootfs-[\da-f]+$/.test(name))
    .map((name) => join(cacheFolder(), name))
    .find((path) => existsSync(join(path, 'usr/bin/checkpointctl')));
}

const SHARED_FOLDER = 'tmp/exhibit-bench';

/** Undefined, with the reason, where it cannot be run. */
export function findCheckpointctl(): Checkpointctl | string {
  const root = testbedRoot();
  if (root === undefined) return 'not there: bring the testbed up once (npm run testbed -- up)';
  if (process.getuid?.() !== 0) return 'not there: chroot into the testbed needs root';
  const folder = join(root, SHARED_FOLDER);
  mkdirSync(folder, { recursive: true });
  const shared = new Set<string>();
  return {
    command: (...args) => ({
      argv: ['chroot', root, 'env', `TMPDIR=/${SHARED_FOLDER}`, 'checkpointctl', ...args],
      cleanUp: () => removeLeftovers(folder, shared),
    }),
    see: (path) => {
      const name = basename(path);
      const seen = join(folder, name);
      if (!existsSync(seen)) execFileSync('cp', ['-rl', path, seen]);
      shared.add(name);
      return `/${SHARED_FOLDER}/${name}`;
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** What a run that was stopped unpacked and did not remove, and what it wrote. */
function removeLeftovers(folder: string, shared: ReadonlySet<string>): void {
  for (const name of readdirSync(folder)) {
    if (!shared.has(name)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}
