/**
 * Files that were deleted while a process had them open or mapped: ghost-file-ID.img, with attributes and then the
 * content to the end, or with `chunks` the pieces between its holes. remap-fpath.img says which file each was.
 */
import { sliceSource } from '../bytes/byte-source.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { Note } from '../bytes/note.ts';
import { readEntries, readHeader } from '../criu/image.ts';
import { imageKinds } from '../criu/image-kinds.ts';
import type { HeldFile } from './checkpoint.ts';
import { contentOf, PERMISSION_BITS, zeros } from './content.ts';
import type { FileTable } from './file-table.ts';
import type { ImageSet } from './image-set.ts';

export interface GhostContext {
  readonly images: ImageSet;
  readonly files: FileTable;
}

/** One file for each ghost image, however often it was open. */
export async function deletedFiles({ files, images }: GhostContext): Promise<readonly HeldFile[]> {
  const found: HeldFile[] = [];
  const seen = new Set<string>();
  for (const { path, ghostId } of files.ghosts()) {
    const name = `ghost-file-${ghostId.toString(16)}.img`;
    if (seen.has(name)) continue;
    seen.add(name);
    const ghost = await ghostFile(name, path, images);
    if (ghost !== undefined) found.push(ghost);
    else images.notes.warn(`the content of the deleted ${path} cannot be read`, images.pathOf(name));
  }
  return found;
}

/** Undefined when the image is missing or damaged from its beginning on. */
async function ghostFile(name: string, path: string, images: ImageSet): Promise<HeldFile | undefined> {
  const [first] = await firstEntries(name, images);
  if (first === undefined || !('mode' in first.message)) return undefined;
  const { chunks, size: total, mode } = first.message;
  const size = chunks ? Number(total ?? 0n) : (first.extra?.length ?? 0);
  return {
    path,
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
