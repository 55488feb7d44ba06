import type { ArchiveIndex } from '../archive/archive-index.ts';
import { readTyped } from '../criu/image.ts';
import { imageKinds } from '../criu/image-kinds.ts';
import type { Statistics } from './checkpoint.ts';
import { openEntry } from './entry-source.ts';
import type { NoteBook } from './note-book.ts';

const ENTRY = 'stats-dump';

/** What CRIU counted and timed while it dumped: stats-dump, at the root of the archive. */
export async function readStatistics(
  archive: ArchiveIndex,
  notes: NoteBook,
): Promise<Statistics | undefined> {
  const source = openEntry(archive, ENTRY, notes);
  if (source === undefined) return undefined;
  const image = await readTyped(source, ENTRY, imageKinds.stats);
  notes.add(...image.notes);
  const dump = image.entries[0]?.message.dump;
  return (
    dump && {
      freezingTime: dump.freezing_time,
      frozenTime: dump.frozen_time,
      memdumpTime: dump.memdump_time,
      memwriteTime: dump.memwrite_time,
      pagesScanned: Number(dump.pages_scanned),
      pagesWritten: Number(dump.pages_written),
    }
  );
}
