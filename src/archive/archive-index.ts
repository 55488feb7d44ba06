import type { ByteSource } from '../bytes/byte-source.ts';
import type { Note } from '../bytes/note.ts';

/** Where the bytes of an entry can be: how the archive as a whole is packed. */
export type Compression = 'none' | 'gzip' | 'zstd';

export type EntryType =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'hardlink'
  | 'character-device'
  | 'block-device'
  | 'fifo'
  | 'other';

/** One member of a tar. Everything in it is text of the compromised machine: trust none of it. */
export interface ArchiveEntry {
  /** The name without a leading `./` or `/` and without a trailing `/`. May still hold `..`: never join it to a folder. */
  readonly path: string;
  readonly type: EntryType;
  /** Length of the content in bytes. */
  readonly size: number;
  /** Where the content begins in the (unpacked) tar, in bytes. */
  readonly offset: number;
  /** Where the entry's own 512-byte header begins. */
  readonly headerOffset: number;
  /** Permission bits, with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970; fractional where a PAX header says so. */
  readonly modified: number;
  readonly linkTarget?: string | undefined;
  /** PAX `SCHILY.xattr.*` records, by attribute name. */
  readonly extendedAttributes?: Readonly<Record<string, Uint8Array>> | undefined;
}

/** A tar that can be read at any entry without being unpacked. */
export interface ArchiveIndex {
  readonly compression: Compression;
  /** Length in bytes of the file as it lies on disk. */
  readonly storedSize: number;
  /** In the order of the tar; a path can occur twice, then the last one counts, as with `tar x`. */
  readonly entries: readonly ArchiveEntry[];
  /** Bytes behind the tar's end: what an engine left there of an earlier, larger archive. Not in `entries`. */
  readonly tail: { readonly offset: number; readonly size: number } | undefined;
  readonly notes: readonly Note[];
  /** The last entry of this path (written as in `ArchiveEntry.path`). */
  find(path: string): ArchiveEntry | undefined;
  /** The content of an entry; hard links inside the archive are followed. */
  open(entry: ArchiveEntry): ByteSource;
  /**
   * An archive within the archive, as rootfs-diff.tar and tmpfs images are, opened with the options of this one, whose
   * limits hold for all of them together. It is closed with this one. Throws `NOT_AN_ARCHIVE` when the entry is none.
   */
  openNested(entry: ArchiveEntry): Promise<ArchiveIndex>;
  /** The bytes of the whole unpacked tar. */
  readonly tar: ByteSource;
  /** Frees what was unpacked, of archives within it too. Does not close the source that was passed in. */
  close(): Promise<void>;
}
