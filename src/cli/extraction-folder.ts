import { type FileHandle, lstat, mkdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { ExtractionTarget } from '../export/extraction.ts';
import { createFile, hasCode, writeError, writeSparse } from './sparse-file.ts';

/** Only its owner may look into what was captured. */
const FOLDER_MODE = 0o700;

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
  const handle = await createFile(path, { force, choice: 'choose another folder' });
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

async function writeContent(
  handle: FileHandle,
  path: string,
  content: AsyncIterable<Uint8Array>,
): Promise<void> {
  let offset = 0;
  for await (const piece of content) {
    await writeSparse(handle, piece, offset).catch((cause: unknown) => {
      throw writeError(path, cause);
    });
    offset += piece.length;
  }
  await handle.truncate(offset).catch((cause: unknown) => {
    throw writeError(path, cause);
  });
}
