/**
 * Opens an archive as a checkpoint. Only the engine's small JSON files are read at once, which is all that `list` and `show`
 * ask for; everything else is read when first asked for.
 */
import type { ArchiveIndex } from '../archive/archive-index.ts';
import type { CaptureRecord } from '../archive/capture-record.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { Checkpoint, Engine, Sizes } from './checkpoint.ts';
import { identifyContainerd, isContainerd } from './engines/containerd.ts';
import { identifyCriO, isCriO } from './engines/cri-o.ts';
import { commonContainer, type EngineDocuments, type Identity } from './engines/engine-documents.ts';
import { identifyPodman, isPodman } from './engines/podman.ts';
import { FileTable } from './file-table.ts';
import { readHeldFiles } from './held-files.ts';
import { ImageSet } from './image-set.ts';
import { readJson } from './json-document.ts';
import { kernelObjects } from './kernel-objects.ts';
import { descriptorsByProcess, readCaptureRecord } from './live-capture.ts';
import { boundMounts, mergeMounts, readMountPoints, specMounts } from './mounts.ts';
import { NoteBook } from './note-book.ts';
import { once } from './once.ts';
import { readPageSize } from './page-size.ts';
import { readProcesses } from './process-table.ts';
import { openRootfsDiff, readRootfsChanges, rootfsFiles } from './rootfs-changes.ts';
import { SharedMemory } from './shared-memory.ts';
import { readStatistics } from './statistics.ts';
import { StringBudget } from './string-block.ts';
import { UnreadBytes } from './unread-bytes.ts';

const IMAGES = 'checkpoint/';
/** Podman's `checkpoint --pre-checkpoint` writes memory only, here. */
const PRE_CHECKPOINT = 'pre-checkpoint/';

/**
 * Opens `archive` as a checkpoint; `name` is what messages call it. Throws `NOT_A_CHECKPOINT` for a tar that is none.
 * Close the archive when done; the checkpoint holds nothing else open.
 */
export async function openCheckpoint(name: string, archive: ArchiveIndex): Promise<Checkpoint> {
  const notes = new NoteBook();
  notes.add(...archive.notes);
  const folder = imageFolder(name, archive, notes);
  for (const path of ['config.dump', 'spec.dump']) {
    if (archive.find(path) === undefined) {
      notes.warn(`${path} is missing: not all that identifies the container is known`);
    }
  }
  const documents: EngineDocuments = {
    config: await readJson(archive, 'config.dump', notes),
    spec: await readJson(archive, 'spec.dump', notes),
    network: await readJson(archive, 'network.status', notes),
    status: await readJson(archive, 'status.dump', notes),
  };
  const capture = await readCaptureRecord(archive, notes);
  noteParent(archive, folder, notes);
  noteTail(archive, notes);
  const images = new ImageSet(archive, folder, notes);
  return {
    name,
    archive,
    ...identify(documents),
    sizes: sizesOf(archive, folder),
    capture,
    ...readers(archive, images, documents, capture),
    notes: () => notes.all,
  };
}

function imageFolder(name: string, archive: ArchiveIndex, notes: NoteBook): string {
  // The runtime itself writes descriptors.json beside the images, wherever CRIU has put those.
  const hasImages = (folder: string) =>
    archive.entries.some(({ path }) => path.startsWith(folder) && path.endsWith('.img'));
  if (hasImages(IMAGES)) {
    if (archive.find(`${IMAGES}pstree.img`) === undefined) {
      notes.warn('checkpoint/pstree.img is missing: no process can be listed');
    }
    return IMAGES;
  }
  if (hasImages(PRE_CHECKPOINT)) {
    notes.inform('this is a pre-checkpoint: it holds memory pages, but neither processes nor files');
    return PRE_CHECKPOINT;
  }
  if (archive.find('config.dump') === undefined && archive.find('spec.dump') === undefined) {
    throw new ExhibitError(
      'NOT_A_CHECKPOINT',
      `${name} is a tar, but not of a container checkpoint: it has no images in checkpoint/, no config.dump and no spec.dump`,
      { source: name },
    );
  }
  notes.warn(
    'the archive holds no CRIU images; an `images-dir` in the runtime’s CRIU configuration (/etc/criu/runc.conf) moves them elsewhere on the node',
  );
  return IMAGES;
}

