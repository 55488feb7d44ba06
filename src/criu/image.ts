/**
 * CRIU image files. Little-endian: `u32 group magic`, `u32 type magic`, then entries to the end of the file: `u32 size`, a
 * protobuf message of that size, and for some kinds extra bytes whose length the message tells. inventory.img, and every
 * image of format version 1, has the type magic only. Raw images have no header at all.
 * Facts: CRIU 4.2, criu/include/magic.h and criu/protobuf.c; recorded images.
 *
 * Extra bytes are located, never read. Damage gives the entries so far and a note; only a file that is no image at all
 * is an error (`BAD_IMAGE`).
 */
import type { ByteSource } from '../bytes/byte-source.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { Note } from '../bytes/note.ts';
import type { ByteRange } from './byte-range.ts';
import { locateExtra } from './extra-bytes.ts';
import {
  COMMON_MAGIC,
  type ExtraRule,
  type ImageKind,
  kindOfMagic,
  type RawKind,
  rawKindOf,
  SERVICE_MAGIC,
} from './image-kinds.ts';
import { ReadWindow } from './read-window.ts';
import { type MessageSchema, message } from './schema.ts';
import { decodeMessage, MAX_VALUES, type ValueBudget } from './wire.ts';
import { wordAt } from './wire-cursor.ts';

/**
 * Longest message that is read. The largest honest one is an mm_entry: 65,530 mappings (the kernel's default limit) are
 * 6 MiB; the limit leaves room for hosts that raised vm.max_map_count.
 */
export const MAX_MESSAGE_LENGTH = 32 * 1024 * 1024;

/** Entries that `readImage` keeps in memory; readers of larger images go through `readEntries`. */
export const MAX_KEPT_ENTRIES = 1024 * 1024;

/** Entries handed on together by `readEntries`. */
const BATCH = 1024;

/** Notes about damaged messages in one image; the rest would say the same. */
const MAX_NOTES = 20;

/** One message of an image. `offset` and `length` are those of the message, without its size prefix. */
export interface Entry<T = unknown> extends ByteRange {
  readonly message: T;
  /** The bytes behind the message, padding not counted; shorter than promised where the image is cut short. */
  readonly extra?: ByteRange | undefined;
}

/** An image of a kind that has no schema; its messages hold unknown fields only. */
export interface UnknownKind {
  readonly layout: 'unknown';
  readonly name: string;
  readonly magic: number;
}

export interface ImageHeader {
  readonly kind: ImageKind | RawKind | UnknownKind;
  /** Where the first entry begins. */
  readonly length: number;
}

/** A decoded image. */
export interface CriuImage extends Omit<ImageHeader, 'length'> {
  readonly name: string;
  /** Empty for raw images. */
  readonly entries: readonly Entry[];
  readonly notes: readonly Note[];
}

/** The entries of an image whose kind the caller knows. */
export interface TypedImage<T> {
  readonly entries: readonly Entry<T>[];
  readonly notes: readonly Note[];
}

/** Of images of unknown kind: every field is an unknown one. */
export const unknownMessage: MessageSchema = message('unknown', {});

/**
 * Tells what an image is from its first bytes, or for raw images from its name. Throws `BAD_IMAGE` for what is none.
 */
export async function readHeader(name: string, source: ByteSource): Promise<ImageHeader> {
  const raw = rawKindOf(name);
  if (raw !== undefined) return { kind: raw, length: 0 };
  const head = await source.read(0, 8);
  const first = firstWord(head);
  if (first === undefined)
    throw badImage(name, source.size === 0 ? 'it is empty' : 'it is shorter than a magic');
  if (first !== COMMON_MAGIC && first !== SERVICE_MAGIC) {
    const kind = kindOfMagic(first);
    if (kind === undefined) throw badImage(name, `its first word ${hex(first)} is no magic of CRIU's`);
    return { kind, length: 4 };
  }
  const magic = firstWord(head.subarray(4));
  if (magic === undefined) throw badImage(name, 'it ends behind its group magic');
  return { kind: kindOfMagic(magic) ?? { layout: 'unknown', name: hex(magic), magic }, length: 8 };
}

/** Decodes a whole image. Throws `BAD_IMAGE` for what is no image at all. */
export async function readImage(name: string, source: ByteSource): Promise<CriuImage> {
  const { kind, length } = await readHeader(name, source);
  const notes: Note[] = [];
  if (kind.layout === 'raw') return { name, kind, entries: [], notes };
  if (kind.layout === 'unknown') notes.push(unknownKindNote(name, kind.magic));
  const entries = await keepEntries(
    readEntries(name, source, kind, length, notes, { values: MAX_VALUES }),
    name,
    notes,
  );
  return { name, kind, entries, notes };
}

/**
 * Decodes an image that should be of `kind`. Never throws for damage: what is no image, or one of another kind, gives
 * no entries and a note.
 */
