import { address } from '../bytes/brand.ts';
import type { AddressSpace, Extent, MemoryRead, Region } from './address-space.ts';
import type { BackingFile, BackingFiles, BackingOrigin, ClosableSource } from './backing-files.ts';

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
  /** In its extents, pages that were filled are `present`, without a location: they are in no pages image. */
  readonly space: AddressSpace;
  readonly files: readonly FilledFile[];
  /** Closes the file that was read last. */
  close(): Promise<void>;
}

/** No file is longer (ext4's limit is 2^44, and no process can map more), in bytes: a forged mapping that is gets nothing filled in. */
const MAX_MAPPED = 2n ** 48n;

/** Looks for the file of each region that has gaps; reads none of them yet. */
export async function fillMemory(space: AddressSpace, files: BackingFiles): Promise<FilledMemory> {
  const found = new Map<string, BackingFile | undefined>();
  const backings = new Map<Region, BackingFile>();
  for (const region of space.regions) {
    const { file, kind, start, end } = region;
    if (kind !== 'file' || file === undefined || end - start > MAX_MAPPED) continue;
    const key = `${file.deleted}:${file.size}:${file.path}`;
    if (!found.has(key)) found.set(key, await files.find(file));
    const backing = found.get(key);
    if (backing !== undefined) backings.set(region, backing);
  }
  const filled = new FilledSpace(space, backings);
  return { space: filled, files: filledFiles(filled, backings), close: () => filled.close() };
}

function filledFiles(space: FilledSpace, backings: ReadonlyMap<Region, BackingFile>): readonly FilledFile[] {
  const files = new Map<string, FilledFile>();
  for (const [{ start, end, file, name }, { origin, size }] of backings) {
    const path = file?.path ?? name;
    const bytes = space
      .extents(start, Number(end - start))
      .reduce((sum, extent) => sum + (isFilled(extent) ? extent.length : 0), files.get(path)?.bytes ?? 0);
    if (bytes > 0) files.set(path, { path, origin, size, bytes });
  }
  return [...files.values()];
}

const isFilled = ({ origin, location }: Extent): boolean => origin === 'present' && location === undefined;

class FilledSpace implements AddressSpace {
  readonly pid: number;
  readonly pageSize: number;
  readonly regions: readonly Region[];
  readonly argumentRange: AddressSpace['argumentRange'];
  readonly environmentRange: AddressSpace['environmentRange'];
  readonly #space: AddressSpace;
  readonly #backings: ReadonlyMap<Region, BackingFile>;
  /** Memory is read by ascending address, and so a file after the other. */
  #open: { readonly backing: BackingFile; readonly source: ClosableSource } | undefined;

  constructor(space: AddressSpace, backings: ReadonlyMap<Region, BackingFile>) {
    this.pid = space.pid;
    this.pageSize = space.pageSize;
    this.regions = space.regions;
    this.argumentRange = space.argumentRange;
    this.environmentRange = space.environmentRange;
    this.#space = space;
    this.#backings = backings;
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
    const backing = region && this.#backings.get(region);
    if (region === undefined || backing === undefined) return [extent];
    const pages = Math.ceil(backing.size / this.pageSize) * this.pageSize;
    const left = BigInt(pages) - offsetIn(region, extent.start);
    const length = left < 0n ? 0 : left < BigInt(extent.length) ? Number(left) : extent.length;
    const parts: Extent[] = [];
    if (length > 0) parts.push({ ...extent, length, origin: 'present' });
    if (length < extent.length) {
      const start = address(extent.start + BigInt(length));
      parts.push({ ...extent, start, length: extent.length - length });
    }
    return parts;
  }

  async read(start: bigint, length: number): Promise<MemoryRead> {
    const { bytes } = await this.#space.read(start, length);
    const extents = this.extents(start, length);
    for (const extent of extents) {
      const region = isFilled(extent) ? this.#space.regionAt(extent.start) : undefined;
      const backing = region && this.#backings.get(region);
      if (region === undefined || backing === undefined) continue;
      const source = await this.#sourceOf(backing);
      const offset = Number(offsetIn(region, extent.start));
      bytes.set(await source.read(offset, extent.length), Number(extent.start - start));
    }
    return { bytes, extents };
  }

  async #sourceOf(backing: BackingFile): Promise<ClosableSource> {
    if (this.#open?.backing === backing) return this.#open.source;
    await this.close();
    this.#open = { backing, source: await backing.open() };
    return this.#open.source;
  }

  async close(): Promise<void> {
    await this.#open?.source.close();
    this.#open = undefined;
  }
}

/** Of an address, in the mapped file. */
const offsetIn = ({ start, fileOffset }: Region, at: bigint): bigint => at - start + fileOffset;
