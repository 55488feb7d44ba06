import type { ArchiveIndex } from '../archive/archive-index.ts';
import type { Note } from '../bytes/note.ts';
import type { SourceLocation } from '../bytes/source-location.ts';
import type { AddressSpace } from './address-space.ts';
import {
  isAdjacent,
  layOutMemory,
  type MemoryText,
  type Owner,
  type Piece,
  type Seam,
} from './memory-layout.ts';
import { PageReader } from './page-reader.ts';

/** Half-open, in bytes from the beginning of a window. */
export interface MatchRange {
  readonly start: number;
  readonly end: number;
}

/** Something that is looked for in memory. It keeps no state between calls. */
export interface MemoryScanner {
  /** How many bytes behind its first one a match may reach or depend on. At most MAX_OVERLAP. */
  readonly overlap: number;
  /**
   * The matches that begin in `[from, limit)` of the window, in order, and in the end where to go on, at or behind
   * `limit`. `window[from - 1]`, where `from` is not 0, is the byte before. With `isEnd` the memory ends where the window
   * ends; otherwise at least `overlap` bytes follow behind `limit`. The window is only valid during the call.
   */
  matches(window: Uint8Array, from: number, limit: number, isEnd: boolean): Generator<MatchRange, number>;
}

/** Bounds what is kept of one window for the next. */
export const MAX_OVERLAP = 1024 * 1024;

/** A match in memory. */
export interface MemoryHit {
  /** Which of the scanners found it. */
  readonly scanner: number;
  /** Every process that sees these bytes, and where; at least one, at most MAX_OWNERS. */
  readonly owners: readonly [Owner, ...Owner[]];
  readonly bytes: Uint8Array;
  /** Where the bytes lie in the archive: more than one range where they cross pages that lie apart. */
  readonly locations: readonly SourceLocation[];
}

export interface ScanOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called about every 2 MiB with the bytes searched so far and those that will be. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Called for what could not be searched. */
  readonly onNote?: ((note: Note) => void) | undefined;
  /** Bytes read at once. Default WINDOW_SIZE; tests use tiny ones. */
  readonly windowSize?: number | undefined;
}

/** Hits that are handed over at once, so that many hits neither wait long nor cost a promise each. */
const BATCH_HITS = 256;
const BATCH_BYTES = 1024 * 1024;

/**
 * The one way through memory: reads each pages image once, front to back, in bounded pieces, and gives every scanner
 * every stretch of memory as if it were one piece. A match that crosses pages, windows or regions that follow each other
 * in memory is found, wherever its bytes lie; one that exists only because unrelated pages lie side by side in an image
 * is not; a page that is not in the archive, be it zero, ends a stretch. Bytes that several processes share are searched
 * once, and the hit names them all. Hits come in batches, in the order of the images.
 */
export async function* scanMemory(
  spaces: readonly AddressSpace[],
  archive: ArchiveIndex,
  scanners: readonly MemoryScanner[],
  options: ScanOptions = {},
): AsyncGenerator<readonly MemoryHit[]> {
  const layout = layOutMemory(spaces, (entry) => archive.find(entry)?.offset ?? 0);
  const images = new Images(archive, options);
  const batch = new Batch();
  let done = 0;
  for (const text of layout.texts) {
    const scans = scanners.map((scanner, index) => new TextScan(text, scanner, index));
    for await (const block of blocksOf(text, images)) {
      for (const scan of scans) {
        for (const hit of scan.feed(block)) if (batch.add(hit)) yield batch.take();
      }
      done += block.bytes.length;
      if (!block.isLoad) continue;
      options.onProgress?.(done, layout.totalBytes);
      if (batch.isOld) yield batch.take();
    }
    for (const scan of scans) {
      for (const hit of scan.finish()) if (batch.add(hit)) yield batch.take();
    }
  }
  for (const seam of layout.seams) {
    for (const [index, scanner] of scanners.entries()) {
      for (const hit of await scanSeam(seam, scanner, index, images)) if (batch.add(hit)) yield batch.take();
    }
  }
  options.onProgress?.(layout.totalBytes, layout.totalBytes);
  if (batch.size > 0) yield batch.take();
}

class Batch {
  #hits: MemoryHit[] = [];
  #bytes = 0;
  #began = 0;

  get size(): number {
    return this.#hits.length;
  }

  /** Hits have waited for longer than a reader should. */
  get isOld(): boolean {
    return this.#hits.length > 0 && performance.now() - this.#began > 50;
  }

