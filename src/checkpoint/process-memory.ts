/** The address space of one process: mm-PID.img's VMAs over pagemap-PID.img's pages and shared memory's. */
import { type Address, address, formatAddress } from '../bytes/brand.ts';
import { MAX_READ_LENGTH } from '../bytes/byte-source.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { SourceLocation } from '../bytes/source-location.ts';
import type { Entry } from '../criu/image.ts';
import type { MmEntry, VmaEntry } from '../criu/schemas/memory.ts';
import type { AddressSpace, Extent, MemoryRead, PageOrigin, Region } from './address-space.ts';
import type { FileTable } from './file-table.ts';
import type { ImageSet } from './image-set.ts';
import { PageRuns } from './page-runs.ts';
import type { SharedMemory } from './shared-memory.ts';
import { isFileMapping, kindOf, nameOf, permissionsOf, sharedMemoryId } from './vma.ts';

/** AT_PAGESZ of the auxiliary vector (getauxval(3)): the page size of the machine that was dumped. */
const AT_PAGESZ = 6n;
const DEFAULT_PAGE_SIZE = 4096;
const LARGEST_PAGE_SIZE = 64 * 1024;

/** CRIU records no page size; the kernel told it to each process in the auxiliary vector. */
export function pageSizeOf(mm: MmEntry | undefined): number {
  const auxv = mm?.mm_saved_auxv ?? [];
  for (let index = 0; index + 1 < auxv.length; index += 2) {
    if (auxv[index] !== AT_PAGESZ) continue;
    const size = Number(auxv[index + 1]);
    const isPowerOfTwo = size > 0 && Number.isInteger(Math.log2(size));
    if (isPowerOfTwo && size >= DEFAULT_PAGE_SIZE && size <= LARGEST_PAGE_SIZE) return size;
  }
  return DEFAULT_PAGE_SIZE;
}

export interface MemoryContext {
  readonly images: ImageSet;
  readonly files: FileTable;
  readonly sharedMemory: SharedMemory;
}

/** A VMA with its place. */
export interface LocatedVma {
  readonly vma: VmaEntry;
  readonly location: SourceLocation;
}

/** A region with what stands behind the pages that its process's pagemap does not have. */
interface Mapping {
  readonly region: Region;
  readonly shared: PageRuns | undefined;
  /** Its pages are those of a shared memory segment, whether that one is in the archive or not. */
  readonly isShared: boolean;
  /** Origin of pages that neither the pagemap nor shared memory has, if those are there to tell. */
  readonly hole: PageOrigin;
}

/** Builds the address space of a process from its mm image; reads its pagemap and those of the memory it shares. */
export async function readAddressSpace(
  pid: number,
  mm: Entry<MmEntry>,
  vmas: readonly LocatedVma[],
  context: MemoryContext,
): Promise<AddressSpace> {
  const { images } = context;
  const pageSize = pageSizeOf(mm.message);
  const pages = await PageRuns.read(images, `pagemap-${pid}.img`, pageSize, `process ${pid}`);
  if (pages === undefined) {
    images.notes.warn(`pagemap-${pid}.img is not in the archive: no memory of process ${pid} can be read`);
  }
  const space = new ProcessMemory(pid, pageSize, mm.message, pages, images);
  for (const vma of orderedVmas(vmas, pid, images)) {
    space.addMapping(await toMapping(vma, mm.message, pageSize, context, space));
  }
  return space;
}

/** By ascending address; an honest kernel's VMAs are never empty and never overlap. */
function orderedVmas(vmas: readonly LocatedVma[], pid: number, images: ImageSet): readonly LocatedVma[] {
  const sorted = [...vmas].sort((a, b) => (a.vma.start < b.vma.start ? -1 : 1));
  const kept: LocatedVma[] = [];
  for (const located of sorted) {
    const { start, end } = located.vma;
    if (end > start && start >= (kept.at(-1)?.vma.end ?? 0n)) kept.push(located);
    else {
      const range = `${formatAddress(start)} to ${formatAddress(end)}`;
      images.notes.warn(`the VMA ${range} of process ${pid} is empty or overlaps another; left out`);
    }
  }
  return kept;
}

async function toMapping(
  { vma, location }: LocatedVma,
  mm: MmEntry,
  pageSize: number,
  { files, sharedMemory }: MemoryContext,
  space: ProcessMemory,
): Promise<Mapping> {
  const kind = kindOf(vma, mm, files);
  const id = sharedMemoryId(vma, files);
  const shared = id === undefined ? undefined : await sharedMemory.pages(id, pageSize);
  const isKernels = kind === 'vvar' || kind === 'vsyscall' || kind === 'vdso';
  const hole = isKernels ? 'kernel' : id === undefined && isFileMapping(vma) ? 'file' : 'zero';
  const region: Region = {
    start: address(vma.start),
    end: address(vma.end),
    permissions: permissionsOf(vma),
    fileOffset: vma.pgoff,
    kind,
    name: nameOf(vma, kind, files, sharedMemory.sysvKeys),
    get presentBytes() {
      return space.presentBytes(this);
    },
    location,
  };
  return { region, shared, hole, isShared: id !== undefined };
}

class ProcessMemory implements AddressSpace {
  readonly pid: number;
  readonly pageSize: number;
  readonly regions: Region[] = [];
  readonly argumentRange: readonly [Address, Address];
  readonly environmentRange: readonly [Address, Address];
  readonly #mappings: Mapping[] = [];
  readonly #pages: PageRuns | undefined;
  readonly #images: ImageSet;

  constructor(pid: number, pageSize: number, mm: MmEntry, pages: PageRuns | undefined, images: ImageSet) {
    this.pid = pid;
    this.pageSize = pageSize;
    this.argumentRange = [address(mm.mm_arg_start), address(mm.mm_arg_end)];
    this.environmentRange = [address(mm.mm_env_start), address(mm.mm_env_end)];
    this.#pages = pages;
    this.#images = images;
  }

  addMapping(mapping: Mapping): void {
    this.#mappings.push(mapping);
    this.regions.push(mapping.region);
  }

  regionAt(at: bigint): Region | undefined {
    const region = this.#mappings[this.#firstEndingAfter(at)]?.region;
    return region && region.start <= at ? region : undefined;
  }

  /** Index of the first mapping that ends behind an address. */
  #firstEndingAfter(at: bigint): number {
    let low = 0;
    let high = this.#mappings.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#mappings[middle] as Mapping).region.end <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  presentBytes(region: Region): number {
    const mapping = this.#mappings[this.#firstEndingAfter(region.start)];
    let sum = 0;
    for (const { origin, length } of mapping ? this.#pagesOf(mapping, region.start, region.end) : []) {
      if (origin === 'present') sum += length;
    }
    return sum;
  }

  extents(start: bigint, length: number): readonly Extent[] {
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
    if (length < 0 || length > MAX_READ_LENGTH) {
      throw new ExhibitError('BAD_RANGE', `cannot read ${length} bytes of memory at once`);
    }
    const bytes = new Uint8Array(length);
    const extents = this.extents(start, length);
    for (const extent of extents) {
      if (extent.location === undefined) continue;
      const { entry, offset, length: count } = extent.location;
      const part = await this.#images.sourceOf(entry)?.read(offset, count);
      if (part) bytes.set(part.subarray(0, count), Number(extent.start - start));
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

const gap = (from: bigint, to: bigint, origin: PageOrigin): Extent => ({
  start: address(from),
  length: Number(to - from),
  origin,
  location: undefined,
});
