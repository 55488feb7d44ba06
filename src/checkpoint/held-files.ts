/**
 * Files whose content is in the archive: changed files of the root filesystem, tmpfs contents (tmpfs-*.tar.gz.img,
 * Podman's devshm-checkpoint.tar), Podman's volumes, files deleted while open (ghost-file-ID.img), memfds and System V
 * segments (pagemap-shmem-ID.img). Each by the path that the container knew it by.
 */
import type { ArchiveIndex } from '../archive/archive-index.ts';
import { sliceSource } from '../bytes/byte-source.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { Note } from '../bytes/note.ts';
import { readEntries, readHeader } from '../criu/image.ts';
import { imageKinds } from '../criu/image-kinds.ts';
import type { RegFileEntry } from '../criu/schemas/files.ts';
import type { HeldFile } from './checkpoint.ts';
import { contentOf, zeros } from './content.ts';
import type { FileTable } from './file-table.ts';
import type { ImageSet } from './image-set.ts';
import type { JsonValue } from './json-document.ts';
import type { MountPoint } from './mounts.ts';
import { innerFile, isFile, openInner } from './rootfs-changes.ts';
import type { SharedMemory } from './shared-memory.ts';

const TMPFS_IMAGE = /^tmpfs-(dev-)?(\d+)\.tar\.gz\.img$/;
const PERMISSION_BITS = 0o7777;

/** How shared memory is handed on, in bytes a piece. */
const PIECE = 1024 * 1024;

export interface HeldFileContext {
  readonly archive: ArchiveIndex;
  readonly images: ImageSet;
  readonly files: FileTable;
  readonly sharedMemory: SharedMemory;
  readonly mountPoints: readonly MountPoint[];
  /** config.dump, for Podman's volumes. */
  readonly config: JsonValue;
  readonly pageSize: number;
}

/** Everything but the root filesystem's files. */
export async function readHeldFiles(context: HeldFileContext): Promise<readonly HeldFile[]> {
  return [
    ...(await tmpfsFiles(context)),
    ...(await volumeFiles(context)),
    ...(await deletedFiles(context)),
    ...memfds(context),
    ...sysvSegments(context),
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
    if (mount === undefined)
      images.notes.warn(
        'no mount of this number is known: the paths below lack their folder',
        images.pathOf(name),
      );
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

async function deletedFiles({ files, images }: HeldFileContext): Promise<readonly HeldFile[]> {
  const found: HeldFile[] = [];
  const seen = new Set<string>();
  for (const { file, remap } of files.remapped()) {
    const name = `ghost-file-${remap.remap_id.toString(16)}.img`;
    const isGhost = remap.remap_type === undefined || remap.remap_type === 'GHOST';
    if (!isGhost || seen.has(name)) continue;
    seen.add(name);
    const ghost = await ghostFile(name, file, images);
    if (ghost !== undefined) found.push(ghost);
    else images.notes.warn(`the content of the deleted ${file.name} cannot be read`, images.pathOf(name));
  }
  return found;
}

/**
 * A ghost image: attributes, then the content to the end, or with `chunks` the pieces between its holes. Undefined when
 * it is missing or damaged from its beginning on.
 */
async function ghostFile(name: string, file: RegFileEntry, images: ImageSet): Promise<HeldFile | undefined> {
  const [first] = await firstEntries(name, images);
  if (first === undefined || !('mode' in first.message)) return undefined;
  const { chunks, size: total, mode } = first.message;
  const size = chunks ? Number(total ?? 0n) : (first.extra?.length ?? 0);
  return {
    path: file.name,
    kind: 'deleted',
    size,
    mode: mode & PERMISSION_BITS,
    entry: images.pathOf(name),
    content: () => (chunks ? ghostChunks(name, size, images) : ghostRest(name, images)),
  };
}

async function firstEntries(name: string, images: ImageSet) {
  for await (const batch of ghostEntries(name, images)) return batch;
  return [];
}

async function* ghostEntries(name: string, images: ImageSet) {
  const source = images.source(name);
  if (source === undefined) return;
  const path = images.pathOf(name);
  const notes: Note[] = [];
  try {
    const { kind, length } = await readHeader(path, source);
    if (kind.layout !== 'framed' || kind.magic !== imageKinds.ghostFile.magic) return;
    yield* readEntries(path, source, imageKinds.ghostFile, length, notes);
  } catch (error) {
    if (!(error instanceof ExhibitError) || error.code !== 'BAD_IMAGE') throw error;
    images.notes.warn(error.message, path);
  } finally {
    images.notes.add(...notes);
  }
}

async function* ghostRest(name: string, images: ImageSet): AsyncIterable<Uint8Array> {
  const source = images.source(name);
  const extra = (await firstEntries(name, images))[0]?.extra;
  if (source && extra) yield* contentOf(sliceSource(source, extra.offset, extra.length));
}

async function* ghostChunks(name: string, size: number, images: ImageSet): AsyncIterable<Uint8Array> {
  const source = images.source(name);
  let at = 0;
  for await (const batch of ghostEntries(name, images)) {
    for (const { message, extra } of batch) {
      if (source === undefined || extra === undefined || !('off' in message)) continue;
      const offset = Number(message.off);
      if (offset < at || offset + extra.length > size) continue;
      yield* zeros(offset - at);
      yield* contentOf(sliceSource(source, extra.offset, extra.length));
      at = offset + extra.length;
    }
  }
  yield* zeros(size - at);
}

function memfds(context: HeldFileContext): readonly HeldFile[] {
  return [...context.files.memfds()].map((inode) => ({
    // Anonymous shared memory is a memfd to CRIU, under the path that the kernel shows.
    path: inode.name.startsWith('/') ? inode.name : `memfd:${inode.name}`,
    kind: inode.name.startsWith('/') ? ('shared-memory' as const) : ('memfd' as const),
    size: Number(inode.size),
    mode: (inode.mode ?? 0) & PERMISSION_BITS,
    entry: context.images.pathOf(`pagemap-shmem-${inode.shmid}.img`),
    content: () => sharedContent(inode.shmid, Number(inode.size), context),
  }));
}

function sysvSegments(context: HeldFileContext): readonly HeldFile[] {
  const { images } = context;
  return context.sharedMemory.segments.map(({ id, key, size, mode, image, content }) => {
    const source = content && images.source(image);
    return {
      path: `SYSV${(key >>> 0).toString(16).padStart(8, '0')}`,
      kind: 'shared-memory',
      size,
      mode: mode & PERMISSION_BITS,
      entry: content ? images.pathOf(image) : images.pathOf(`pagemap-shmem-${id}.img`),
      content: () =>
        source && content
          ? contentOf(sliceSource(source, content.offset, content.length))
          : sharedContent(id, size, context),
    };
  });
}

/** The pages of shared memory in order; what was never written is zeros. */
async function* sharedContent(
  id: number,
  size: number,
  { images, sharedMemory, pageSize }: HeldFileContext,
): AsyncIterable<Uint8Array> {
  const pages = await sharedMemory.pages(id, pageSize);
  let at = 0;
  for (const { start, length, location } of pages?.between(0n, BigInt(size)) ?? []) {
    if (location === undefined) continue;
    yield* zeros(Number(start) - at);
    for (let done = 0; done < length; done += PIECE) {
      const source = images.sourceOf(location.entry);
      const piece = await source?.read(location.offset + done, Math.min(PIECE, length - done));
      if (piece) yield piece;
    }
    at = Number(start) + length;
  }
  yield* zeros(size - at);
}