  /** True when the batch is full. */
  add(hit: MemoryHit): boolean {
    if (this.#hits.length === 0) this.#began = performance.now();
    this.#hits.push(hit);
    this.#bytes += hit.bytes.length;
    return this.#hits.length >= BATCH_HITS || this.#bytes >= BATCH_BYTES;
  }

  take(): readonly MemoryHit[] {
    const hits = this.#hits;
    this.#hits = [];
    this.#bytes = 0;
    return hits;
  }
}

/** The pages images by entry, each with its own read-ahead; only the one read last keeps a window. */
class Images {
  readonly #archive: ArchiveIndex;
  readonly #options: ScanOptions;
  readonly #missing = new Set<string>();
  #current: { readonly entry: string; readonly reader: PageReader } | undefined;

  constructor(archive: ArchiveIndex, options: ScanOptions) {
    this.#archive = archive;
    this.#options = options;
  }

  /** Undefined, with a note, when the archive has no such image. */
  reader(entry: string): PageReader | undefined {
    if (this.#current?.entry === entry) return this.#current.reader;
    const found = this.#archive.find(entry);
    if (found === undefined) {
      this.note(entry, `${entry} is not in the archive; its pages were not searched`);
      return undefined;
    }
    const reader = new PageReader(this.#archive.open(found), this.#options);
    this.#current = { entry, reader };
    return reader;
  }

  /** One note for each image. */
  note(entry: string, message: string): void {
    if (this.#missing.has(entry)) return;
    this.#missing.add(entry);
    this.#options.onNote?.({ severity: 'warning', message, entry });
  }
}

/** A part of a text, valid until the next one is asked for. */
interface Block {
  readonly bytes: Uint8Array;
  /** Offset in the text. */
  readonly start: number;
  /** No byte of this stretch of memory follows. */
  readonly isLast: boolean;
  /** It came from the disk and not from a window that was there. */
  readonly isLoad: boolean;
}

async function* blocksOf(text: MemoryText, images: Images): AsyncGenerator<Block> {
  for (const [index, piece] of text.pieces.entries()) {
    const reader = images.reader(piece.entry);
    let done = 0;
    while (reader !== undefined && done < piece.length) {
      const held = reader.peek(piece.offset + done, piece.length - done);
      const bytes = held ?? (await reader.load(piece.offset + done, piece.length - done));
      if (bytes.length === 0) {
        images.note(piece.entry, `${piece.entry} ends at byte ${piece.offset + done}, before its last page`);
        break;
      }
      const start = (text.starts[index] ?? 0) + done;
      done += bytes.length;
      const isLast = done === piece.length && index === text.pieces.length - 1;
      yield { bytes, start, isLast, isLoad: held === undefined };
    }
  }
}

const NOTHING = new Uint8Array(0);

/** One scanner's way through one text, block by block. */
class TextScan {
  readonly #text: MemoryText;
  readonly #scanner: MemoryScanner;
  readonly #index: number;
  /** The end of what was read, from one byte before where the search goes on. */
  #carry: Uint8Array = NOTHING;
  /** Offsets in the text: of the carry, and where the search goes on. */
  #carryStart = 0;
  #resume = 0;

  constructor(text: MemoryText, scanner: MemoryScanner, index: number) {
    this.#text = text;
    this.#scanner = scanner;
    this.#index = index;
  }

  *feed({ bytes, start, isLast }: Block): Generator<MemoryHit> {
    if (start !== this.#carryStart + this.#carry.length) {
      yield* this.finish();
      this.#carry = NOTHING;
      this.#resume = start;
    }
    const { overlap } = this.#scanner;
    if (this.#carry.length > 0) {
      const head = bytes.subarray(0, overlap + 1);
      const bridge = concat(this.#carry, head);
      const isEnd = isLast && head.length === bytes.length;
      yield* this.#scan(bridge, this.#carryStart, isEnd ? bridge.length : bridge.length - overlap, isEnd);
      if (head.length === bytes.length) {
        this.#keep(bridge, this.#carryStart);
        return;
      }
    }
    yield* this.#scan(bytes, start, isLast ? bytes.length : bytes.length - overlap, isLast);
    this.#keep(bytes, start);
  }

  /** What was carried is the end of a stretch: bytes that cannot be read follow, or nothing. */
  *finish(): Generator<MemoryHit> {
    yield* this.#scan(this.#carry, this.#carryStart, this.#carry.length, true);
  }

  *#scan(window: Uint8Array, start: number, limit: number, isEnd: boolean): Generator<MemoryHit> {
    const from = this.#resume - start;
    if (from >= limit) return;
    const matches = this.#scanner.matches(window, from, limit, isEnd);
    let next = matches.next();
    for (; next.done !== true; next = matches.next()) {
      const { value } = next;
      const bytes = window.slice(value.start, value.end);
      yield { scanner: this.#index, bytes, ...locate(this.#text, start + value.start, bytes.length) };
    }
    this.#resume = start + next.value;
  }

  #keep(window: Uint8Array, start: number): void {
    const from = Math.min(window.length, Math.max(0, this.#resume - start - 1));
    this.#carry = window.slice(from);
    this.#carryStart = start + from;
  }
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

function locate(text: MemoryText, start: number, length: number): Pick<MemoryHit, 'owners' | 'locations'> {
  let low = 0;
  let high = text.pieces.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((text.starts[middle] ?? 0) <= start) low = middle;
    else high = middle - 1;
  }
  const skipped = start - (text.starts[low] ?? 0);
  const owners = (text.pieces[low]?.owners ?? []).map(({ space, address }) => ({
    space,
    address: address + BigInt(skipped),
  }));
  return { owners: owners as [Owner, ...Owner[]], locations: locationsOf(text.pieces, low, skipped, length) };
}

function locationsOf(
  pieces: readonly Piece[],
  first: number,
  skipped: number,
  length: number,
): SourceLocation[] {
  const locations: SourceLocation[] = [];
  let skip = skipped;
  let left = length;
  for (let index = first; left > 0 && index < pieces.length; index++) {
    const piece = pieces[index];
    if (piece === undefined) break;
    const taken = Math.min(left, piece.length - skip);
    locations.push({ entry: piece.entry, offset: piece.offset + skip, length: taken });
    left -= taken;
    skip = 0;
  }
  return locations;
}

/** The matches that begin before a seam, behind the seam before it, and end behind it. */
async function scanSeam(
  { space, places, index, previousIndex }: Seam,
  scanner: MemoryScanner,
  scannerIndex: number,
  images: Images,
): Promise<MemoryHit[]> {
  const reach = scanner.overlap + 1;
  let first = index - 1;
  let before = places[first]?.piece.length ?? 0;
  while (before < reach && isAdjacent(places, first)) before += places[--first]?.piece.length ?? 0;
  let last = index;
  let behind = places[last]?.piece.length ?? 0;
  while (behind < reach && isAdjacent(places, last + 1)) behind += places[++last]?.piece.length ?? 0;
  const pieces = places.slice(first, last + 1).map(({ piece }) => piece);
  const skipped = Math.max(0, before - reach);
  const window = await readRange(pieces, skipped, before - skipped + Math.min(behind, reach), images);
  if (window === undefined) return [];
  const seam = before - skipped;
  const isBeginning = skipped === 0 && !isAdjacent(places, first);
  const isEnd = behind <= reach && !isAdjacent(places, last + 1);
  const seamAddress = places[index]?.address ?? 0n;
  const barrier =
    previousIndex === 0
      ? 0
      : Math.max(0, seam - Number(seamAddress - (places[previousIndex]?.address ?? 0n)));
  const from = Math.max(isBeginning ? 0 : 1, barrier);
  const hits: MemoryHit[] = [];
  for (const { start, end } of scanner.matches(window, from, seam, isEnd)) {
    if (end <= seam) continue;
    const address = seamAddress - BigInt(seam - start);
    hits.push({
      scanner: scannerIndex,
      owners: [{ space, address }],
      bytes: window.slice(start, end),
      locations: locationsAt(pieces, skipped + start, end - start),
    });
  }
  return hits;
}

function locationsAt(pieces: readonly Piece[], start: number, length: number): SourceLocation[] {
  let first = 0;
  let skipped = start;
  for (let piece = pieces[first]; piece !== undefined && skipped >= piece.length; piece = pieces[++first]) {
    skipped -= piece.length;
  }
  return locationsOf(pieces, first, skipped, length);
}

/** Undefined when a byte of it cannot be read. */
async function readRange(
  pieces: readonly Piece[],
  start: number,
  length: number,
  images: Images,
): Promise<Uint8Array | undefined> {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const { entry, offset, length: count } of locationsAt(pieces, start, length)) {
    const part = await images.reader(entry)?.read(offset, count);
    if (part === undefined || part.length < count) return undefined;
    bytes.set(part, at);
    at += count;
  }
  return bytes;
}
