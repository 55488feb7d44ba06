/**
 * The members of a tar, found by seeking from header to header; no content is read but that of long names and PAX
 * headers. A member is a header block and its content, padded to 512 bytes. Two zero blocks end the archive. Damage
 * becomes a note, and reading goes on where the next header can be found.
 */
import type { ByteSource } from '../bytes/byte-source.ts';
import type { Note } from '../bytes/note.ts';
import type { ArchiveEntry, EntryType } from './archive-index.ts';
import { entryPath, judgePath } from './archive-path.ts';
import { HeaderWindow } from './header-window.ts';
import { NoteList } from './note-list.ts';
import { MAX_PAX_BYTES, type PaxRecords, parsePax } from './pax.ts';
import {
  BLOCK,
  decodeName,
  entryTypeOf,
  hasContent,
  isZeroBlock,
  parseTarHeader,
  type TarHeader,
} from './tar-header.ts';
import { findNextHeader, findTail, RESYNC_LIMIT, type Tail } from './tar-search.ts';

/** About what fits in memory as an index; a checkpoint has hundreds, a root filesystem's changes may have 100,000. */
export const MAX_ENTRIES = 1_000_000;

/** GNU long names: sixteen times PATH_MAX. */
export const MAX_LONG_NAME_BYTES = 64 * 1024;

/** Extended headers in a row that belong to one entry; honest writers make three. */
const MAX_EXTENSIONS = 16;

/** Blocks of an old GNU sparse map, 21 holes each. */
const MAX_SPARSE_BLOCKS = 65_536;

export interface TarWalkResult {
  readonly entries: readonly ArchiveEntry[];
  readonly tail: Tail | undefined;
  readonly notes: readonly Note[];
}

export interface TarWalkOptions {
  readonly signal?: AbortSignal | undefined;
  /** How far to search for a header where one is damaged, in bytes. Default RESYNC_LIMIT. */
  readonly resyncLimit?: number | undefined;
  /** Default MAX_ENTRIES. */
  readonly maxEntries?: number | undefined;
}

/** Lists the members of the tar in `source`. Throws only what the source throws. */
export async function walkTar(source: ByteSource, options: TarWalkOptions = {}): Promise<TarWalkResult> {
  return new TarWalk(source, options).run();
}

/** What extended headers said about the entry to come. */
interface Extensions {
  readonly name?: string | undefined;
  readonly link?: string | undefined;
  readonly pax?: PaxRecords | undefined;
  readonly count: number;
}

const NO_EXTENSIONS: Extensions = { count: 0 };

/** Where to go on, or why not. */
type Step = number | 'end' | 'damaged';

class TarWalk {
  readonly #source: ByteSource;
  readonly #options: TarWalkOptions;
  readonly #window: HeaderWindow;
  readonly #notes = new NoteList();
  readonly #entries: ArchiveEntry[] = [];
  #globals: PaxRecords = {};
  #extensions: Extensions = NO_EXTENSIONS;
  #resyncLeft: number;
  #end: number | undefined;

  constructor(source: ByteSource, options: TarWalkOptions) {
    this.#source = source;
    this.#options = options;
    this.#window = new HeaderWindow(source, options.signal);
    this.#resyncLeft = options.resyncLimit ?? RESYNC_LIMIT;
  }

