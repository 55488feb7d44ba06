import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { MemoryQuery } from '../../analysis/memory-query.ts';
import type { Io } from '../io.ts';
import { MINIMUM_LENGTH, type NodeSearchThreads, searchThreads } from './search-threads.ts';

/** Has threads for a search of archives; they come up at once where an archive is large, and otherwise when needed. */
export async function withSearchThreads<T>(
  files: readonly string[],
  kind: MemoryQuery['kind'],
  { workingDirectory }: Io,
  action: (threads: NodeSearchThreads | undefined) => Promise<T>,
): Promise<T> {
  const threads = searchThreads();
  try {
    if (await isAnyLarge(files.map((file) => resolve(workingDirectory, file)))) threads?.start(kind);
    return await action(threads);
  } finally {
    threads?.close();
  }
}

async function isAnyLarge(paths: readonly string[]): Promise<boolean> {
  for (const path of paths) {
    const size = await stat(path).then(
      (stats) => stats.size,
      // Whoever opens it says why it cannot be.
      () => 0,
    );
    if (size >= MINIMUM_LENGTH) return true;
  }
  return false;
}
