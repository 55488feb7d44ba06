/**
 * Files whose content is in the archive: changed files of the root filesystem, tmpfs contents (tmpfs-*.tar.gz.img,
 * Podman's devshm-checkpoint.tar), Podman's volumes, files deleted while open (ghost-file-ID.img), memfds and System V
 * segments (pagemap-shmem-ID.img). Each by the path that the container knew it by.
 */
import type { ArchiveIndex } from '../archive/archive-index.ts';
import type { HeldFile } from './checkpoint.ts';
import { deletedFiles, type GhostContext } from './ghost-files.ts';
import type { JsonValue } from './json-document.ts';
import type { MountPoint } from './mounts.ts';
import { innerFile, isFile, openInner } from './rootfs-changes.ts';
import { type SharedFileContext, sharedMemoryFiles } from './shared-files.ts';

const TMPFS_IMAGE = /^tmpfs-(dev-)?(\d+)\.tar\.gz\.img$/;

export interface HeldFileContext extends GhostContext, SharedFileContext {
  readonly archive: ArchiveIndex;
  readonly mountPoints: readonly MountPoint[];
  /** config.dump, for Podman's volumes. */
  readonly config: JsonValue;
}

/** Everything but the root filesystem's files. */
export async function readHeldFiles(context: HeldFileContext): Promise<readonly HeldFile[]> {
  return [
    ...(await tmpfsFiles(context)),
    ...(await volumeFiles(context)),
    ...(await deletedFiles(context)),
    ...sharedMemoryFiles(context),
  ];
}

async function tmpfsFiles(context: HeldFileContext): Promise<readonly HeldFile[]> {
  const { images, mountPoints } = context;
  const files: HeldFile[] = [];
  for (const name of images.names()) {
    const match = TMPFS_IMAGE.exec(name);
    if (match === null) continue;
    // `dev-N` counts by device, as CRIU does since 2.0; N alone is the mount's id.
    const mount = mountOf(mountPoints, match[1] ? 'device' : 'id', Number(match[2]));
    if (mount === undefined) {
      const what = 'no mount of this number is known: the paths below lack their folder';
      images.notes.warn(what, images.pathOf(name));
    }
    files.push(...(await archiveFiles(context, images.pathOf(name), mount?.mountPoint ?? '', 'tmpfs')));
  }
  return [...files, ...(await archiveFiles(context, 'devshm-checkpoint.tar', '/dev/shm', 'tmpfs'))];
}

/** Runtimes mount single files of a tmpfs over others (/dev/null over /proc/timer_list): the whole of it is meant. */
function mountOf(
  mountPoints: readonly MountPoint[],
  key: 'device' | 'id',
  number: number,
): MountPoint | undefined {
  const all = mountPoints.filter((mount) => mount[key] === number);
  return all.find(({ root }) => root === '/') ?? all[0];
}

/** Podman's named volumes: volumes/NAME.tar; config.dump says where each was mounted. */
async function volumeFiles(context: HeldFileContext): Promise<readonly HeldFile[]> {
  const files: HeldFile[] = [];
  for (const volume of context.config.get('namedVolumes').items) {
    const name = volume.get('volumeName').text;
    const destination = volume.get('dest').text;
    if (name === undefined || destination === undefined) continue;
    files.push(...(await archiveFiles(context, `volumes/${name}.tar`, destination, 'volume')));
  }
  return files;
}

/** The files of an archive inside the archive, below `folder` in the container. */
async function archiveFiles(
  { archive, images }: HeldFileContext,
  entryPath: string,
  folder: string,
  kind: HeldFile['kind'],
): Promise<readonly HeldFile[]> {
  const entry = archive.find(entryPath);
  const inner = entry && (await openInner(archive, entry, images.notes));
  if (inner === undefined) return [];
  const prefix = folder === '/' ? '' : folder;
  return inner.entries
    .filter(isFile)
    .map((file) => innerFile(inner, file, `${prefix}/${file.path}`, kind, entryPath));
}
