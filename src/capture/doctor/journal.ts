/**
 * What `exhibit doctor --fix` changed, so that `--undo` can take it back: a folder of its own with `journal.json` and
 * one kept copy per replaced file. A change is written down before it is made: one that was not made after all shows
 * itself by the path being as it was.
 */
import { randomUUID } from 'node:crypto';
import { lstat, mkdir, readFile, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { type PathState, putInPlace, writeWhole } from './path-state.ts';

export const JOURNAL_FOLDER = '/var/lib/exhibit/doctor';

/** A change that was made, or was about to be. */
export interface JournalEntry {
  readonly path: string;
  /** ISO 8601, by the node's clock. */
  readonly time: string;
  readonly before: PathState;
  readonly after: PathState;
  /** Name of the kept copy in the journal's folder, where a file was replaced. */
  readonly kept?: string | undefined;
  /** The uppermost folder that had to be made for `path`. */
  readonly madeFolder?: string | undefined;
}

const VERSION = 1;
/** An entry has some 500 bytes, a node some few changes. */
const MAX_JOURNAL_BYTES = 1024 * 1024;

/** The changes in the order in which they were made; none where nothing was changed. Throws `BAD_JOURNAL`. */
export async function readJournal(folder: string): Promise<readonly JournalEntry[]> {
  const file = path.join(folder, 'journal.json');
  const status = await lstat(folder).catch(() => undefined);
  if (status === undefined) return [];
  const isOurs = status.uid === process.getuid?.() && (status.mode & 0o022) === 0;
  if (!status.isDirectory() || !isOurs) {
    throw bad(folder, 'is not a folder that only this user may write to');
  }
  const size = (await lstat(file).catch(() => undefined))?.size;
  if (size === undefined) return [];
  if (size > MAX_JOURNAL_BYTES) throw bad(file, `has ${size} bytes, which no journal has`);
  return parseJournal(await readFile(file, 'utf8'), file);
}

/** Replaces the journal in one step. One without entries is removed with its folder. */
export async function writeJournal(folder: string, entries: readonly JournalEntry[]): Promise<void> {
  const file = path.join(folder, 'journal.json');
  if (entries.length === 0) {
    await rm(file, { force: true });
    // The folder above may hold what is not ours.
    for (const empty of [folder, path.dirname(folder)]) await rmdir(empty).catch(() => undefined);
    return;
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const next = path.join(folder, `.${randomUUID()}`);
  const text = `${JSON.stringify({ version: VERSION, changes: entries }, undefined, 2)}\n`;
  await writeWhole(next, Buffer.from(text), 0o600);
  await putInPlace(next, file);
}

/** Keeps a file's bytes beside the journal; the name of the copy. */
export async function keepBytes(folder: string, bytes: Uint8Array): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const name = `${randomUUID()}.kept`;
  await writeWhole(path.join(folder, name), bytes, 0o600);
  return name;
}

export function parseJournal(text: string, source: string): readonly JournalEntry[] {
  let journal: unknown;
  try {
    journal = JSON.parse(text);
  } catch (cause) {
    throw bad(source, 'is not JSON', cause);
  }
  const version = isObject(journal) ? journal.version : undefined;
  if (version !== VERSION) throw bad(source, `is of version ${JSON.stringify(version)}, not ${VERSION}`);
  const changes = isObject(journal) ? journal.changes : undefined;
  if (!Array.isArray(changes)) throw bad(source, 'has no list of changes');
  const broken = changes.findIndex((entry) => !isEntry(entry));
  if (broken >= 0) throw bad(source, `has a change that cannot be read, its number ${broken + 1}`);
  return changes;
}

function isEntry(value: unknown): value is JournalEntry {
  if (!isObject(value)) return false;
  const { kept, madeFolder, before } = value;
  const isKept = kept === undefined ? kindOf(before) !== 'file' : isKeptName(kept);
  const isFolder = madeFolder === undefined || isPath(madeFolder);
  const isWhole = isPath(value.path) && typeof value.time === 'string';
  return isWhole && isKept && isFolder && isState(before) && isState(value.after);
}

function isState(value: unknown): value is PathState {
  const kind = kindOf(value);
  if (kind === 'absent') return true;
  if (!isObject(value) || ![value.uid, value.gid, value.modified].every(Number.isSafeInteger)) return false;
  if (kind === 'link') return typeof value.target === 'string';
  const isMode = typeof value.mode === 'number' && (value.mode & 0o7777) === value.mode;
  return kind === 'file' && isMode && typeof value.sha256 === 'string';
}

type Fields = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
const kindOf = (value: unknown): unknown => (isObject(value) ? value.kind : undefined);
const isPath = (value: unknown): boolean => typeof value === 'string' && path.isAbsolute(value);
/** No path: it names a file of the journal's folder. */
const isKeptName = (value: unknown): boolean => typeof value === 'string' && /^[\w-]+\.kept$/.test(value);

function bad(source: string, what: string, cause?: unknown): ExhibitError {
  const help = ['What was replaced lies beside it, in files named *.kept: put it back by hand.'];
  return new ExhibitError('BAD_JOURNAL', `the doctor's journal ${source} ${what}`, { source, cause, help });
}
