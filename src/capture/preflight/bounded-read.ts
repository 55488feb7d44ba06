/** Reading /proc and small files of a node that may be compromised: never more than was meant to be read. */
import { type FileHandle, open, readdir, readlink } from 'node:fs/promises';

/** Most files of /proc are shorter than the first piece. */
const FIRST_PIECE_BYTES = 4096;
const PIECE_BYTES = 65_536;

/**
 * The start of a file, at most `limit` bytes of it; undefined where it cannot be read. Files of /proc say that they are
 * empty, so that they are read until they end.
 */
export async function readStart(file: string, limit: number): Promise<string | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'r');
    const pieces: Uint8Array[] = [];
    for (let length = 0; length < limit; ) {
      const size = Math.min(length === 0 ? FIRST_PIECE_BYTES : PIECE_BYTES, limit - length);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(size), 0, size);
      if (bytesRead === 0) break;
      pieces.push(buffer.subarray(0, bytesRead));
      length += bytesRead;
    }
    return Buffer.concat(pieces).toString('utf8');
  } catch {
    return undefined;
  } finally {
    await handle?.close();
  }
}

/** The names in a folder; undefined where it cannot be read. */
export async function readNames(folder: string): Promise<readonly string[] | undefined> {
  return readdir(folder).catch(() => undefined);
}

/** Where a link leads, as the link says it; undefined where it cannot be read. */
export async function readTarget(link: string): Promise<string | undefined> {
  return readlink(link).catch(() => undefined);
}

/** Runs `work` on each item, so many at once: descriptors of this process are finite. */
export async function mapBounded<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  atOnce = 32,
): Promise<readonly R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += atOnce) {
    results.push(...(await Promise.all(items.slice(start, start + atOnce).map(work))));
  }
  return results;
}