/** CRIU leaves a link `parent` in an incremental checkpoint, to where the one before it was on the node. */
function noteParent(archive: ArchiveIndex, folder: string, notes: NoteBook): void {
  const parent = archive.find(`${folder}parent`);
  if (parent?.type !== 'symlink') return;
  notes.inform(
    `this checkpoint is incremental: pages that did not change since are only in the archive of the pre-checkpoint before it (${parent.linkTarget ?? ''})`,
    parent.path,
  );
}

function noteTail({ tail }: ArchiveIndex, notes: NoteBook): void {
  if (tail === undefined) return;
  notes.warn(
    `${tail.size} bytes lie behind the archive's end: the rest of an older, larger archive of the same name, and so possibly memory of another container; \`exhibit extract\` has them as \`tail\``,
    undefined,
    tail.offset,
  );
}

function identify(documents: EngineDocuments): Identity & { readonly engine: Engine } {
  if (isPodman(documents)) return { engine: 'podman', ...identifyPodman(documents) };
  if (isCriO(documents)) return { engine: 'cri-o', ...identifyCriO(documents) };
  if (isContainerd(documents)) return { engine: 'containerd', ...identifyContainerd(documents) };
  return { engine: 'unknown', container: commonContainer(documents), pod: undefined };
}

function sizesOf(archive: ArchiveIndex, folder: string): Sizes {
  let total = 0;
  let memoryPages = 0;
  for (const { path, size } of archive.entries) {
    if (!path.startsWith(folder)) continue;
    total += size;
    if (path.startsWith(`${folder}pages-`)) memoryPages += size;
  }
  return { total, memoryPages, rootfsDiff: archive.find('rootfs-diff.tar')?.size ?? 0 };
}

type Readers = Pick<
  Checkpoint,
  'statistics' | 'processes' | 'mounts' | 'rootfsChanges' | 'heldFiles' | 'kernel'
>;

function readers(
  archive: ArchiveIndex,
  images: ImageSet,
  { config, spec }: EngineDocuments,
  capture: CaptureRecord | undefined,
): Readers {
  const { notes } = images;
  const pageSize = once(() => readPageSize(images));
  const files = once(() => FileTable.read(images));
  const sharedMemory = once(async () => SharedMemory.read(images, await pageSize()));
  const mountPoints = once(() => readMountPoints(images));
  const rootfsDiff = once(() => openRootfsDiff(archive, notes));
  return {
    kernel: kernelObjects(images),
    statistics: once(() => readStatistics(archive, notes)),
    processes: once(async () =>
      readProcesses({
        images,
        pageSize: await pageSize(),
        files: await files(),
        sharedMemory: await sharedMemory(),
        unread: await UnreadBytes.read(images, capture?.networks),
        strings: new StringBudget(notes),
        recorded: new Map(capture?.processes.map((process) => [process.pid, process])),
        recordedDescriptors: descriptorsByProcess(capture),
      }),
    ),
    mounts: once(async () => {
      const bound = boundMounts(await readJson(archive, 'bind.mounts', notes));
      return mergeMounts(specMounts(spec), bound, await mountPoints());
    }),
    rootfsChanges: once(async () => readRootfsChanges(archive, await rootfsDiff(), notes)),
    heldFiles: once(async () => [
      ...rootfsFiles(await rootfsDiff()),
      ...(await readHeldFiles({
        archive,
        images,
        files: await files(),
        sharedMemory: await sharedMemory(),
        mountPoints: await mountPoints(),
        config,
      })),
    ]),
  };
}
