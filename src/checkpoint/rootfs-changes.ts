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

export async function readRootfsChanges(
  archive: ArchiveIndex,
  diff: ArchiveIndex | undefined,
  notes: NoteBook,
): Promise<readonly RootfsChange[]> {
  const changes = (diff?.entries ?? []).map(toChange);
  const deleted = (await readJson(archive, DELETED, notes)).texts;
  return [...changes, ...deleted.map((path) => ({ ...UNKNOWN, path, kind: 'deleted' as const }))];
}

const UNKNOWN = { type: 'unknown', size: 0, mode: 0, uid: 0, gid: 0, modified: 0 };

function toChange(entry: ArchiveEntry): RootfsChange {
  const { type, size, mode, uid, gid, modified } = entry;
  const deleted = deletedPath(entry.path);
  if (deleted !== undefined) return { ...UNKNOWN, path: deleted, kind: 'deleted', uid, gid, modified };
  return { path: absolute(entry.path), kind: 'present', type, size, mode, uid, gid, modified };
}

/** What a whiteout stands for; undefined for an entry that is none. */
function deletedPath(path: string): string | undefined {
  const slash = path.lastIndexOf('/') + 1;
  const name = path.slice(slash);
  if (name === OPAQUE) return `${absolute(path.slice(0, slash))}*`;
  return name.startsWith(WHITEOUT) ? absolute(path.slice(0, slash) + name.slice(WHITEOUT.length)) : undefined;
}

const absolute = (path: string): string => (path === '.' ? '/' : `/${path}`);

/** The files that rootfs-diff.tar holds. */
export function rootfsFiles(diff: ArchiveIndex | undefined): readonly HeldFile[] {
  if (diff === undefined) return [];
  return diff.entries
    .filter((entry) => entry.type === 'file' && deletedPath(entry.path) === undefined)
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
  return { path, kind, size: file.size, mode: file.mode, entry, content: () => contentOf(inner.open(file)) };
}
