import type { ArchiveEntry, ArchiveIndex } from '../archive/archive-index.ts';
import { entryPath } from '../archive/archive-path.ts';
import type { ByteSource } from '../bytes/byte-source.ts';

/** A source to be closed after use. */
export interface ClosableSource extends ByteSource {
  close(): Promise<void>;
}

/**
 * The root filesystem that a container was started from, as the user has it, by the paths that the container knew its
 * files by: what a checkpoint leaves out of mapped files is there. Whether it is the same image, and the same version of
 * it, is for the user to know.
 */
export interface RootFiles {
  /** What messages call it. */
  readonly name: string;
  /** The regular file at an absolute path; undefined where there is none. Nothing outside is opened, wherever links lead. */
  open(path: string): Promise<ClosableSource | undefined>;
}

/** The files of a root filesystem that lies in a tar, as `podman export` writes it. */
export function filesOfTar(name: string, archive: ArchiveIndex): RootFiles {
  return {
    name,
    open: async (path) => {
      const entry = archive.find(entryPath(path));
      return entry && openFile(archive, entry);
    },
  };
}

/** An entry that is a regular file or another name of one; undefined for everything else. */
export function openFile(archive: ArchiveIndex, entry: ArchiveEntry): ClosableSource | undefined {
  if (entry.type !== 'file' && entry.type !== 'hardlink') return undefined;
  return closable(archive.open(entry));
}

/** A source that needs no closing. */
export const closable = ({ size, read }: ByteSource): ClosableSource => ({
  size,
  read,
  close: async () => undefined,
});
