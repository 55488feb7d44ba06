import { address } from '../bytes/brand.ts';
import type { ByteSource } from '../bytes/byte-source.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { AddressSpace, Extent, MappedFile, MemoryRead, Region } from './address-space.ts';
import type { BackingFile, BackingFiles, BackingOrigin } from './backing-files.ts';
import type { ClosableSource } from './root-files.ts';

/** A file that gaps were filled from. */
export interface FilledFile {
  readonly path: string;
  readonly origin: BackingOrigin;
  /** Length of the file. */
  readonly size: number;
  /** Bytes of memory that are from it. */
  readonly bytes: number;
}

/** Memory whose gaps in mapped files are filled, as far as the files are to be had. */
export interface FilledMemory {
  /** In the order of those that were given. What was filled is `present`, with a location that `filledFrom` knows. */
  readonly spaces: readonly AddressSpace[];
  readonly files: readonly FilledFile[];
  /** What the entry of such a location stands for; undefined for an entry of the archive. */
  sourceOf(entry: string): ByteSource | undefined;
  /** Closes the file that was read last. */
  close(): Promise<void>;
}

/** No file is longer (ext4's limit is 2^44, and no process can map more), in bytes: a forged mapping that is gets nothing filled in. */
const MAX_MAPPED = 2n ** 48n;

/** Begins the entry of a location in a mapped file; pages images are never called so. */
const PREFIXES: Readonly<Record<BackingOrigin, string>> = { rootfs: 'rootfs:', archive: 'held:' };

/** Of a location in memory, the mapped file that it is in; undefined where it is in a pages image. */
export function filledFrom(
  entry: string,
): { readonly origin: BackingOrigin; readonly path: string } | undefined {
  for (const origin of ['rootfs', 'archive'] as const) {
    const prefix = PREFIXES[origin];
    if (entry.startsWith(prefix)) return { origin, path: entry.slice(prefix.length) };
  }
  return undefined;
}

/** Looks for the file of each region that maps one; reads none of them yet. */
export async function fillMemory(
  spaces: readonly AddressSpace[],
  files: BackingFiles,
): Promise<FilledMemory> {
  const mapped = new MappedFiles(files);
  for (const space of spaces) {
    // A region that a filter has cut no longer tells its file.
    for (const { start } of space.regions) await mapped.lookFor(space.regionAt(start));
  }
  return {
    spaces: spaces.map((space) => new FilledSpace(space, mapped)),
    files: mapped.filled,
    sourceOf: (entry) => mapped.sourceOf(entry),
    close: () => mapped.close(),
  };
}

/** A file that regions map, and what it is called as an entry. */
interface Backing {
  readonly entry: string;
  readonly path: string;
  readonly file: BackingFile;
}

/** The files behind all regions. */
class MappedFiles {
  readonly #files: BackingFiles;
  readonly #looked = new Map<string, Backing | undefined>();
  readonly #ofRegion = new Map<Region, Backing>();
  readonly #ofEntry = new Map<string, Backing>();
  readonly #filledBytes = new Map<Backing, number>();
  /** Memory is read by ascending address, and so a file after the other. */
  #open: { readonly entry: string; readonly source: Promise<ClosableSource> } | undefined;

  constructor(files: BackingFiles) {
    this.#files = files;
  }

  async lookFor(region: Region | undefined): Promise<void> {
    if (region?.kind !== 'file' || region.file === undefined || region.end - region.start > MAX_MAPPED)
      return;
    const { deleted, size, path } = region.file;
    const key = `${deleted}:${size}:${path}`;
    if (!this.#looked.has(key)) this.#looked.set(key, await this.#find(region.file));
    const backing = this.#looked.get(key);
    if (backing !== undefined) this.#ofRegion.set(region, backing);
  }

  async #find(mapped: MappedFile): Promise<Backing | undefined> {
    const file = await this.#files.find(mapped);
    if (file === undefined) return undefined;
    const { path, deleted } = mapped;
    // Of one path, the archive may hold the file that is there and the one that was.
    const entry = `${PREFIXES[file.origin]}${path}${deleted ? ' (deleted)' : ''}`;
    const backing = { entry, path, file };
    this.#ofEntry.set(entry, backing);
    return backing;
  }

  of(region: Region): Backing | undefined {
    return this.#ofRegion.get(region);
  }

  count(backing: Backing, bytes: number): void {
    if (bytes > 0) this.#filledBytes.set(backing, (this.#filledBytes.get(backing) ?? 0) + bytes);
  }

