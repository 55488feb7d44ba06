import { closeSync, constants, fstatSync, openSync, read, readSync } from 'node:fs';
import { promisify } from 'node:util';
import { type ByteSource, checkRange } from './byte-source.ts';
import { ExhibitError } from './exhibit-error.ts';

/** A source over an open file. */
export interface FileSource extends ByteSource {
  /** Closes the file; reads that are under way finish first. */
  close(): Promise<void>;
}

/** Without it, opening a FIFO would wait for a writer; on regular files it does nothing. */
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/**
 * Opens a regular file for positional reads. Its size is taken once: bytes that are appended later are not seen.
 * Throws `FILE_NOT_FOUND`, `FILE_UNREADABLE` (permission, I/O error) or `NOT_AN_ARCHIVE` (a folder, device or pipe).
 */
export async function openFileSource(path: string): Promise<FileSource> {
  const descriptor = openNow(path);
  try {
    return describe(path, descriptor);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function openNow(path: string): number {
  try {
    return openSync(path, OPEN_FLAGS);
  } catch (cause) {
    throw openError(path, cause);
  }
}

function describe(path: string, descriptor: number): FileSource {
  const stats = fstatSync(descriptor);
  if (stats.isDirectory()) throw new ExhibitError('NOT_AN_ARCHIVE', `${path} is a folder, not a file`);
  if (!stats.isFile()) {
    throw new ExhibitError('NOT_AN_ARCHIVE', `${path} is a device, pipe or socket; copy it to a file first`);
  }
  const { size } = stats;
  const reader = new FileReader(descriptor, path);
  return {
    size,
    place: { descriptor, offset: 0 },
    read: async (offset, length, signal) => {
      checkRange(offset, length);
      signal?.throwIfAborted();
      return reader.read(offset, Math.max(0, Math.min(length, size - offset)));
    },
    readInto: async (target, offset, signal) => {
      checkRange(offset, target.length);
      signal?.throwIfAborted();
      return reader.fill(target.subarray(0, Math.max(0, size - offset)), offset);
    },
    close: () => reader.close(),
  };
}

/**
 * Read at once, without a thread of their own: from the page cache that takes some microseconds, and the way to a thread and
 * back some hundred. Headers, images and documents are this small; memory is not.
 */
const SMALL_READ_BYTES = 64 * 1024;

const readAt = promisify(read);

/** Reads of a file that is open. Throws `FILE_UNREADABLE` and, where bytes are gone that it had, `CUT_SHORT`. */
export class FileReader {
  readonly #descriptor: number;
  readonly #path: string;
  readonly #underWay = new Set<Promise<unknown>>();

  /** `path` is for messages. */
  constructor(descriptor: number, path: string) {
    this.#descriptor = descriptor;
    this.#path = path;
  }

  /** Reads `length` bytes that the file had when it was opened. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafeSlow(length);
    await this.fill(bytes, offset);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, length);
  }

  /** Fills `target` with bytes that the file had when it was opened; returns its length. */
  async fill(target: Uint8Array, offset: number): Promise<number> {
    let done = 0;
    while (done < target.length) {
      const at = offset + done;
      const count = await this.#readSome(target.subarray(done), at).catch((cause: unknown) => {
        const message = `cannot read ${this.#path} at offset ${at}: ${describeCause(cause)}`;
        throw new ExhibitError('FILE_UNREADABLE', message, { source: this.#path, offset: at, cause });
      });
      if (count === 0) {
        const message = `${this.#path} became shorter while it was read: nothing at offset ${at}`;
        throw new ExhibitError('CUT_SHORT', message, { source: this.#path, offset: at });
      }
      done += count;
    }
    return done;
  }

  /** Closes the file when the reads that are under way are done. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#underWay);
    closeSync(this.#descriptor);
  }

  async #readSome(target: Uint8Array, offset: number): Promise<number> {
    if (target.length <= SMALL_READ_BYTES)
      return readSync(this.#descriptor, target, 0, target.length, offset);
    const reading = readAt(this.#descriptor, target, 0, target.length, offset);
    this.#underWay.add(reading);
    try {
      return (await reading).bytesRead;
    } finally {
      this.#underWay.delete(reading);
    }
  }
}

function openError(path: string, cause: unknown): ExhibitError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new ExhibitError('FILE_NOT_FOUND', `there is no file ${path}`, { source: path, cause });
  }
  const advice =
    code === 'EACCES' || code === 'EPERM' ? 'permission denied; try with sudo' : describeCause(cause);
  return new ExhibitError('FILE_UNREADABLE', `cannot open ${path}: ${advice}`, { source: path, cause });
}

/** What the system said, without the call and path that Node adds. */
export function describeCause(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.message.replace(/, \w+( '.*')?$/s, '');
}
