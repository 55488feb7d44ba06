/** The record that lies beside the images of a capture of our own (archive/capture-record.ts). */
import type { ArchiveIndex } from '../archive/archive-index.ts';
import {
  CAPTURE_RECORD,
  type CaptureRecord,
  MAX_RECORD_BYTES,
  parseCaptureRecord,
  type UnreadableMemory,
} from '../archive/capture-record.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { openEntry } from './entry-source.ts';
import type { NoteBook } from './note-book.ts';

/** The record; undefined where there is none, and with a note where there is one that cannot be read. */
export async function readCaptureRecord(
  archive: ArchiveIndex,
  notes: NoteBook,
): Promise<CaptureRecord | undefined> {
  const source = openEntry(archive, CAPTURE_RECORD, notes);
  if (source === undefined) return undefined;
  try {
    if (source.size > MAX_RECORD_BYTES)
      throw new ExhibitError('LIMIT_EXCEEDED', `is ${source.size} bytes, the limit is ${MAX_RECORD_BYTES}`);
    const record = parseCaptureRecord(await source.read(0, source.size));
    for (const gap of record.gaps) notes.inform(`not captured: ${gap}`, CAPTURE_RECORD);
    return record;
  } catch (error) {
    if (!(error instanceof ExhibitError)) throw error;
    notes.warn(`${error.message}: this was captured without CRIU, and how is not known`, CAPTURE_RECORD);
    return undefined;
  }
}

/** The memory of a process that could not be read and is zeros in the archive; shared objects count for each process, since each may map them. */
export function unreadableOf(
  { unreadable }: Pick<CaptureRecord, 'unreadable'>,
  pid: number,
): readonly UnreadableMemory[] {
  return unreadable.filter((each) => each.pid === pid || each.shared_object !== undefined);
}
