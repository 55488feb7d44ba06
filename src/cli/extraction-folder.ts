import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { describeCause } from '../bytes/file-source.ts';
import type { ExtractionTarget } from '../export/extraction.ts';

/** What was captured may hold secrets: only its owner may read what is written, and nothing of it is executable. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/** Zeros of this length, in bytes, become a hole: a block of the usual file systems. */
const HOLE = 4096;
const ZEROS = Buffer.alloc(HOLE);

export interface ExtractionFolderOptions {
  /** Replaces files that are there. */
  readonly force?: boolean;
}

/**
 * A folder as the target of an extraction. Everything stays in it: no link in it is followed, an existing file is an
 * error with code `FILE_EXISTS` unless `force` is given. `root` itself is made when it is missing, and may be a link of
 * the user's own. Errors of the system are `WRITE_FAILED`.
 */
export async function openExtractionFolder(
  root: string,
  options: ExtractionFolderOptions = {},
): Promise<ExtractionTarget> {
  await mkdir(root, { recursive: true, mode: FOLDER_MODE }).catch((cause: unknown) => {
    throw writeError(root, cause);
  });
  const known = new Set<string>();
  const folder = async (path: string): Promise<void> => {
    let current = root;
    for (const part of path.split('/')) {
      current = join(current, part);
      if (known.has(current)) continue;
      await makeFolder(current);
      known.add(current);
    }
  };
  return {
    folder,
    file: async (path, content, modified) => {
      const end = path.lastIndexOf('/');
      if (end > 0) await folder(path.slice(0, end));
      const output = join(root, path);
      await writeFile(output, content, modified, options.force === true);
      return output;
    },
  };
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: FOLDER_MODE });
  } catch (cause) {
    if (!hasCode(cause, 'EEXIST')) throw writeError(path, cause);
    const found = await lstat(path);
    if (found.isDirectory()) return;
    const what = found.isSymbolicLink() ? 'a link, which is not followed' : 'a file where a folder is needed';
    throw new ExhibitError('FILE_EXISTS', `${path} is ${what}; extract into an empty folder`, {
      source: path,
      cause,
    });
  }
}

async function writeFile(
  path: string,
  content: AsyncIterable<Uint8Array>,
  modified: number | undefined,
  force: boolean,
): Promise<void> {
  const handle = await createFile(path, force);
  try {
    await writeContent(handle, path, content);
    // The date is part of the evidence; one that the file system cannot hold is none.
    if (modified !== undefined) await handle.utimes(modified, modified).catch(() => undefined);
  } catch (error) {
    await handle.close();
    await unlink(path).catch(() => undefined);
    throw error;
  }
  await handle.close();
}

async function createFile(path: string, force: boolean): Promise<FileHandle> {
  if (force) await removeFile(path);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
  return open(path, flags, FILE_MODE).catch((cause: unknown) => {
    if (!hasCode(cause, 'EEXIST')) throw writeError(path, cause);
    const message = `${path} exists and is not written over; choose another folder, or use --force`;
    throw new ExhibitError('FILE_EXISTS', message, { source: path, cause });
  });
}

/** Removes a file or link, never what a link leads to; a folder stays and makes the creation fail. */
async function removeFile(path: string): Promise<void> {
  await unlink(path).catch((cause: unknown) => {
    if (!hasCode(cause, 'ENOENT', 'EISDIR', 'EPERM')) throw writeError(path, cause);
  });
}

async function writeContent(
  handle: FileHandle,
  path: string,
  content: AsyncIterable<Uint8Array>,
): Promise<void> {
  let offset = 0;
  for await (const piece of content) {
    await writePiece(handle, piece, offset).catch((cause: unknown) => {
      throw writeError(path, cause);
    });
    offset += piece.length;
  }
  await handle.truncate(offset).catch((cause: unknown) => {
    throw writeError(path, cause);
  });
}

/** Writes the runs of blocks that hold something and leaves the others out, which keeps holes and makes new ones. */
async function writePiece(handle: FileHandle, piece: Uint8Array, offset: number): Promise<void> {
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

const hasCode = (cause: unknown, ...codes: string[]): boolean =>
  cause instanceof Error && 'code' in cause && codes.includes(String(cause.code));

function writeError(path: string, cause: unknown): ExhibitError {
  return new ExhibitError('WRITE_FAILED', `cannot write ${path}: ${describeCause(cause)}`, {
    source: path,
    cause,
  });
}
