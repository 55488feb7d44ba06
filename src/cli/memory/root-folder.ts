import { realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { filesOfLayers, imageLayers } from '../../analysis/image-layers.ts';
import { filesOfTar, type RootFiles } from '../../analysis/root-files.ts';
import { judgePath } from '../../archive/archive-path.ts';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { openFileSource } from '../../bytes/file-source.ts';
import type { Io } from '../io.ts';
import { openArchiveOf } from '../open.ts';

/**
 * Opens the folder, tar or image at `path` as a root filesystem for `action`, and closes it. Throws `FILE_NOT_FOUND`,
 * `BAD_ROOTFS` and what `openArchive` throws.
 */
export async function withRootFiles(
  path: string,
  io: Io,
  action: (files: RootFiles) => Promise<void>,
): Promise<void> {
  const place = resolve(io.workingDirectory, path);
  const found = await stat(place).catch((cause: unknown) => {
    throw new ExhibitError('FILE_NOT_FOUND', `there is no root filesystem at ${path}`, {
      source: path,
      cause,
    });
  });
  if (found.isDirectory()) {
    await action(await filesOfFolder(place));
    return;
  }
  const source = await openFileSource(place);
  try {
    const archive = await openArchiveOf(path, source, io);
    try {
      const layers = await imageLayers(archive);
      await action(layers === undefined ? filesOfTar(archive) : filesOfLayers(layers));
    } finally {
      await archive.close();
    }
  } finally {
    await source.close();
  }
}

/**
 * The kernel told the paths of mapped files without symbolic links; so a path that goes through one is another file, and may
 * lead out of the folder: it is not followed.
 */
async function filesOfFolder(folder: string): Promise<RootFiles> {
  const root = await realpath(folder);
  return {
    open: async (path) => {
      const verdict = judgePath(path);
      if (!verdict.safe) return undefined;
      const file = join(root, verdict.path);
      const real = await realpath(file).catch(() => undefined);
      return real === file ? openFileSource(file).catch(() => undefined) : undefined;
    },
  };
}
