/** The record that lies beside the images of a capture of our own (archive/capture-record.ts). */
import type { ArchiveIndex } from '../archive/archive-index.ts';
import {
  CAPTURE_RECORD,
  type CaptureRecord,
  MAX_RECORD_BYTES,
  parseCaptureRecord,
  type RecordedDescriptor,
  type UnreadableMemory,
} from '../archive/capture-record.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { openEntry } from './entry-source.ts';
import type { NoteBook } from './note-book.ts';

/** Ranges of unreadable memory: an honest capture has a few for each device or ring that is mapped. */
const MAX_UNREADABLE = 10_000;

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
    return withinLimits(record, notes);
  } catch (error) {
    if (!(error instanceof ExhibitError)) throw error;
    notes.warn(`${error.message}: this was captured without CRIU, and how is not known`, CAPTURE_RECORD);
    return undefined;
  }
}

function withinLimits(record: CaptureRecord, notes: NoteBook): CaptureRecord {
  const { length } = record.unreadable;
  if (length <= MAX_UNREADABLE) return record;
  const message = `tells ${length} ranges of memory that could not be read; ${MAX_UNREADABLE} are told here`;
  notes.warn(message, CAPTURE_RECORD);
  return { ...record, unreadable: record.unreadable.slice(0, MAX_UNREADABLE) };
}

/** Memory that could not be read and is zeros in the archive: of a process, or without one, of shared objects. */
export function unreadableOf(
  { unreadable }: Pick<CaptureRecord, 'unreadable'>,
  pid: number | undefined,
): readonly UnreadableMemory[] {
  return unreadable.filter((each) => each.pid === pid);
}

/** Descriptors that no image has a place for, by the number that the node counts their process by. */
export function descriptorsByProcess(
  capture: CaptureRecord | undefined,
): ReadonlyMap<number, readonly RecordedDescriptor[]> {
  const byProcess = new Map<number, RecordedDescriptor[]>();
  for (const descriptor of capture?.descriptors ?? []) {
    const others = byProcess.get(descriptor.node_pid);
    if (others) others.push(descriptor);
    else byProcess.set(descriptor.node_pid, [descriptor]);
  }
  return byProcess;
}