  get filled(): readonly FilledFile[] {
    return [...this.#filledBytes].map(([{ path, file }, bytes]) => {
      const { origin, size } = file;
      return { path, origin, size, bytes };
    });
  }

  sourceOf(entry: string): ByteSource | undefined {
    const backing = this.#ofEntry.get(entry);
    if (backing === undefined) return undefined;
    return {
      size: backing.file.size,
      read: (offset, length) => this.#read(backing, offset, length),
    };
  }

  /** All that an entry is asked for. Throws `FILE_UNREADABLE` for a file that has become shorter. */
  async read(entry: string, offset: number, length: number): Promise<Uint8Array> {
    const backing = this.#ofEntry.get(entry);
    const bytes = backing && (await this.#read(backing, offset, length));
    if (bytes?.length === length) return bytes;
    throw new ExhibitError('FILE_UNREADABLE', `${entry} has changed while it was read; run this again`);
  }

  /** As memory has it: behind the end of a file, its last page goes on with zeros. Fewer bytes where the file has become shorter. */
  async #read(backing: Backing, offset: number, length: number): Promise<Uint8Array> {
    const wanted = Math.max(0, Math.min(length, backing.file.size - offset));
    const bytes = await (await this.#sourceOf(backing)).read(offset, wanted);
    if (bytes.length < wanted || wanted === length) return bytes;
    const padded = new Uint8Array(length);
    padded.set(bytes);
    return padded;
  }

  /** A read-ahead of one file may be under way while another one is asked for: that one is closed behind it. */
  async #sourceOf({ entry, file }: Backing): Promise<ClosableSource> {
    const before = this.#open;
    if (before?.entry === entry) return before.source;
    const source = file.open();
    this.#open = { entry, source };
    await closeOnceOpen(before?.source);
    return source;
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await closeOnceOpen(open?.source);
  }
}

/** Who asked for it hears why it could not be opened. */
const closeOnceOpen = (source: Promise<ClosableSource> | undefined): Promise<void> | undefined =>
  source?.then(
    (opened) => opened.close(),
    () => undefined,
  );

class FilledSpace implements AddressSpace {
  readonly pid: number;
  readonly pageSize: number;
  readonly regions: readonly Region[];
  readonly argumentRange: AddressSpace['argumentRange'];
  readonly environmentRange: AddressSpace['environmentRange'];
  readonly #space: AddressSpace;
  readonly #files: MappedFiles;

  constructor(space: AddressSpace, files: MappedFiles) {
    this.pid = space.pid;
    this.pageSize = space.pageSize;
    this.argumentRange = space.argumentRange;
    this.environmentRange = space.environmentRange;
    this.#space = space;
    this.#files = files;
    this.regions = space.regions.map((region) => this.#counted(region));
  }

  /** With what is filled among the bytes that can be read, so that a scan looks at it. */
  #counted(region: Region): Region {
    const whole = this.#space.regionAt(region.start);
    const backing = whole && this.#files.of(whole);
    if (backing === undefined) return region;
    let filledBytes = 0;
    for (const { location, length } of this.extents(region.start, Number(region.end - region.start)))
      if (location?.entry === backing.entry) filledBytes += length;
    this.#files.count(backing, filledBytes);
    return { ...region, presentBytes: region.presentBytes + filledBytes, filledBytes };
  }

  regionAt(at: bigint): Region | undefined {
    return this.#space.regionAt(at);
  }

  extents(start: bigint, length: number): readonly Extent[] {
    return this.#space.extents(start, length).flatMap((extent) => this.#filled(extent));
  }

  /** A gap as far as its file goes, to the end of the file's last page, and what is left of it. */
  #filled(extent: Extent): readonly Extent[] {
    const region = extent.origin === 'file' ? this.#space.regionAt(extent.start) : undefined;
    const backing = region && this.#files.of(region);
    if (region === undefined || backing === undefined) return [extent];
    const pages = Math.ceil(backing.file.size / this.pageSize) * this.pageSize;
    const offset = extent.start - region.start + region.fileOffset;
    const left = BigInt(pages) - offset;
    if (left <= 0n) return [extent];
    const length = left < BigInt(extent.length) ? Number(left) : extent.length;
    const location = { entry: backing.entry, offset: Number(offset), length };
    const filled: Extent = { start: extent.start, length, origin: 'present', location };
    if (length === extent.length) return [filled];
    const start = address(extent.start + BigInt(length));
    return [filled, { ...extent, start, length: extent.length - length }];
  }

  async read(start: bigint, length: number): Promise<MemoryRead> {
    const { bytes } = await this.#space.read(start, length);
    const extents = this.extents(start, length);
    for (const { location, start: from } of extents) {
      if (location === undefined || filledFrom(location.entry) === undefined) continue;
      const { entry, offset, length: part } = location;
      bytes.set(await this.#files.read(entry, offset, part), Number(from - start));
    }
    return { bytes, extents };
  }
}