export async function readTyped<First, Later>(
  source: ByteSource,
  name: string,
  kind: ImageKind<First, Later>,
): Promise<TypedImage<First | Later>> {
  const notes: Note[] = [];
  try {
    const header = await readHeader(name, source);
    if (header.kind.layout !== 'framed' || header.kind.magic !== kind.magic) {
      notes.push({
        severity: 'warning',
        message: `is a ${header.kind.name} image, not ${kind.name}; left out`,
        entry: name,
      });
      return { entries: [], notes };
    }
    const batches = readEntries(name, source, kind, header.length, notes, { values: MAX_VALUES });
    return { entries: await keepEntries(batches, name, notes), notes };
  } catch (error) {
    if (!(error instanceof ExhibitError) || error.code !== 'BAD_IMAGE') throw error;
    notes.push({ severity: 'warning', message: `${error.message}; left out`, entry: name });
    return { entries: [], notes };
  }
}

/**
 * Streams the entries of an image in batches, in order, from offset `start` behind the header: memory stays bounded
 * whatever the image's size. What is damaged goes to `notes`. Without a `budget` each message has one of its own.
 */
export async function* readEntries<First, Later>(
  name: string,
  source: ByteSource,
  kind: ImageKind<First, Later> | UnknownKind,
  start: number,
  notes: Note[],
  budget?: ValueBudget,
): AsyncGenerator<readonly Entry<First | Later>[]> {
  const window = new ReadWindow(source);
  const report = noteTaker(name, notes);
  let batch: Entry<First | Later>[] = [];
  let at = start;
  while (at < source.size) {
    const length = firstWord(window.at(at, 4) ?? (await window.fill(at, 4)));
    const problem = checkSize(length, at + 4, source.size);
    if (length === undefined || problem !== undefined) {
      report(`${problem}; what follows was not read`, at);
      break;
    }
    const offset = at + 4;
    const bytes = window.at(offset, length) ?? (await window.fill(offset, length));
    const isFirst = at === start;
    const schema = kind.layout === 'unknown' ? unknownMessage : isFirst ? kind.first : kind.later;
    const decoded = decodeMessage(schema, bytes, budget === undefined ? { offset } : { offset, budget });
    for (const each of decoded.problems) report(each.message, each.offset);
    const message = decoded.message as First | Later;
    const rule = extraRule(kind, isFirst);
    const end = offset + bytes.length;
    const located = rule.kind === 'none' ? undefined : await locateExtra(rule, message, end, window);
    if (located?.problem !== undefined) report(located.problem, end);
    batch.push({ message, offset, length: bytes.length, extra: located?.extra });
    at = located?.next ?? end;
    if (batch.length === BATCH) {
      yield batch;
      batch = [];
    }
    if (budget !== undefined && budget.values < 0) break;
  }
  if (batch.length > 0) yield batch;
}

function extraRule<First, Later>(
  kind: ImageKind<First, Later> | UnknownKind,
  isFirst: boolean,
): ExtraRule<First | Later> {
  if (kind.layout === 'unknown') return { kind: 'none' };
  return (isFirst ? kind.extra : kind.laterExtra) as ExtraRule<First | Later>;
}

async function keepEntries<T>(
  batches: AsyncIterable<readonly Entry<T>[]>,
  name: string,
  notes: Note[],
): Promise<readonly Entry<T>[]> {
  const entries: Entry<T>[] = [];
  for await (const batch of batches) {
    for (const entry of batch) entries.push(entry);
    if (entries.length >= MAX_KEPT_ENTRIES) {
      notes.push({
        severity: 'warning',
        message: `has more than ${MAX_KEPT_ENTRIES} entries; the rest was not read`,
        entry: name,
      });
      break;
    }
  }
  return entries;
}

function checkSize(length: number | undefined, offset: number, size: number): string | undefined {
  if (length === undefined) return 'is cut short inside the size of an entry';
  if (length > size - offset)
    return `promises an entry of ${length} bytes but only ${size - offset} are there`;
  if (length > MAX_MESSAGE_LENGTH)
    return `has an entry of ${length} bytes, over the limit of ${MAX_MESSAGE_LENGTH}`;
  return undefined;
}

function noteTaker(name: string, notes: Note[]): (message: string, offset: number) => void {
  let taken = 0;
  return (message, offset) => {
    taken++;
    if (taken <= MAX_NOTES) notes.push({ severity: 'warning', message, entry: name, offset });
    else if (taken === MAX_NOTES + 1)
      notes.push({ severity: 'warning', message: 'has more damage of the kind', entry: name });
  };
}

function unknownKindNote(name: string, magic: number): Note {
  return {
    severity: 'warning',
    message: `is of an unknown kind (magic ${hex(magic)}); its messages are shown by field number`,
    entry: name,
  };
}

function firstWord(bytes: Uint8Array): number | undefined {
  return bytes.length < 4 ? undefined : wordAt(bytes, 0);
}

const hex = (value: number): string => `0x${value.toString(16)}`;

function badImage(name: string, why: string): ExhibitError {
  return new ExhibitError('BAD_IMAGE', `${name} is not a CRIU image: ${why}`, { source: name });
}
