import type { ArchiveEntry, EntryType } from '../archive/archive-index.ts';
import { entryPath, judgePath } from '../archive/archive-path.ts';
import { type ByteSource, piecesOf, sliceSource } from '../bytes/byte-source.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { Checkpoint, HeldFile } from '../checkpoint/checkpoint.ts';
import { OutputNames } from './output-names.ts';

/**
 * Where a file was: `archive` are the archive's own entries, `tail` the bytes behind its end; the others are files of the
 * container, by the path that it knew them by.
 */
export type ExtractableOrigin = 'archive' | 'tail' | HeldFile['kind'];

/** Something that can be copied out of a checkpoint. The JSON of `exhibit extract --list` has all but `content`. */
export interface Extractable {
  readonly origin: ExtractableOrigin;
  /** The archive's path of an entry, or the container's path of a file. Text of the compromised machine. */
  readonly path: string;
  readonly type: EntryType;
  /** Length of the content in bytes, holes included. */
  readonly size: number;
  /** Permission bits, with setuid, setgid and sticky. Told, never applied. */
  readonly mode: number;
  /** The archive entry that holds it; undefined for the tail. */
  readonly entry: string | undefined;
  readonly link_target: string | undefined;
  /** Seconds since 1970, where known. */
  readonly modified: number | undefined;
  /** The bytes in order, in bounded pieces, holes as zeros. Nothing comes of what is no file. */
  content(signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

/** How an entry of the archive is read, in bytes a piece. */
const PIECE = 4 * 1024 * 1024;

/** The most that one call writes unasked, in bytes: four times the largest archive that Exhibit is built for. */
export const EXTRACTION_LIMIT = 256 * 1024 * 1024 * 1024;

/** Everything that can be extracted: entries in the order of the archive, then the container's files, then the tail. */
export async function listExtractables(checkpoint: Checkpoint): Promise<readonly Extractable[]> {
  const { archive } = checkpoint;
  const held = await checkpoint.heldFiles();
  const { tail } = archive;
  return [
    ...archive.entries.map((entry) => archiveExtractable(checkpoint, entry)),
    ...held.map(heldExtractable),
    ...(tail === undefined ? [] : [tailExtractable(archive.tar, tail)]),
  ];
}

/**
 * What `wanted` names: an entry or a folder of the archive (`checkpoint/core-1.img`, `checkpoint`), or a file or folder
 * of the container (`/tmp/dropped`, `/dev/shm`). A file that existed in several ways is there several times. Throws
 * `ENTRY_NOT_FOUND` for the first name that nothing has.
 */
export function selectExtractables(
  all: readonly Extractable[],
  wanted: readonly string[],
): readonly Extractable[] {
  const selected = new Set<Extractable>();
  for (const name of wanted) {
    const matches = all.filter((item) => isNamedBy(item, name));
    if (matches.length === 0) {
      const message = `there is no ${name} in the archive; \`exhibit extract --list\` shows what there is`;
      throw new ExhibitError('ENTRY_NOT_FOUND', message, { source: name });
    }
    for (const match of matches) selected.add(match);
  }
  return all.filter((item) => selected.has(item));
}

function isNamedBy({ origin, path }: Extractable, name: string): boolean {
  if (origin === 'archive' && name.startsWith('/')) return false;
  const wanted = origin === 'archive' ? entryPath(name) : name.replace(/(?<=.)\/$/, '');
  return path === wanted || path.startsWith(wanted === '/' ? '/' : `${wanted}/`);
}

/** Takes files; how safe the place is that they go to is its own affair. `path` is relative, normal and unused. */
export interface ExtractionTarget {
  folder(path: string): Promise<void>;
  /** Resolves to where the file is now, for people. Throws what writing throws, and leaves nothing half-written then. */
  file(path: string, content: AsyncIterable<Uint8Array>, modified: number | undefined): Promise<string>;
}

export interface ExtractionOptions {
  /** The most bytes to write. Default EXTRACTION_LIMIT. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Hears how many bytes are written, and of how many. */
  readonly onProgress?: ((bytesDone: number, bytesTotal: number) => void) | undefined;
}

/** What was copied and what was not. The JSON of `exhibit extract --json`. */
export interface ExtractionReport {
  readonly files: readonly ExtractedFile[];
  readonly skipped: readonly SkippedFile[];
  /** Bytes written, holes included. */
  readonly bytes: number;
}

export interface ExtractedFile {
  readonly origin: ExtractableOrigin;
  readonly path: string;
  readonly size: number;
  /** Where it was written. */
  readonly output: string;
}

export interface SkippedFile {
  readonly origin: ExtractableOrigin;
  readonly path: string;
  readonly type: EntryType;
  readonly reason: string;
  /** Evidence was lost or is hostile, rather than of a kind that is never written. */
  readonly damaged: boolean;
}

/**
 * Copies `items` to `target`: entries below `archive/`, files of the container below `files/ORIGIN/`, the tail as `tail`.
 * Links, devices and FIFOs are never created, nor is anything whose path leads out; what is passed over is in the
 * report. Hard links become copies. Throws `LIMIT_EXCEEDED` before anything is written when it would be too much, and what
 * `target` throws.
 */
export async function extract(
  items: readonly Extractable[],
  target: ExtractionTarget,
  options: ExtractionOptions = {},
): Promise<ExtractionReport> {
  const total = items.reduce((sum, item) => sum + (isFile(item.type) ? item.size : 0), 0);
  checkLimit(total, options.limit ?? EXTRACTION_LIMIT);
  return new Extraction(target, options, total).run(plan(items));
}

function checkLimit(total: number, limit: number): void {
  if (total <= limit) return;
  const message = `${total} bytes would be written, the limit is ${limit}; name fewer files, or raise it with --max-size`;
  throw new ExhibitError('LIMIT_EXCEEDED', message);
}

const isFile = (type: EntryType): boolean => type === 'file' || type === 'hardlink' || type === 'other';

/** What is to be done with an item: a name to write it to, or a reason not to. */
type Step =
  | { readonly item: Extractable; readonly name: string }
  | { readonly item: Extractable; readonly reason: string; readonly damaged: boolean };

/** Names are given from the last item to the first: where a path is there twice, the last one counts, as with `tar x`. */
function plan(items: readonly Extractable[]): readonly Step[] {
  const names = new OutputNames();
  return items
    .toReversed()
    .map((item) => planItem(item, names))
    .reverse();
}

function planItem(item: Extractable, names: OutputNames): Step {
  const verdict = judgePath(item.path);
  if (!verdict.safe) return { item, reason: `its path ${verdict.reason}`, damaged: true };
  if (verdict.path === '') return { item, reason: 'the folder that all else lies in', damaged: false };
  const place =
    item.origin === 'archive' ? 'archive/' : item.origin === 'tail' ? '' : `files/${item.origin}/`;
  if (isFile(item.type)) return { item, name: names.file(place + verdict.path) };
  if (item.type === 'directory') return { item, name: names.folder(place + verdict.path) };
  return { item, reason: reasonToSkip(item), damaged: false };
}

function reasonToSkip({ type, link_target }: Extractable): string {
  if (type === 'symlink') return `a symbolic link to ${link_target}; links are not created`;
  return `a ${type.replace('-', ' ')}; it has no content`;
}

class Extraction {
  readonly #target: ExtractionTarget;
  readonly #options: ExtractionOptions;
  readonly #total: number;
  readonly #files: ExtractedFile[] = [];
  readonly #skipped: SkippedFile[] = [];
  #bytes = 0;
  /** What the archive did wrong while an item was read, to tell it from what the target did. */
  #readError: unknown;

  constructor(target: ExtractionTarget, options: ExtractionOptions, total: number) {
    this.#target = target;
    this.#options = options;
    this.#total = total;
  }

  async run(steps: readonly Step[]): Promise<ExtractionReport> {
    for (const step of steps) {
      if ('reason' in step) this.#skip(step.item, step.reason, step.damaged);
      else if (step.item.type === 'directory') await this.#target.folder(step.name);
      else await this.#file(step.item, step.name);
    }
    return { files: this.#files, skipped: this.#skipped, bytes: this.#bytes };
  }

  async #file(item: Extractable, name: string): Promise<void> {
    const before = this.#bytes;
    try {
      const output = await this.#target.file(name, this.#read(item), item.modified);
      this.#files.push({ origin: item.origin, path: item.path, size: this.#bytes - before, output });
    } catch (error) {
      // A damaged file concerns itself, a full disk all.
      if (error !== this.#readError || !(error instanceof ExhibitError)) throw error;
      this.#bytes = before;
      this.#skip(item, error.message, true);
    }
  }

  async *#read(item: Extractable): AsyncGenerator<Uint8Array, void, undefined> {
    const pieces = item.content(this.#options.signal)[Symbol.asyncIterator]();
    for (;;) {
      const { done, value } = await pieces.next().catch((error: unknown) => {
        this.#readError = error;
        throw error;
      });
      if (done) return;
      this.#options.signal?.throwIfAborted();
      this.#bytes += value.length;
      // Sizes are what the archive says; what really comes counts.
      checkLimit(this.#bytes, this.#options.limit ?? EXTRACTION_LIMIT);
      this.#options.onProgress?.(this.#bytes, this.#total);
      yield value;
    }
  }

  #skip({ origin, path, type }: Extractable, reason: string, damaged: boolean): void {
    this.#skipped.push({ origin, path, type, reason, damaged });
  }
}

function archiveExtractable({ archive }: Checkpoint, entry: ArchiveEntry): Extractable {
  return {
    origin: 'archive',
    path: entry.path,
    type: entry.type,
    size: entry.size,
    mode: entry.mode,
    entry: entry.path,
    link_target: entry.linkTarget,
    modified: entry.modified,
    content: (signal) => contentOf(() => archive.open(entry), signal),
  };
}

function heldExtractable(file: HeldFile): Extractable {
  const { path, size, mode, entry } = file;
  const common = { origin: file.kind, path, size, mode, entry, link_target: undefined, modified: undefined };
  return { ...common, type: 'file', content: () => file.content() };
}

function tailExtractable(
  tar: ByteSource,
  tail: { readonly offset: number; readonly size: number },
): Extractable {
  const content = (signal?: AbortSignal) => contentOf(() => sliceSource(tar, tail.offset, tail.size), signal);
  const common = { entry: undefined, link_target: undefined, modified: undefined, mode: 0o600 };
  return { ...common, origin: 'tail', path: 'tail', type: 'file', size: tail.size, content };
}

/** Opened when it is read, not when it is listed. */
async function* contentOf(
  open: () => ByteSource,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* piecesOf(open(), PIECE, { signal });
}