  async run(): Promise<TarWalkResult> {
    const maxEntries = this.#options.maxEntries ?? MAX_ENTRIES;
    let step: Step = 0;
    for (let offset = 0; step !== 'end'; ) {
      if (this.#entries.length >= maxEntries) {
        this.#notes.warn(`only the first ${maxEntries} entries are listed`, { offset });
        break;
      }
      step = await this.#step(offset);
      if (step === 'damaged') step = await this.#resync(offset);
      if (typeof step === 'number') offset = step;
    }
    this.#noteRepeatedPaths();
    const tail = await this.#tail();
    return { entries: this.#entries, tail, notes: this.#notes.list() };
  }

  async #step(offset: number): Promise<Step> {
    const block = await this.#window.read(offset, BLOCK);
    if (block.length < BLOCK) {
      this.#notes.warn('the archive has no end mark: it was cut short, or is still being written', {
        offset,
      });
      return 'end';
    }
    if (isZeroBlock(block)) return this.#zeroBlock(offset);
    const header = parseTarHeader(block);
    if (!header.checksumValid) {
      if (!(await this.#isPlausible(header, offset))) return 'damaged';
      this.#notes.warn('a header has a wrong checksum; it was used, because what follows it is in place', {
        entry: entryPath(header.name),
        offset,
      });
    }
    return this.#member(header, offset);
  }

  /**
   * Two zero blocks are the end. After a lone one GNU tar stops, with a warning; we go on when a header follows, since
   * else a single zeroed block would hide evidence.
   */
  async #zeroBlock(offset: number): Promise<Step> {
    const next = await this.#window.read(offset + BLOCK, BLOCK);
    if (next.length === BLOCK && !isZeroBlock(next)) {
      if (parseTarHeader(next).checksumValid) {
        this.#notes.warn('a lone zero block stands between two entries; other tools stop here', { offset });
        return offset + BLOCK;
      }
      this.#end = offset + BLOCK;
    } else {
      this.#end = offset + 2 * BLOCK;
    }
    return 'end';
  }

  /** A header whose size leads exactly to another one is a header, whatever else is wrong with it. */
  async #isPlausible(header: TarHeader, offset: number): Promise<boolean> {
    if (header.format === 'v7' || header.size === undefined || header.size < 0) return false;
    const next = offset + BLOCK + padded(header.size);
    if (next > this.#source.size) return false;
    const block = await this.#window.read(next, BLOCK);
    if (block.length < BLOCK) return false;
    return isZeroBlock(block) || parseTarHeader(block).checksumValid || parseTarHeader(block).format !== 'v7';
  }

  async #member(header: TarHeader, offset: number): Promise<Step> {
    const content = await this.#contentOffset(header, offset);
    if (content === undefined) return 'damaged';
    switch (header.flag) {
      case 'L':
      case 'K':
      case 'x':
      case 'X':
      case 'g':
        return this.#extension(header, offset, content);
      default:
        return this.#entry(header, offset, content);
    }
  }

  /** Behind the header and, in the old GNU sparse format, behind the blocks of its map. */
  async #contentOffset(header: TarHeader, offset: number): Promise<number | undefined> {
    let content = offset + BLOCK;
    if (header.flag !== 'S') return content;
    for (let more = header.sparseMapContinues, blocks = 0; more; blocks++) {
      const map = await this.#window.read(content, BLOCK);
      if (map.length < BLOCK || blocks >= MAX_SPARSE_BLOCKS) return undefined;
      more = map[504] === 1;
      content += BLOCK;
    }
    return content;
  }

  async #extension(header: TarHeader, offset: number, content: number): Promise<Step> {
    const { size } = header;
    if (size === undefined || size < 0) return 'damaged';
    const isPax = header.flag === 'x' || header.flag === 'X' || header.flag === 'g';
    const limit = isPax ? MAX_PAX_BYTES : MAX_LONG_NAME_BYTES;
    const count = this.#extensions.count + 1;
    const next = Math.min(content + padded(size), this.#source.size);
    this.#extensions = { ...this.#extensions, count };
    if (size > limit || count > MAX_EXTENSIONS) {
      this.#notes.warn(
        `an extended header was ignored: it has ${size} bytes and is number ${count} of its entry`,
        { offset },
      );
      return next;
    }
    const bytes = await this.#window.read(content, size);
    if (bytes.length < size) {
      this.#notes.warn('the archive is cut short within an extended header', { offset });
      return 'end';
    }
    if (isPax) this.#pax(header.flag === 'g', bytes, offset);
    else this.#longName(header.flag === 'L' ? 'name' : 'link', bytes);
    return next;
  }

  #pax(isGlobal: boolean, bytes: Uint8Array, offset: number): void {
    const { records, damage } = parsePax(bytes);
    if (damage !== undefined) this.#notes.warn(`an extended header is damaged: ${damage}`, { offset });
    if (isGlobal) this.#globals = { ...this.#globals, ...records };
    else this.#extensions = { ...this.#extensions, pax: { ...this.#extensions.pax, ...records } };
  }

  #longName(field: 'name' | 'link', bytes: Uint8Array): void {
    const end = bytes.indexOf(0);
    this.#extensions = { ...this.#extensions, [field]: decodeName(end < 0 ? bytes : bytes.subarray(0, end)) };
  }

  async #entry(header: TarHeader, offset: number, content: number): Promise<Step> {
    const pax: PaxRecords = { ...this.#globals, ...this.#extensions.pax };
    const declared = pax.size ?? header.size;
    if (declared === undefined || declared < 0) return 'damaged';
    const name = pax.path ?? this.#extensions.name ?? header.name;
    const path = entryPath(name);
    const type = this.#typeOf(header, name, pax);
    const link = pax.linkpath ?? this.#extensions.link ?? header.link;
    this.#extensions = NO_EXTENSIONS;
    const stored = await this.#storedSize(type, declared, path, offset);
    const size = Math.min(stored, Math.max(0, this.#source.size - content));
    this.#notePath(path, offset);
    this.#entries.push({
      path,
      type,
      size,
      offset: content,
      headerOffset: offset,
      mode: header.mode,
      uid: pax.uid ?? header.uid,
      gid: pax.gid ?? header.gid,
      modified: pax.mtime ?? header.modified,
      linkTarget: type === 'symlink' || type === 'hardlink' ? link : undefined,
      extendedAttributes: pax.extendedAttributes,
    });
    if (size === stored) return content + padded(stored);
    const wanted = Number.isFinite(stored) ? `${stored} bytes` : 'more than 2^53 bytes';
    this.#notes.warn(`${path} is cut short: ${wanted} are promised, ${size} are there`, {
      entry: path,
      offset: size,
    });
    return 'end';
  }

  #typeOf(header: TarHeader, name: string, pax: PaxRecords): EntryType {
    const type = entryTypeOf(header.flag, name);
    if (pax.sparse || header.flag === 'S') {
      const path = entryPath(name);
      this.#notes.warn(`${path} is stored without its holes (GNU sparse); its stored bytes are shown`, {
        entry: path,
      });
      return 'other';
    }
    return type;
  }

  /**
   * Links, folders and devices have no content. Writers differ on whether a size in their header counts all the same
   * (Go: never; GNU tar: but for hard links), so what lies behind the header decides.
   */
  async #storedSize(type: EntryType, declared: number, path: string, offset: number): Promise<number> {
    if (hasContent(type) || declared === 0) return declared;
    this.#notes.warn(`${path} is a ${type} but its header promises ${declared} bytes of content`, {
      entry: path,
      offset,
    });
    const next = await this.#window.read(offset + BLOCK, BLOCK);
    const isHeader = next.length < BLOCK || isZeroBlock(next) || parseTarHeader(next).checksumValid;
    return isHeader ? 0 : declared;
  }

  #notePath(path: string, offset: number): void {
    const verdict = judgePath(path);
    if (verdict.safe) return;
    this.#notes.warn(`an entry's path ${verdict.reason}: it is listed, but never written to`, {
      entry: path,
      offset,
    });
  }

  async #resync(offset: number): Promise<Step> {
    this.#extensions = NO_EXTENSIONS;
    const found = await findNextHeader(this.#source, offset + BLOCK, this.#resyncLeft, this.#options.signal);
    this.#resyncLeft -= found.searched;
    if (found.offset === undefined) {
      this.#notes.warn('a header is damaged and no other was found behind it: what follows is not listed', {
        offset,
      });
      return 'end';
    }
    const skipped = found.offset - offset;
    const message = `a header is damaged: ${skipped} bytes were passed over; entries behind it may be those of an archive within`;
    this.#notes.warn(message, { offset });
    return found.offset;
  }

  #noteRepeatedPaths(): void {
    const counts = new Map<string, number>();
    for (const { path, type } of this.#entries) {
      if (type !== 'directory') counts.set(path, (counts.get(path) ?? 0) + 1);
    }
    for (const [path, count] of counts) {
      if (count > 1) this.#notes.warn(`${path} occurs ${count} times; the last one counts`, { entry: path });
    }
  }

  async #tail(): Promise<Tail | undefined> {
    if (this.#end === undefined) return undefined;
    const tail = await findTail(this.#source, this.#end, this.#options.signal);
    if (tail !== undefined) {
      const message = `${tail.size} bytes lie behind the archive's end: left of an earlier, larger archive, perhaps of another container's memory`;
      this.#notes.warn(message, { offset: tail.offset });
    }
    return tail;
  }
}

const padded = (size: number): number => Math.ceil(size / BLOCK) * BLOCK;
