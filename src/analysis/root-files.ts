import type { ArchiveEntry, ArchiveIndex } from '../archive/archive-index.ts';
import { entryPath } from '../archive/archive-path.ts';
import type { ByteSource } from '../bytes/byte-source.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';

/** A file of a root filesystem, to be closed after use. */
export interface RootFile extends ByteSource {
  close(): Promise<void>;
}

/**
 * The root filesystem that a container was started from, as the user has it: what a checkpoint leaves out of mapped files
 * is there. Whether it is the same image, and the same version of it, is for the user to know.
 */
export interface RootFiles {
  /** The regular file at an absolute path; undefined where there is none. */
  open(path: string): Promise<RootFile | undefined>;
}

/** The files of a root filesystem that lies in a tar, as `podman export` writes it. */
export function filesOfTar(archive: ArchiveIndex): RootFiles {
  return {
    open: async (path) => {
      const entry = archive.find(entryPath(path));
      return entry && openFile(archive, entry);
    },
  };
}

/** An entry that is a regular file or another name of one; undefined for everything else. */
export function openFile(archive: ArchiveIndex, entry: ArchiveEntry): RootFile | undefined {
  if (entry.type !== 'file' && entry.type !== 'hardlink') return undefined;
  const { size, read } = archive.open(entry);
  return { size, read, close: async () => undefined };
}

/** Of the files, those that the container neither changed nor deleted: another version would pass for what was mapped. */
export async function unchangedFiles(files: RootFiles, checkpoint: Checkpoint): Promise<RootFiles> {
  const changed = new Set((await checkpoint.rootfsChanges()).map(({ path }) => path));
  return { open: async (path) => (changed.has(path) ? undefined : files.open(path)) };
}
