/** Makes the changes of a cure, and takes them back. Everything is put in place by a rename: no reader sees half of it. */
import { randomUUID } from 'node:crypto';
import { lstat, mkdir, realpath, rename, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { withLock } from '../capture-lock.ts';
import type { Change, Replacement } from './change.ts';
import { JOURNAL_FOLDER, type JournalEntry, keepBytes, readJournal, writeJournal } from './journal.ts';
import {
  hash,
  isSameState,
  makeState,
  type PathState,
  putInPlace,
  readState,
  readWhole,
} from './path-state.ts';

/** Makes one change; false where it is made already. Throws `WRITE_FAILED`, `BAD_JOURNAL`. */
export function applyChange(change: Change, folder = JOURNAL_FOLDER): Promise<boolean> {
  return withLock(LOCK, () => (change.kind === 'removal' ? remove(change.path) : replace(change, folder)));
}

function remove(place: string): Promise<boolean> {
  return attempt(place, async () => {
    if ((await lstat(place).catch(() => undefined)) === undefined) return false;
    await rm(place);
    return true;
  });
}

/** Two at once would each write the journal without what the other did. */
const LOCK = 'doctor';

async function replace(change: Replacement, folder: string): Promise<boolean> {
  const place = await locate(change);
  return attempt(place, async () => {
    const entries = await readJournal(folder);
    const before = await readState(place);
    const bytes = before.kind === 'file' ? await readWhole(place) : Buffer.alloc(0);
    const wanted = wantedState(change, before, bytes);
    if (wanted === undefined) return false;
    const madeFolder = await mkdir(path.dirname(place), { recursive: true, mode: 0o755 });
    const next = besideOf(place);
    try {
      await makeState(next, wanted.state, wanted.bytes);
      const kept = before.kind === 'file' ? await keepBytes(folder, bytes) : undefined;
      const after = await readState(next);
      const time = new Date().toISOString();
      await writeJournal(folder, [...entries, { path: place, time, before, after, kept, madeFolder }]);
      await rename(next, place);
    } finally {
      await rm(next, { force: true });
    }
    return true;
  });
}

export interface UndoOutcome {
  readonly path: string;
  /** `gone`: its folder is not there any more, and with it what there was to restore. */
  readonly outcome: 'restored' | 'unchanged' | 'gone' | 'changed since';
  /** Where what was replaced lies, if it was not put back. */
  readonly kept?: string | undefined;
}

/**
 * Takes all changes back, the last first. What was changed by somebody else since is left as it is and stays in the
 * journal. Throws `WRITE_FAILED`, `BAD_JOURNAL`.
 */
export function undoChanges(folder = JOURNAL_FOLDER): Promise<readonly UndoOutcome[]> {
  return withLock(LOCK, () => undoAll(folder));
}

async function undoAll(folder: string): Promise<readonly UndoOutcome[]> {
  const entries = await readJournal(folder);
  const left: JournalEntry[] = [];
  const outcomes: UndoOutcome[] = [];
  for (const [index, entry] of [...entries.entries()].reverse()) {
    const outcome = await attempt(entry.path, () => undo(entry, folder));
    outcomes.push(outcome);
    if (outcome.outcome === 'changed since') {
      left.unshift(entry);
      continue;
    }
    if (entry.kept !== undefined) await rm(path.join(folder, entry.kept), { force: true });
    await writeJournal(folder, [...entries.slice(0, index), ...left]);
  }
  return outcomes;
}

async function undo(entry: JournalEntry, folder: string): Promise<UndoOutcome> {
  const { path: place, before, after } = entry;
  if ((await lstat(path.dirname(place)).catch(() => undefined)) === undefined) {
    return { path: place, outcome: before.kind === 'absent' ? 'unchanged' : 'gone' };
  }
  const now = await readState(place);
  if (isSameState(now, before)) return { path: place, outcome: 'unchanged' };
  const kept = entry.kept === undefined ? undefined : path.join(folder, entry.kept);
  if (!isSameState(now, after)) return { path: place, outcome: 'changed since', kept };
  if (before.kind === 'absent') await rm(place);
  else await restore(place, before, kept);
  if (entry.madeFolder !== undefined) await removeFolders(path.dirname(place), entry.madeFolder);
  return { path: place, outcome: 'restored' };
}

async function restore(
  place: string,
  before: Exclude<PathState, { readonly kind: 'absent' }>,
  kept: string | undefined,
): Promise<void> {
  const bytes = kept === undefined ? Buffer.alloc(0) : await readWhole(kept);
  if (before.kind === 'file' && hash(bytes) !== before.sha256) {
    const what = `${kept}, the copy of what was at ${place}, is not what was kept; nothing was put back`;
    throw new ExhibitError('BAD_JOURNAL', what, { source: kept });
  }
  const next = besideOf(place);
  await makeState(next, before, bytes);
  await putInPlace(next, place);
}

/** From `lowest` up to `uppermost`, as far as they are empty. */
async function removeFolders(lowest: string, uppermost: string): Promise<void> {
  for (let folder = lowest; folder.startsWith(uppermost); folder = path.dirname(folder)) {
    const isRemoved = await rmdir(folder).then(
      () => true,
      () => false,
    );
    if (!isRemoved) return;
  }
}

/**
 * The path with no link on the way: k3s' folder `current` is one, and leads elsewhere after an upgrade. A text file is
 * changed behind a link to it; a link to a program is what is to be replaced.
 */
async function locate(change: Replacement): Promise<string> {
  if (change.kind === 'lines') {
    const real = await realpath(change.path).catch(() => undefined);
    if (real !== undefined) return real;
  }
  const folder = path.dirname(change.path);
  return path.join(await realpath(folder).catch(() => folder), path.basename(change.path));
}

interface Wanted {
  readonly state: Exclude<PathState, { readonly kind: 'absent' }>;
  readonly bytes: Uint8Array;
}

/** What is to be at the path; undefined where it is so already. */
function wantedState(change: Replacement, before: PathState, bytes: Buffer): Wanted | undefined {
  const ours = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, modified: Date.now() };
  if (change.kind === 'link') {
    if (before.kind === 'link' && before.target === change.target) return undefined;
    return { state: { kind: 'link', target: change.target, ...ours }, bytes: Buffer.alloc(0) };
  }
  const added = addLines(bytes, change.lines);
  if (added.length === bytes.length) return undefined;
  const { mode, uid, gid } = before.kind === 'file' ? before : { mode: 0o644, ...ours };
  const state = { kind: 'file', mode, uid, gid, modified: ours.modified, sha256: hash(added) } as const;
  return { state, bytes: added };
}

/** Those of the lines that the text lacks, at its end. */
function addLines(bytes: Buffer, lines: readonly string[]): Buffer {
  const text = bytes.toString('utf8');
  const present = new Set(text.split('\n').map((line) => line.trim()));
  const missing = lines.filter((line) => !present.has(line));
  if (missing.length === 0) return bytes;
  const end = text === '' || text.endsWith('\n') ? '' : '\n';
  return Buffer.concat([bytes, Buffer.from(`${end}${missing.join('\n')}\n`)]);
}

const besideOf = (place: string): string => path.join(path.dirname(place), `.exhibit-${randomUUID()}`);

async function attempt<T>(place: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof ExhibitError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const reason = code === 'EROFS' ? 'the file system is read-only' : `the system says ${code}`;
    const details = { source: place, cause: error };
    throw new ExhibitError('WRITE_FAILED', `${place} could not be changed: ${reason}`, details);
  }
}
