import { constants } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkRange } from './byte-source.ts';
import { ExhibitError } from './exhibit-error.ts';
import { describeCause, fillFrom, readFully } from './file-source.ts';
import type { Spill, SpillFactory } from './spill.ts';

/**
 * Temporary files for what does not fit in memory. Each is unlinked as soon as it is open, so that no copy of the
 * evidence outlives the program, however that ends, and nobody else can open it.
 * `folder` is by default the system's (`TMPDIR`, otherwise /tmp). Throws `WRITE_FAILED`.
 */
export function fileSpills(folder: string = tmpdir()): SpillFactory {
  return async () => {
    try {
      return spillOver(await openUnlinked(folder), folder);
    } catch (cause) {
      throw writeError(folder, cause);
    }
  };
}

async function openUnlinked(folder: string): Promise<FileHandle> {
  const path = join(folder, `exhibit-${globalThis.crypto.randomUUID()}`);
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
  const handle = await open(path, flags, 0o600);
  // Windows cannot unlink an open file; there it stays until the system's folder is cleaned.
  await unlink(path).catch(() => undefined);
  return handle;
}

function spillOver(handle: FileHandle, folder: string): Spill {
  const name = `a temporary file in ${folder}`;
  let size = 0;
  return {
    get size() {
      return size;
    },
    append: async (bytes) => {
      let done = 0;
      while (done < bytes.length) {
        const { bytesWritten } = await handle
          .write(bytes, done, bytes.length - done, size)
          .catch((cause: unknown) => {
            throw writeError(folder, cause);
          });
        done += bytesWritten;
        size += bytesWritten;
      }
    },
    read: async (offset, length, signal) => {
      checkRange(offset, length);
      signal?.throwIfAborted();
      return readFully(handle, name, offset, Math.max(0, Math.min(length, size - offset)));
    },
    readInto: async (target, offset, signal) => {
      checkRange(offset, target.length);
      signal?.throwIfAborted();
      return fillFrom(handle, name, offset, target.subarray(0, Math.max(0, size - offset)));
    },
    close: () => handle.close(),
  };
}

function writeError(folder: string, cause: unknown): ExhibitError {
  const message = `cannot unpack to a temporary file in ${folder}: ${describeCause(cause)}; set TMPDIR to a folder with more room`;
  return new ExhibitError('WRITE_FAILED', message, { source: folder, cause });
}
