import { constants, unlinkSync } from 'node:fs';
import { type FileHandle, lstat, open, unlink } from 'node:fs/promises';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { describeCause } from '../bytes/file-source.ts';

/** What was captured may hold secrets: only its owner may read what is written, and nothing of it is executable. */
const FILE_MODE = 0o600;

/** Zeros of this length, in bytes, become a hole: a block of the usual file systems. */
const HOLE = 4096;
const ZEROS = Buffer.alloc(HOLE);

export interface NewFileOptions {
  /** Replaces a file that is there. */
  readonly force: boolean;
  /** What a user can do about a file that is there, beside --force: `choose another folder`. */
  readonly choice: string;
}

/**
 * Creates a file and follows no link. Throws `FILE_EXISTS` for one that is there unless `force` is given, and
 * `WRITE_FAILED`.
 */
export async function createFile(path: string, { force, choice }: NewFileOptions): Promise<FileHandle> {
  if (force) await removeFile(path, choice);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
  return open(path, flags, FILE_MODE).catch((cause: unknown) => {
    if (!hasCode(cause, 'EEXIST')) throw writeError(path, cause);
    const message = `${path} exists and is not written over; ${choice}, or use --force`;
    throw new ExhibitError('FILE_EXISTS', message, { source: path, cause });
  });
}

/**
 * Removes a file or link, never what a link leads to; a folder stays and makes the creation fail. A device stays too:
 * without /dev/null no system works.
 */
async function removeFile(path: string, choice: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats && !stats.isFile() && !stats.isSymbolicLink() && !stats.isDirectory()) {
    const message = `${path} is no file and is not replaced; ${choice}`;
    throw new ExhibitError('FILE_EXISTS', message, { source: path });
  }
  await unlink(path).catch((cause: unknown) => {
    if (!hasCode(cause, 'ENOENT', 'EISDIR', 'EPERM')) throw writeError(path, cause);
  });
}

/** A new file that is written at any offset; blocks of zeros become holes. */
export interface SparseFile {
  write(bytes: Uint8Array, offset: number): Promise<void>;
  /** Gives it its length and closes it. */
  finish(size: number): Promise<void>;
  /** Closes and removes what was written. */
  discard(): Promise<void>;
}

/**
 * Creates the file at the first write, so that a refusal before it neither leaves nor replaces one. A signal that ends the
 * program removes it: half a file would look like less memory. Errors as above.
 */
export function sparseFile(path: string, options: NewFileOptions): SparseFile {
  let handle: FileHandle | undefined;
  let keep: () => void = () => undefined;
  const create = async (): Promise<FileHandle> => {
    if (handle !== undefined) return handle;
    handle = await createFile(path, options);
    keep = removeOnSignal(path);
    return handle;
  };
  const attempt = <T>(action: Promise<T>): Promise<T> =>
    action.catch((cause: unknown) => {
      throw writeError(path, cause);
    });
  return {
    write: async (bytes, offset) => {
      await attempt(writeSparse(await create(), bytes, offset));
    },
    finish: async (size) => {
      const created = await create();
      await attempt(created.truncate(size));
      await attempt(created.close());
      keep();
    },
    discard: async () => {
      if (handle === undefined) return;
      await handle.close().catch(() => undefined);
      await unlink(path).catch(() => undefined);
      keep();
    },
  };
}

/** What ends a program that is not told otherwise. */
const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Until what it returns is called, a signal removes the file and then ends the program as it would have. */
function removeOnSignal(path: string): () => void {
  const stop = (): void => {
    for (const signal of ENDING_SIGNALS) process.off(signal, remove);
  };
  const remove = (signal: NodeJS.Signals): void => {
    stop();
    try {
      unlinkSync(path);
    } finally {
      process.kill(process.pid, signal);
    }
  };
  for (const signal of ENDING_SIGNALS) process.on(signal, remove);
  return stop;
}

/** Writes the runs of blocks that hold something and leaves the others out, which keeps holes and makes new ones. */
export async function writeSparse(handle: FileHandle, piece: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < piece.length; ) {
    let end = at;
    while (end < piece.length && !isZero(piece, end)) end += HOLE;
    end = Math.min(end, piece.length);
    for (let done = at; done < end; ) {
      done += (await handle.write(piece, done, end - done, offset + done)).bytesWritten;
    }
    at = end;
    while (at < piece.length && isZero(piece, at)) at += HOLE;
  }
}

function isZero(piece: Uint8Array, at: number): boolean {
  const block = piece.subarray(at, at + HOLE);
  return ZEROS.compare(block, 0, block.length, 0, block.length) === 0;
}

/** Whether an error of the system has one of the codes. */
export const hasCode = (cause: unknown, ...codes: string[]): boolean =>
  cause instanceof Error && 'code' in cause && codes.includes(String(cause.code));

export function writeError(path: string, cause: unknown): ExhibitError {
  return new ExhibitError('WRITE_FAILED', `cannot write ${path}: ${describeCause(cause)}`, {
    source: path,
    cause,
  });
}
