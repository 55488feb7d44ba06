import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { identify, isAlive, type ProcessIdentity, until } from './process.ts';
import type { Progress } from './progress.ts';

/** Something that takes long to build and is kept, by what it was built from, in the user's cache folder. */
export interface Part {
  readonly name: string;
  /** All that decides what comes out: texts of sources, package names, commands. */
  readonly ingredients: readonly string[];
  /** Builds it at `target`, a path that does not exist yet. */
  readonly build: (target: string) => Promise<void>;
}

/** Longer than the slowest build by far: whoever waits that long waits for something that hangs. */
const BUILD_LIMIT_SECONDS = 1800;

export function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'exhibit', 'testbed');
}

/** The path of a part, which is built first if it is not there. */
export async function cached(part: Part, progress: Progress): Promise<string> {
  const path = join(cacheFolder(), `${part.name}-${keyOf(part.ingredients)}`);
  if (existsSync(path)) return path;
  mkdirSync(cacheFolder(), { recursive: true });
  await until(`another build of ${path}`, async () => existsSync(path) || takeLock(path), {
    seconds: BUILD_LIMIT_SECONDS,
  });
  try {
    if (!existsSync(path)) await progress.step(`building ${part.name}`, () => buildWhole(part, path));
  } finally {
    if (lockOwner(path)?.pid === process.pid) rmSync(lockOf(path));
  }
  return path;
}

async function buildWhole(part: Part, path: string): Promise<void> {
  removeUnfinished(path);
  const unfinished = `${path}.unfinished`;
  await part.build(unfinished);
  renameSync(unfinished, path);
}

/** Removes what a crashed build left, which the lock's holder alone may do. */
function removeUnfinished(path: string): void {
  rmSync(`${path}.unfinished`, { recursive: true, force: true });
}

function takeLock(path: string): boolean {
  if (!isAlive(lockOwner(path))) rmSync(lockOf(path), { force: true });
  try {
    writeFileSync(lockOf(path), JSON.stringify(identify(process.pid)), { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}

function lockOwner(path: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(lockOf(path), 'utf8'));
  } catch {
    return undefined;
  }
}

function lockOf(path: string): string {
  return `${path}.lock`;
}

function keyOf(ingredients: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(ingredients)).digest('hex').slice(0, 16);
}

/** The texts of a folder's files, in the order of their names: ingredients. */
export function textsOf(folder: string, names: readonly string[] = readdirSync(folder).sort()): string[] {
  return names.map((name) => `${name}\n${readFileSync(join(folder, name), 'utf8')}`);
}
