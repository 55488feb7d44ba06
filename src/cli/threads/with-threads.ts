import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { MemoryQuery } from '../../analysis/memory-query.ts';
import { detectCompression, HEAD_LENGTH } from '../../archive/content-kind.ts';
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
  for (const path of paths) if (await isLarge(path)) return true;
  return false;
}

/** A packed one is searched in one thread. */
async function isLarge(path: string): Promise<boolean> {
  const handle = await open(path).catch(() => undefined);
  // Whoever opens it says why it cannot be.
  if (handle === undefined) return false;
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(HEAD_LENGTH), 0, HEAD_LENGTH, 0);
    const isPlain = detectCompression(buffer.subarray(0, bytesRead)) === 'none';
    return isPlain && (await handle.stat()).size >= MINIMUM_LENGTH;
  } catch {
    return false;
  } finally {
    await handle.close();
  }
}
