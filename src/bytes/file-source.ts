import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
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
  const handle = await open(path, OPEN_FLAGS).catch((cause: unknown) => {
    throw openError(path, cause);
  });
  try {
    return await describe(path, handle);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function describe(path: string, handle: FileHandle): Promise<FileSource> {
  const stats = await handle.stat();
  if (stats.isDirectory()) throw new ExhibitError('NOT_AN_ARCHIVE', `${path} is a folder, not a file`);
  if (!stats.isFile()) {
    throw new ExhibitError('NOT_AN_ARCHIVE', `${path} is a device, pipe or socket; copy it to a file first`);
  }
  const { size } = stats;
  return {
    size,
    place: { descriptor: handle.fd, offset: 0 },
    read: async (offset, length, signal) => {
      checkRange(offset, length);
      signal?.throwIfAborted();
      return readFully(handle, path, offset, Math.max(0, Math.min(length, size - offset)));
    },
    readInto: async (target, offset, signal) => {
      checkRange(offset, target.length);
      signal?.throwIfAborted();
      return fillFrom(handle, path, offset, target.subarray(0, Math.max(0, size - offset)));
    },
    close: () => handle.close(),
  };
}

/** Reads `length` bytes that the file had when it was opened. */
export async function readFully(
  handle: FileHandle,
  path: string,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(length);
  await fillFrom(handle, path, offset, bytes);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, length);
}

/** Fills `target` with bytes that the file had when it was opened; returns its length. */
export async function fillFrom(
  handle: FileHandle,
  path: string,
  offset: number,
  target: Uint8Array,
): Promise<number> {
  let done = 0;
  while (done < target.length) {
    const { bytesRead } = await handle
      .read(target, done, target.length - done, offset + done)
      .catch((cause: unknown) => {
        const message = `cannot read ${path} at offset ${offset + done}: ${describeCause(cause)}`;
        throw new ExhibitError('FILE_UNREADABLE', message, { source: path, offset: offset + done, cause });
      });
    if (bytesRead === 0) {
      const message = `${path} became shorter while it was read: nothing at offset ${offset + done}`;
      throw new ExhibitError('CUT_SHORT', message, { source: path, offset: offset + done });
    }
    done += bytesRead;
  }
  return done;
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
