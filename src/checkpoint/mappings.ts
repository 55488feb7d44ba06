/**
 * What is mapped where in one process: the VMAs of its mm image, and stretches of pages that lie in none of them. An honest
 * dump has no such pages, but a damaged mm image loses VMAs, and their pages are evidence all the same.
 */
import { address, formatAddress } from '../bytes/brand.ts';
import type { SourceLocation } from '../bytes/source-location.ts';
import type { MmEntry, VmaEntry } from '../criu/schemas/memory.ts';
import type { PageOrigin, Region } from './address-space.ts';
import type { FileTable } from './file-table.ts';
import type { ImageSet } from './image-set.ts';
import type { PageRuns } from './page-runs.ts';
import type { SharedMemory } from './shared-memory.ts';
import {
  isFileMapping,
  isGuard,
  kindOf,
  mappedFileOf,
  nameOf,
  permissionsOf,
  sharedMemoryId,
} from './vma.ts';

/** Stretches of pages without VMA that are kept: as many as Linux allows VMAs (vm.max_map_count). */
const MAX_STRETCHES = 65_530;

/** Addresses have 64 bits. */
const ADDRESS_LIMIT = 1n << 64n;

export interface MemoryContext {
  readonly images: ImageSet;
  readonly files: FileTable;
  readonly sharedMemory: SharedMemory;
  /** Bytes per page, as the processes were told. */
  readonly pageSize: number;
}

/** A VMA with its place. */
export interface LocatedVma {
  readonly vma: VmaEntry;
  readonly location: SourceLocation;
}

/** A region with what stands behind the pages that its process's pagemap does not have. */
export interface Mapping {
  readonly region: Region;
  readonly shared: PageRuns | undefined;
  /** Its pages are those of a shared memory segment, whether that one is in the archive or not. */
  readonly isShared: boolean;
  /** Origin of pages that neither the pagemap nor shared memory has, if those are there to tell. */
  readonly hole: PageOrigin;
}

/** A process whose memory is looked at. */
export interface MappedProcess {
  readonly pid: number;
  /** Undefined when the mm image is lost. */
  readonly mm: MmEntry | undefined;
  readonly pages: PageRuns | undefined;
}

