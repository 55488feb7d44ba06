/**
 * What the container changed in its root filesystem: rootfs-diff.tar. Podman and CRI-O write a plain tar and list what was
 * deleted in deleted.files; containerd writes a gzip OCI layer, where an empty `.wh.NAME` stands for a deleted NAME and
 * `.wh..wh..opq` for a folder whose former content is gone (OCI image specification, layer.md).
 */
import type { ArchiveEntry, ArchiveIndex } from '../archive/archive-index.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { HeldFile, RootfsChange } from './checkpoint.ts';
import { contentOf } from './content.ts';
import { readJson } from './json-document.ts';
import type { NoteBook } from './note-book.ts';

const DIFF = 'rootfs-diff.tar';
const DELETED = 'deleted.files';
const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

/** An archive inside the archive, or undefined with a note when it cannot be read. */
export async function openInner(
  archive: ArchiveIndex,
  entry: ArchiveEntry,
  notes: NoteBook,
): Promise<ArchiveIndex | undefined> {
  if (entry.size === 0) return undefined;
  try {
    const inner = await archive.openNested(entry);
    notes.add(...inner.notes.map((note) => ({ ...note, entry: entry.path })));
    return inner;
  } catch (error) {
    if (!(error instanceof ExhibitError)) throw error;
    notes.warn(`cannot be read: ${error.message}`, entry.path);
    return undefined;
  }
}

export async function openRootfsDiff(
  archive: ArchiveIndex,
  notes: NoteBook,
): Promise<ArchiveIndex | undefined> {
  const entry = archive.find(DIFF);
  return entry && openInner(archive, entry, notes);
}

/**
 * Only an OCI layer, which is compressed, has whiteouts. In a plain tar `.wh.x` is a file that somebody called so, and
 * taking it for a whiteout would hide it.
 */
const isLayer = (diff: ArchiveIndex): boolean => diff.compression !== 'none';

export async function readRootfsChanges(
  archive: ArchiveIndex,
  diff: ArchiveIndex | undefined,
  notes: NoteBook,
): Promise<readonly RootfsChange[]> {
  const changes = diff?.entries.map((entry) => toChange(entry, isLayer(diff))) ?? [];
  const deleted = (await readJson(archive, DELETED, notes)).texts;
  return [...changes, ...deleted.map((path) => ({ ...UNKNOWN, path, kind: 'deleted' as const }))];
}

const UNKNOWN = { type: 'unknown', size: 0, mode: 0, uid: 0, gid: 0, modified: 0 };

function toChange(entry: ArchiveEntry, inLayer: boolean): RootfsChange {
  const { type, size, mode, uid, gid, modified } = entry;
  const deleted = inLayer ? deletedPath(entry) : undefined;
  if (deleted !== undefined) return { ...UNKNOWN, path: deleted, kind: 'deleted', uid, gid, modified };
  return { path: absolute(entry.path), kind: 'present', type, size, mode, uid, gid, modified };
}

/** What a whiteout stands for; undefined for an entry that is none. One with content is a file, whatever its name. */
function deletedPath({ path, type, size }: ArchiveEntry): string | undefined {
  if (type !== 'file' || size > 0) return undefined;
  const slash = path.lastIndexOf('/') + 1;
  const name = path.slice(slash);
  if (name === OPAQUE) return `${absolute(path.slice(0, slash))}*`;
  return name.startsWith(WHITEOUT) ? absolute(path.slice(0, slash) + name.slice(WHITEOUT.length)) : undefined;
}

const absolute = (path: string): string => (path === '.' ? '/' : `/${path}`);

/** Whether an entry has content, its own or that of the entry that it is a hard link to. */
export const isFile = ({ type }: ArchiveEntry): boolean => type === 'file' || type === 'hardlink';

/** The files that rootfs-diff.tar holds. */
export function rootfsFiles(diff: ArchiveIndex | undefined): readonly HeldFile[] {
  if (diff === undefined) return [];
  return diff.entries
    .filter((entry) => isFile(entry) && !(isLayer(diff) && deletedPath(entry) !== undefined))
    .map((entry) => innerFile(diff, entry, absolute(entry.path), 'rootfs', DIFF));
}

/** A file of an archive inside the archive. */
export function innerFile(
  inner: ArchiveIndex,
  file: ArchiveEntry,
  path: string,
  kind: HeldFile['kind'],
  entry: string,
): HeldFile {
  const { mode } = file;
  const size = file.type === 'hardlink' ? linkedSize(inner, file) : file.size;
  return { path, kind, size, mode, entry, content: () => contentOf(inner.open(file)) };
}

/** A hard link's header has no size; it is that of the content, or nothing where the link leads nowhere. */
function linkedSize(inner: ArchiveIndex, file: ArchiveEntry): number {
  try {
    return inner.open(file).size;
  } catch (error) {
    if (error instanceof ExhibitError) return 0;
    throw error;
  }
}
