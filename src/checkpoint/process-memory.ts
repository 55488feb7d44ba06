/** The address space of one process: mappings over the process's own pages, and behind those the shared ones. */
import { firstIndex } from '../bytes/binary-search.ts';
import { type Address, address } from '../bytes/brand.ts';
import { fillFromSource, MAX_READ_LENGTH } from '../bytes/byte-source.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { MmEntry } from '../criu/schemas/memory.ts';
import type { AddressSpace, Extent, MemoryRead, PageOrigin, Region } from './address-space.ts';
import type { ImageSet } from './image-set.ts';
import {
  type LocatedVma,
  type MappedProcess,
  type Mapping,
  type MemoryContext,
  readMappings,
} from './mappings.ts';
import { PageRuns } from './page-runs.ts';

/**
 * Builds the address space of a process from its VMAs; reads its pagemap and those of the memory it shares. Undefined
 * when neither its mm image nor its pagemap is there.
 */
export async function readAddressSpace(
  pid: number,
  mm: MmEntry | undefined,
  vmas: readonly LocatedVma[],
  context: MemoryContext,
): Promise<AddressSpace | undefined> {
  const { images } = context;
  const pages = await PageRuns.read(images, `pagemap-${pid}.img`, context.pageSize, `process ${pid}`);
  if (pages === undefined) {
    if (mm === undefined) return undefined;
    images.notes.warn(`pagemap-${pid}.img is not in the archive: no memory of process ${pid} can be read`);
  }
  const process = { pid, mm, pages };
  return new ProcessMemory(process, await readMappings(process, vmas, context), context);
}

class ProcessMemory implements AddressSpace {
  readonly pid: number;
  readonly pageSize: number;
  readonly regions: readonly Region[];
  readonly argumentRange: readonly [Address, Address];
  readonly environmentRange: readonly [Address, Address];
  /** By ascending address, without overlap. */
  readonly #mappings: readonly Mapping[];
  readonly #pages: PageRuns | undefined;
  readonly #images: ImageSet;

  constructor({ pid, mm, pages }: MappedProcess, mappings: readonly Mapping[], context: MemoryContext) {
    this.pid = pid;
    this.pageSize = pages?.pageSize ?? context.pageSize;
    this.argumentRange = [address(mm?.mm_arg_start ?? 0n), address(mm?.mm_arg_end ?? 0n)];
    this.environmentRange = [address(mm?.mm_env_start ?? 0n), address(mm?.mm_env_end ?? 0n)];
    this.regions = mappings.map(({ region }) => region);
    this.#mappings = mappings;
    this.#pages = pages;
    this.#images = context.images;
  }

  regionAt(at: bigint): Region | undefined {
    const region = this.#mappings[this.#firstEndingAfter(at)]?.region;
    return region && region.start <= at ? region : undefined;
  }

  /** Index of the first mapping that ends behind an address. */
  #firstEndingAfter(at: bigint): number {
    return firstIndex(this.#mappings.length, (index) => (this.#mappings[index] as Mapping).region.end > at);
  }

  extents(start: bigint, length: number): readonly Extent[] {
    checkLength(length, Number.MAX_SAFE_INTEGER);
    const to = start + BigInt(length);
    const extents: Extent[] = [];
    let at = start;
    for (let index = this.#firstEndingAfter(start); at < to && index < this.#mappings.length; index++) {
      const mapping = this.#mappings[index] as Mapping;
      const { region } = mapping;
      if (region.start >= to) break;
      if (region.start > at) extents.push(gap(at, region.start, 'unmapped'));
      const from = region.start > at ? region.start : at;
      at = region.end < to ? region.end : to;
      for (const extent of this.#pagesOf(mapping, from, at)) extents.push(extent);
    }
    if (at < to) extents.push(gap(at, to, 'unmapped'));
    return extents;
  }

  /** The pages of a mapping: its process's own, and where there are none, the shared ones or what `hole` says. */
  *#pagesOf(mapping: Mapping, from: bigint, to: bigint): Iterable<Extent> {
    let at = from;
    for (const extent of this.#pages?.between(from, to) ?? []) {
      yield* this.#behind(mapping, at, extent.start);
      yield extent;
      at = extent.start + BigInt(extent.length);
    }
    yield* this.#behind(mapping, at, to);
  }

  *#behind(mapping: Mapping, from: bigint, to: bigint): Iterable<Extent> {
    if (from >= to) return;
    if (!mapping.isShared) {
      yield* holes(mapping.hole, from, to, this.#pages?.knownUntil ?? 0n);
      return;
    }
    const { region, shared, hole } = mapping;
    const shift = region.start - region.fileOffset;
    const knownUntil = (shared?.knownUntil ?? 0n) + shift;
    let at = from;
    for (const extent of shared?.between(from - shift, to - shift) ?? []) {
      const start = extent.start + shift;
      yield* holes(hole, at, start, knownUntil);
      yield { ...extent, start: address(start) };
      at = start + BigInt(extent.length);
    }
    yield* holes(hole, at, to, knownUntil);
  }

  async read(start: bigint, length: number): Promise<MemoryRead> {
    checkLength(length, MAX_READ_LENGTH);
    const bytes = new Uint8Array(length);
    const extents = this.extents(start, length);
    for (const extent of extents) {
      if (extent.location === undefined) continue;
      const { entry, offset, length: count } = extent.location;
      const source = this.#images.sourceOf(entry);
      const at = Number(extent.start - start);
      if (source) await fillFromSource(source, bytes.subarray(at, at + count), offset);
    }
    return { bytes, extents };
  }
}

/** A range without pages: what `hole` says as far as the pagemap could be read; behind that, nobody knows. */
function* holes(hole: PageOrigin, from: bigint, to: bigint, knownUntil: bigint): Iterable<Extent> {
  const border = hole === 'kernel' || knownUntil > to ? to : knownUntil < from ? from : knownUntil;
  if (from < border) yield gap(from, border, hole);
  if (border < to) yield gap(border, to, 'missing');
}

function checkLength(length: number, limit: number): void {
  if (Number.isSafeInteger(length) && length >= 0 && length <= limit) return;
  throw new ExhibitError(
    'BAD_RANGE',
    `cannot look at ${length} bytes of memory at once; the limit is ${limit}`,
  );
}

const gap = (from: bigint, to: bigint, origin: PageOrigin): Extent => ({
  start: address(from),
  length: Number(to - from),
  origin,
  location: undefined,
});
