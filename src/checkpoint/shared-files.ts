/** Memory that programs shared, as files: memfds and System V segments. */
import { sliceSource } from '../bytes/byte-source.ts';
import type { HeldFile } from './checkpoint.ts';
import { contentOf, PERMISSION_BITS, zeros } from './content.ts';
import { type FileTable, isKernelSharedMemory, type MemfdInode } from './file-table.ts';
import type { ImageSet } from './image-set.ts';
import { type SharedMemory, type SysvSegment, sysvName } from './shared-memory.ts';

export interface SharedFileContext {
  readonly images: ImageSet;
  readonly files: FileTable;
  readonly sharedMemory: SharedMemory;
}

/** Those whose content is in the archive; the others are notes. */
export function sharedMemoryFiles(context: SharedFileContext): readonly HeldFile[] {
  const memfds = [...context.files.memfds()].map((inode) => memfdFile(inode, context));
  const segments = context.sharedMemory.segments.map((segment) => sysvFile(segment, context));
  return [...memfds, ...segments].filter(({ path, entry, size }) => {
    const isHeld = context.images.sourceOf(entry) !== undefined;
    if (!isHeld && size > 0)
      context.images.notes.warn(`${entry}, the content of ${path}, is not in the archive`);
    return isHeld;
  });
}

function memfdFile(inode: MemfdInode, context: SharedFileContext): HeldFile {
  const { name, mode = 0, shmid } = inode;
  const size = Number(inode.size);
  const isKernels = isKernelSharedMemory(inode);
  return {
    path: isKernels ? name : `memfd:${name}`,
    kind: isKernels ? 'shared-memory' : 'memfd',
    size,
    mode: mode & PERMISSION_BITS,
    entry: context.images.pathOf(`pagemap-shmem-${shmid}.img`),
    content: () => pagesOf(shmid, size, context),
  };
}

function sysvFile({ id, key, size, mode, content }: SysvSegment, context: SharedFileContext): HeldFile {
  const { images } = context;
  const source = content && images.sourceOf(content.entry);
  return {
    path: sysvName(key),
    kind: 'shared-memory',
    size: content ? content.length : size,
    mode: mode & PERMISSION_BITS,
    entry: content ? content.entry : images.pathOf(`pagemap-shmem-${id}.img`),
    content: () =>
      source && content
        ? contentOf(sliceSource(source, content.offset, content.length))
        : pagesOf(id, size, context),
  };
}

/** The pages of shared memory in order; what was never written is zeros. */
async function* pagesOf(
  id: number,
  size: number,
  { images, sharedMemory }: SharedFileContext,
): AsyncIterable<Uint8Array> {
  const pages = await sharedMemory.pages(id);
  let at = 0;
  for (const { start, length, location } of pages?.between(0n, BigInt(size)) ?? []) {
    if (location === undefined) continue;
    const source = images.sourceOf(location.entry);
    if (source === undefined) continue;
    yield* zeros(Number(start) - at);
    yield* contentOf(sliceSource(source, location.offset, length));
    at = Number(start) + length;
  }
  yield* zeros(size - at);
}
