import { lstat, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { describeCause, openFileSource } from '../bytes/file-source.ts';
import type { RootFiles } from '../checkpoint/root-files.ts';
import { hasCode } from './sparse-file.ts';

/** As many links as Linux follows in one path (MAXSYMLINKS). */
const MAX_LINKS = 40;

/**
 * A folder as a container's root filesystem. Paths are followed as in the container: links lead to places in the folder,
 * never out of it, and so does `..`. Throws `FILE_NOT_FOUND` for a folder that is none.
 */
export async function openRootfsFolder(folder: string): Promise<RootFiles> {
  const stats = await stat(folder).catch(() => undefined);
  if (!stats?.isDirectory()) {
    throw new ExhibitError('FILE_NOT_FOUND', `there is no folder ${folder}`, { source: folder });
  }
  return {
    name: folder,
    open: async (path) => {
      const found = await locate(folder, path);
      return found === undefined ? undefined : openFileSource(found);
    },
  };
}

/** The host's path of a regular file in the folder, with all links followed inside of it. */
async function locate(folder: string, path: string): Promise<string | undefined> {
  const ahead = path.split('/').reverse();
  let place: string[] = [];
  let links = 0;
  while (ahead.length > 0) {
    const name = ahead.pop() ?? '';
    if (name === '' || name === '.') continue;
    if (name === '..') {
      place = place.slice(0, -1);
      continue;
    }
    const here = join(folder, ...place, name);
    const stats = await lstat(here).catch((cause: unknown) => absent(here, cause));
    if (stats === undefined) return undefined;
    if (stats.isSymbolicLink()) {
      if (++links > MAX_LINKS) return undefined;
      const target = await readlink(here);
      if (target.startsWith('/')) place = [];
      ahead.push(...target.split('/').reverse());
    } else if (ahead.length > 0 || stats.isFile()) place.push(name);
    else return undefined;
  }
  return place.length === 0 ? undefined : join(folder, ...place);
}

/** A name that the file system cannot have is that of no file. */
function absent(path: string, cause: unknown): undefined {
  if (hasCode(cause, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ERR_INVALID_ARG_VALUE')) return undefined;
  const message = `cannot look at ${path}: ${describeCause(cause)}`;
  throw new ExhibitError('FILE_UNREADABLE', message, { source: path, cause });
}
