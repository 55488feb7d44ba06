import type { ArchiveIndex } from '../archive/archive-index.ts';
import type { ByteSource } from '../bytes/byte-source.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { NoteBook } from './note-book.ts';

/** The content of a file in the archive; undefined when there is none, and with a note when it is a link to nothing. */
export function openEntry(archive: ArchiveIndex, path: string, notes: NoteBook): ByteSource | undefined {
  const entry = archive.find(path);
  if (entry === undefined || (entry.type !== 'file' && entry.type !== 'hardlink')) return undefined;
  try {
    return archive.open(entry);
  } catch (error) {
    if (!(error instanceof ExhibitError)) throw error;
    notes.warn(`${error.message}; left out`, path);
    return undefined;
  }
}
