import { address } from '../bytes/brand.ts';
import type { ByteSource } from '../bytes/byte-source.ts';
import type { Note } from '../bytes/note.ts';
import type { AddressSpace, Extent, MappedFile, MemoryRead, Region } from '../checkpoint/address-space.ts';
import { extentsOf } from './region-extents.ts';
import type { RootFile, RootFiles } from './root-files.ts';

/** Begins the entry of a location in a file of the root filesystem that was given; pages images are never called so. */
const ROOTFS_ENTRY = 'rootfs:';

/** Whether a location is in a file of a root filesystem, and not in the archive. */
export const isInRootfs = (entry: string): boolean => entry.startsWith(ROOTFS_ENTRY);

/** Memory as a scan sees it whose gaps in mapped files are read from a root filesystem. */
export interface RootedMemory {
  /** In the order of those that were given. What was filled is present, with a location that `isInRootfs`. */
  readonly spaces: readonly AddressSpace[];
  /** The file behind the entry of such a location. */
  sourceOf(entry: string): ByteSource | undefined;
  /** Closes the file that was read last. */
  close(): Promise<void>;
}

/**
 * Looks for the files that regions map; reads none of them yet. One of another size than the file that was mapped is not
 * used, and `onNote` is told.
 */
export async function rootMemory(
  spaces: readonly AddressSpace[],
  files: RootFiles,
  onNote: (note: Note) => void = () => undefined,
): Promise<RootedMemory> {
  const sources = new RootSources(files, onNote);
  for (const space of spaces) {
    // A region that a filter has cut no longer tells its file.
    for (const { start } of space.regions) await sources.lookFor(space.regionAt(start)?.file);
  }
  return {
    spaces: spaces.map((space) => new RootedSpace(space, sources)),
    sourceOf: (entry) => sources.sourceOf(entry),
    close: () => sources.close(),
  };
}

class RootSources {
  readonly #files: RootFiles;
  readonly #onNote: (note: Note) => void;
  /** Of each path that was looked for; undefined where there is no such file, or another one. */
  readonly #sizes = new Map<string, number | undefined>();
  /** Memory is read by ascending address, and so a file after the other. */
  #open: { readonly path: string; readonly file: RootFile | undefined } | undefined;

  constructor(files: RootFiles, onNote: (note: Note) => void) {
    this.#files = files;
    this.#onNote = onNote;
  }

  async lookFor(mapped: MappedFile | undefined): Promise<void> {
    if (mapped === undefined || mapped.deleted || this.#sizes.has(mapped.path)) return;
    const size = (await this.#fileOf(mapped.path))?.size;
    const fits = size === undefined || mapped.size === undefined || size === mapped.size;
    this.#sizes.set(mapped.path, fits ? size : undefined);
    if (fits) return;
    const message = `${mapped.path} of the root filesystem has ${size} bytes, the file that was mapped had ${mapped.size}: it is not used`;
    this.#onNote({ severity: 'warning', message });
  }

  sizeOf({ path, deleted }: MappedFile): number | undefined {
    return deleted ? undefined : this.#sizes.get(path);
  }

  sourceOf(entry: string): ByteSource | undefined {
    const path = entry.slice(ROOTFS_ENTRY.length);
    const size = isInRootfs(entry) ? this.#sizes.get(path) : undefined;
    if (size === undefined) return undefined;
    return { size, read: (offset, length) => this.read(path, offset, length) };
  }

  /** Nothing where the file has gone meanwhile. */
  async read(path: string, offset: number, length: number): Promise<Uint8Array> {
    return (await this.#fileOf(path))?.read(offset, length) ?? new Uint8Array(0);
  }

  async #fileOf(path: string): Promise<RootFile | undefined> {
    if (this.#open?.path === path) return this.#open.file;
    await this.close();
    this.#open = { path, file: await this.#files.open(path) };
    return this.#open.file;
  }

  async close(): Promise<void> {
    await this.#open?.file?.close();
    this.#open = undefined;
  }
}

class RootedSpace implements AddressSpace {
  readonly pid: number;
  readonly pageSize: number;
  readonly regions: readonly Region[];
  readonly argumentRange: AddressSpace['argumentRange'];
  readonly environmentRange: AddressSpace['environmentRange'];
  readonly #space: AddressSpace;
  readonly #sources: RootSources;

  constructor(space: AddressSpace, sources: RootSources) {
    this.pid = space.pid;
    this.pageSize = space.pageSize;
    this.argumentRange = space.argumentRange;
    this.environmentRange = space.environmentRange;
    this.#space = space;
    this.#sources = sources;
    this.regions = space.regions.map((region) => this.#counted(region));
  }

  /** With what is filled among the bytes that are there, so that a scan looks at it. */
  #counted(region: Region): Region {
    let presentBytes = 0;
    for (const { origin, length } of extentsOf(this, region))
      if (origin === 'present') presentBytes += length;
    return { ...region, presentBytes };
  }

  regionAt(at: bigint): Region | undefined {
    return this.#space.regionAt(at);
  }

  extents(start: bigint, length: number): readonly Extent[] {
    return this.#space.extents(start, length).flatMap((extent) => this.#filled(extent));
  }

  /** A gap as far as its file goes, and what is left of it. */
  #filled(extent: Extent): readonly Extent[] {
    const region = extent.origin === 'file' ? this.#space.regionAt(extent.start) : undefined;
    const size = region?.file && this.#sources.sizeOf(region.file);
    if (region?.file === undefined || size === undefined) return [extent];
    const offset = Number(region.fileOffset + (extent.start - region.start));
    const length = Math.max(0, Math.min(extent.length, size - offset));
    if (length === 0) return [extent];
    const location = { entry: `${ROOTFS_ENTRY}${region.file.path}`, offset, length };
    const filled: Extent = { start: extent.start, length, origin: 'present', location };
    if (length === extent.length) return [filled];
    const start = address(extent.start + BigInt(length));
    return [filled, { ...extent, start, length: extent.length - length }];
  }

  async read(start: bigint, length: number): Promise<MemoryRead> {
    const { bytes } = await this.#space.read(start, length);
    const extents = this.extents(start, length);
    for (const { location, start: from } of extents) {
      if (location === undefined || !isInRootfs(location.entry)) continue;
      const path = location.entry.slice(ROOTFS_ENTRY.length);
      bytes.set(await this.#sources.read(path, location.offset, location.length), Number(from - start));
    }
    return { bytes, extents };
  }
}