/** All mappings by ascending address, without overlap. */
export async function readMappings(
  process: MappedProcess,
  vmas: readonly LocatedVma[],
  context: MemoryContext,
): Promise<readonly Mapping[]> {
  const { mm, pid, pages } = process;
  const mappings: Mapping[] = [];
  if (mm) {
    for (const vma of orderedVmas(vmas, pid, context.images)) {
      mappings.push(await toMapping(vma, mm, pages, context));
    }
  }
  const strays = strayMappings(mappings, process, context.images);
  return strays.length === 0 ? mappings : [...mappings, ...strays].sort(byStart);
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
const byStart = (a: Mapping, b: Mapping): number => compare(a.region.start, b.region.start);

/** By ascending address; an honest kernel's VMAs are never empty and never overlap. */
function orderedVmas(vmas: readonly LocatedVma[], pid: number, images: ImageSet): readonly LocatedVma[] {
  const sorted = vmas.filter(({ vma }) => !isGuard(vma)).sort((a, b) => compare(a.vma.start, b.vma.start));
  const kept: LocatedVma[] = [];
  for (const located of sorted) {
    const { start, end } = located.vma;
    if (end > start && start >= (kept.at(-1)?.vma.end ?? 0n)) kept.push(located);
    else {
      const range = `${formatAddress(start)} to ${formatAddress(end)}`;
      const { entry, offset } = located.location;
      const what = `has a VMA of process ${pid} from ${range} that is empty or overlaps another; left out`;
      images.notes.warn(what, entry, offset);
    }
  }
  return kept;
}

async function toMapping(
  { vma, location }: LocatedVma,
  mm: MmEntry,
  pages: PageRuns | undefined,
  { files, sharedMemory }: MemoryContext,
): Promise<Mapping> {
  const kind = kindOf(vma, mm, files);
  const id = sharedMemoryId(vma, files);
  const shared = id === undefined ? undefined : await sharedMemory.pages(id);
  const { start, end, pgoff } = vma;
  const region = {
    start: address(start),
    end: address(end),
    permissions: permissionsOf(vma),
    fileOffset: pgoff,
    kind,
    name: nameOf(vma, kind, files, sharedMemory),
    file: mappedFileOf(vma, files),
    location,
  };
  const count = () => presentBytes(start, end, pages, shared, pgoff - start);
  const isShared = id !== undefined;
  return { region: withPresentBytes(region, count), shared, isShared, hole: holeOf(vma, kind, isShared) };
}

/** Where pages come from that are in no image. */
function holeOf(vma: VmaEntry, kind: Region['kind'], isShared: boolean): PageOrigin {
  if (kind === 'vvar' || kind === 'vsyscall' || kind === 'vdso' || kind === 'socket') return 'kernel';
  return !isShared && isFileMapping(vma) ? 'file' : 'zero';
}

/** Counted when first asked for: with a million runs of pages it is not free. */
function withPresentBytes(region: Omit<Region, 'presentBytes'>, count: () => number): Region {
  let bytes: number | undefined;
  return {
    ...region,
    get presentBytes() {
      bytes ??= count();
      return bytes;
    },
  };
}

/** Present bytes of a mapping: the process's own pages, and the shared ones where it has no own. `shift` leads to those. */
function presentBytes(
  start: bigint,
  end: bigint,
  own: PageRuns | undefined,
  shared: PageRuns | undefined,
  shift: bigint,
): number {
  let sum = own?.presentBytes(start, end) ?? 0;
  if (shared === undefined) return sum;
  let at = start;
  for (const extent of own?.between(start, end) ?? []) {
    sum += shared.presentBytes(at + shift, extent.start + shift);
    at = extent.start + BigInt(extent.length);
  }
  return sum + shared.presentBytes(at + shift, end + shift);
}

/** Pages of the process that lie in none of the mappings, as regions of which nothing else is known. */
function strayMappings(
  mappings: readonly Mapping[],
  { pid, pages }: MappedProcess,
  images: ImageSet,
): readonly Mapping[] {
  if (pages === undefined) return [];
  const entry = images.pathOf(`pagemap-${pid}.img`);
  const location = { entry, offset: 0, length: images.sizeOf(`pagemap-${pid}.img`) };
  const strays: Mapping[] = [];
  let bytes = 0;
  for (const { start, end } of stretchesBetween(mappings, pages)) {
    bytes += Number(end - start);
    if (strays.length === MAX_STRETCHES) break;
    strays.push(strayMapping(start, end, pages, location));
  }
  if (strays.length > 0) {
    const what = `places ${bytes} bytes of process ${pid} where no VMA is known; they are shown as regions without permissions`;
    images.notes.warn(what, entry);
  }
  return strays;
}

function strayMapping(start: bigint, end: bigint, pages: PageRuns, location: SourceLocation): Mapping {
  const known = { start: address(start), end: address(end), fileOffset: 0n, name: '', location };
  const region = { ...known, permissions: '????', kind: 'other' } as const;
  return {
    region: withPresentBytes(region, () => pages.presentBytes(start, end)),
    shared: undefined,
    isShared: false,
    hole: 'missing',
  };
}

interface Stretch {
  readonly start: bigint;
  readonly end: bigint;
}

function* stretchesBetween(mappings: readonly Mapping[], pages: PageRuns): Iterable<Stretch> {
  let from = 0n;
  for (const { region } of mappings) {
    if (region.start > from) yield* stretchesWithin(from, region.start, pages);
    from = region.end;
  }
  yield* stretchesWithin(from, ADDRESS_LIMIT, pages);
}

/** Runs of pages; those that follow each other without a gap are one stretch. */
function* stretchesWithin(from: bigint, to: bigint, pages: PageRuns): Iterable<Stretch> {
  let open: { start: bigint; end: bigint } | undefined;
  for (const { start, length } of pages.between(from, to)) {
    const end = start + BigInt(length);
    if (open?.end === start) open.end = end;
    else {
      if (open) yield open;
      open = { start, end };
    }
  }
  if (open) yield open;
}
