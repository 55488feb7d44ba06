import { constants } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkRange } from './byte-source.ts';
import { ExhibitError } from './exhibit-error.ts';
import { describeCause, FileReader } from './file-source.ts';
import type { Spill, SpillFactory } from './spill.ts';

/** Written in one go, in bytes. Measured from 32 KiB to 4 MiB: 1 MiB took the least time of the processor. */
const BLOCK = 1024 * 1024;

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
  const writer = new BlockWriter(handle, folder);
  const reader = new FileReader(handle.fd, name);
  return {
    get size() {
      return writer.size;
    },
    // Without what still waits to be written; whoever opens the archive in it has read its end, which writes it all.
    place: { descriptor: handle.fd, offset: 0 },
    append: (bytes) => writer.append(bytes),
    read: async (offset, length, signal) => {
      checkRange(offset, length);
      signal?.throwIfAborted();
      await writer.flush();
      return reader.read(offset, Math.max(0, Math.min(length, writer.size - offset)));
    },
    readInto: async (target, offset, signal) => {
      checkRange(offset, target.length);
      signal?.throwIfAborted();
      await writer.flush();
      return reader.fill(target.subarray(0, Math.max(0, writer.size - offset)), offset);
    },
    close: async () => {
      await writer.settle();
      await handle.close();
    },
  };
}

/**
 * Collects what is appended in blocks, and writes one while the next is filled: a write of a whole block costs the system a
 * quarter of many small ones. A failure is told by the next call.
 */
class BlockWriter {
  readonly #handle: FileHandle;
  readonly #folder: string;
  #block = new Uint8Array(BLOCK);
  #spare = new Uint8Array(BLOCK);
  #filled = 0;
  #written = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(handle: FileHandle, folder: string) {
    this.#handle = handle;
    this.#folder = folder;
  }

  get size(): number {
    return this.#written + this.#filled;
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const part = bytes.subarray(done, done + BLOCK - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      done += part.length;
      if (this.#filled === BLOCK) await this.#startWriting();
    }
  }

  /** Resolves when all that was appended can be read. */
  async flush(): Promise<void> {
    if (this.#filled > 0) await this.#startWriting();
    await this.#writing;
  }

  /** Waits for what is under way, whatever comes of it. */
  async settle(): Promise<void> {
    await this.#writing.catch(() => undefined);
  }

  async #startWriting(): Promise<void> {
    await this.#writing;
    // Somebody else may have waited for the same.
    if (this.#filled === 0) return;
    const bytes = this.#block.subarray(0, this.#filled);
    this.#writing = this.#write(bytes, this.#written);
    // The next call meets it; until then nobody waits for it.
    this.#writing.catch(() => undefined);
    this.#written += bytes.length;
    this.#filled = 0;
    [this.#block, this.#spare] = [this.#spare, this.#block];
  }

  async #write(bytes: Uint8Array, position: number): Promise<void> {
    try {
      if (isAllZero(bytes)) return await this.#handle.truncate(position + bytes.length);
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, position + done);
        done += bytesWritten;
      }
    } catch (cause) {
      throw writeError(this.#folder, cause);
    }
  }
}

/** Each byte is the one before it. */
function isAllZero(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && Buffer.compare(bytes.subarray(1), bytes.subarray(0, -1)) === 0;
}

function writeError(folder: string, cause: unknown): ExhibitError {
  const message = `cannot unpack to a temporary file in ${folder}: ${describeCause(cause)}; set TMPDIR to a folder with more room`;
  return new ExhibitError('WRITE_FAILED', message, { source: folder, cause });
}
