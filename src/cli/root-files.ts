import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { openFileSource } from '../bytes/file-source.ts';
import { filesOfLayers, imageLayers } from '../checkpoint/image-layers.ts';
import { filesOfTar, type RootFiles } from '../checkpoint/root-files.ts';
import type { Io } from './io.ts';
import { openArchiveOf } from './open.ts';
import { openRootfsFolder } from './rootfs-folder.ts';

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
    await action(await openRootfsFolder(place));
    return;
  }
  const source = await openFileSource(place);
  try {
    const archive = await openArchiveOf(path, source, io);
    try {
      const layers = await imageLayers(archive);
      await action(layers === undefined ? filesOfTar(path, archive) : filesOfLayers(path, layers));
    } finally {
      await archive.close();
    }
  } finally {
    await source.close();
  }
}
