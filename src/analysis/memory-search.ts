import { formatAddress } from '../bytes/brand.ts';
import type { SourceLocation } from '../bytes/source-location.ts';
import type { AddressSpace, Region, RegionKind } from '../checkpoint/address-space.ts';
import type { Checkpoint, Process } from '../checkpoint/checkpoint.ts';
import { filledFrom } from '../checkpoint/filled-memory.ts';
import type { RootFiles } from '../checkpoint/root-files.ts';
import type { Owner } from '../checkpoint/scan/memory-layout.ts';
import { type ScanOptions, scanMemory } from '../checkpoint/scan/memory-scan.ts';
import type { MemoryHit } from '../checkpoint/scan/memory-scanner.ts';
import type { PagesOptions } from '../checkpoint/scan/pages-images.ts';
import type { JobRunner } from '../checkpoint/scan/parallel-scan.ts';
import { toHex, toText } from './byte-text.ts';
import { selectFilled } from './filled-selection.ts';
import { compileMemoryQuery, type MemoryQuery, type SearchThreads } from './memory-query.ts';
import type { MemoryFilter } from './memory-selection.ts';
import type { CompiledScanner, HitEncoding, SearchQuery } from './pattern.ts';

/** More context is a dump and not a hit. */
export const MAX_CONTEXT = 64 * 1024;

/** Bytes that were found, and who sees them where. */
export interface FoundBytes {
  /** The archive as the user named it. */
  readonly archive: string;
  readonly pid: number;
  readonly comm: string;
  /** `0x…`. */
  readonly address: string;
  /** The VMA that holds the first byte. */
  readonly region: HitRegion | undefined;
  /** Bytes. */
  readonly length: number;
  readonly encoding: HitEncoding;
  /** The bytes as a person reads them; bytes that are no text as `\xNN`. */
  readonly text: string;
  /** Where the bytes lie: several ranges where they cross pages that lie apart. */
  readonly locations: readonly HitLocation[];
  /** The same bytes as other searched processes see them (shared memory). */
  readonly shared_with: readonly { readonly pid: number; readonly comm: string; readonly address: string }[];
}

/** One place where the bytes stand: what `memory` and `memparse` print with `--json`, one line each. */
export interface SearchHit extends FoundBytes {
  /** The bytes, exactly. */
  readonly hex: string;
  /** The bytes around, as far as they are in the archive; undefined unless asked for. */
  readonly context: HitContext | undefined;
}

export interface HitRegion {
  readonly start: string;
  readonly end: string;
  readonly permissions: string;
  readonly kind: RegionKind;
  readonly name: string;
}

export interface HitContext {
  readonly before: string;
  readonly after: string;
  readonly before_hex: string;
  readonly after_hex: string;
}

export interface HitLocation extends SourceLocation {
  /** Offset in the archive file; undefined where the archive is compressed. */
  readonly archive_offset: number | undefined;
  /** Only where the bytes are not in the archive but in the root filesystem that was given; then `entry` begins with `rootfs:`. */
  readonly filled?: true;
}

export interface FindOptions extends ScanOptions {
  /** Only in this memory. */
  readonly filter?: MemoryFilter | undefined;
  /** A root filesystem: what mapped files held is looked at too, where the archive's pages lack it. */
  readonly files?: RootFiles | undefined;
  /** Threads that search beside this one. What is found does not depend on them. */
  readonly threads?: SearchThreads | undefined;
}

export interface SearchOptions extends FindOptions {
  /** Bytes of context on each side, at most MAX_CONTEXT. Default 0. */
  readonly context?: number | undefined;
}

/**
 * Looks for `query` in the memory of a checkpoint's processes. Hits come in batches, in the order of the archive, as they
 * are found. Throws `BAD_PATTERN` before anything is read, and `NO_SUCH_PROCESS`.
 */
export function searchMemory(
  checkpoint: Checkpoint,
  query: SearchQuery,
  options: SearchOptions = {},
): AsyncGenerator<readonly SearchHit[]> {
  const { context = 0 } = options;
  return find(checkpoint, query, options, async (hit, found) => {
    const { space, address } = hit.owners[0];
    const { length, encoding } = found;
    const around = context > 0 ? await readContext(space, address, length, context, encoding) : undefined;
    return { ...found, hex: toHex(hit.bytes), context: around };
  });
}

/** What a query finds, as `searchMemory` tells it but for what only a search needs. */
export function findBytes(
  checkpoint: Checkpoint,
  query: MemoryQuery,
  options: FindOptions = {},
): AsyncGenerator<readonly FoundBytes[]> {
  return find(checkpoint, query, options, (_hit, found) => found);
}

/** A promise only where it needs one: one for each of many hits costs as much as the hit. */
type Complete<Found> = (hit: MemoryHit, found: FoundBytes) => Found | Promise<Found>;

/** Compiles first: a bad pattern is told before anything is read. */
function find<Found>(
  checkpoint: Checkpoint,
  query: MemoryQuery,
  options: FindOptions,
  complete: Complete<Found>,
): AsyncGenerator<readonly Found[]> {
  const runner = options.threads?.runner(query);
  return findCompiled(checkpoint, compileMemoryQuery(query), { ...options, runner }, complete);
}

async function* findCompiled<Found>(
  checkpoint: Checkpoint,
  compiled: readonly CompiledScanner[],
  options: FindOptions & { readonly runner: JobRunner | undefined },
  complete: Complete<Found>,
): AsyncGenerator<readonly Found[]> {
  const scanners = compiled.map(({ scanner }) => scanner);
  const scan = (spaces: readonly AddressSpace[], sourceOf: SourceOf) =>
    scanMemory(spaces, checkpoint.archive, scanners, { ...options, sourceOf });
  for await (const { found: hits, processes } of fromSelected(checkpoint, options, scan)) {
    const found: Found[] = [];
    for (const hit of hits) {
      const encoding = compiled[hit.scanner]?.encoding ?? 'bytes';
      const completed = complete(hit, describe(hit, encoding, checkpoint, processes));
      found.push(completed instanceof Promise ? await completed : completed);
    }
    yield found;
  }
}

/** Where pages are read from that are not in the archive, for `PagesOptions`. */
export type SourceOf = PagesOptions['sourceOf'];

/** What `read` tells of the memory that the options select, each time with whose memory that is. */
export async function* fromSelected<Found>(
  checkpoint: Checkpoint,
  options: FindOptions,
  read: (spaces: readonly AddressSpace[], sourceOf: SourceOf) => AsyncIterable<Found>,
): AsyncGenerator<FromSelected<Found>> {
  const { filter, files, onNote } = options;
  const { memory, sourceOf, close } = await selectFilled(checkpoint, filter, files, onNote);
  const spaces = memory.map(({ space }) => space);
  const processes = new Map(memory.map(({ space, process }) => [space, process]));
  try {
    for await (const found of read(spaces, sourceOf)) yield { found, processes };
  } finally {
    await close();
  }
}

interface FromSelected<Found> {
  readonly found: Found;
  readonly processes: ReadonlyMap<AddressSpace, Process>;
}

function describe(
  hit: MemoryHit,
  encoding: HitEncoding,
  checkpoint: Checkpoint,
  processes: ReadonlyMap<AddressSpace, Process>,
): FoundBytes {
  const [first, ...others] = hit.owners.map((owner) => describeOwner(owner, processes));
  const { space, address } = hit.owners[0];
  const region = space.regionAt(address);
  return {
    archive: checkpoint.name,
    pid: space.pid,
    comm: first?.comm ?? '',
    address: formatAddress(address),
    region: region && describeRegion(region),
    length: hit.bytes.length,
    encoding,
    text: toText(hit.bytes, encoding),
    locations: hit.locations.map((location) => describeLocation(checkpoint, location)),
    shared_with: others,
  };
}

function describeOwner({ space, address }: Owner, processes: ReadonlyMap<AddressSpace, Process>) {
  return { pid: space.pid, comm: processes.get(space)?.comm ?? '', address: formatAddress(address) };
}

export function describeRegion({ start, end, permissions, kind, name }: Region): HitRegion {
  return { start: formatAddress(start), end: formatAddress(end), permissions, kind, name };
}

export function describeLocation({ archive }: Checkpoint, location: SourceLocation): HitLocation {
  const found = archive.compression === 'none' ? archive.find(location.entry) : undefined;
  const archiveOffset = found === undefined ? undefined : found.offset + location.offset;
  const { entry, offset, length } = location;
  const described: HitLocation = { entry, offset, length, archive_offset: archiveOffset };
  return filledFrom(entry)?.origin === 'rootfs' ? { ...described, filled: true } : described;
}

/** The neighbours of a hit up to the next byte that is not in the archive. */
async function readContext(
  space: AddressSpace,
  address: bigint,
  length: number,
  context: number,
  encoding: HitEncoding,
): Promise<HitContext> {
  const wanted = Math.min(context, MAX_CONTEXT);
  const start = address > BigInt(wanted) ? address - BigInt(wanted) : 0n;
  const before = await readPresent(space, start, Number(address - start), 'end');
  const after = await readPresent(space, address + BigInt(length), wanted, 'start');
  return {
    before: toText(before, encoding),
    after: toText(after, encoding),
    before_hex: toHex(before),
    after_hex: toHex(after),
  };
}

/** Of the range, the present bytes that touch its start or its end without a gap. */
async function readPresent(
  space: AddressSpace,
  start: bigint,
  length: number,
  side: 'start' | 'end',
): Promise<Uint8Array> {
  const { bytes, extents } = await space.read(start, length);
  const fromSide = side === 'start' ? extents : [...extents].reverse();
  let kept = 0;
  for (const extent of fromSide) {
    if (extent.origin !== 'present') break;
    kept += extent.length;
  }
  return side === 'start' ? bytes.subarray(0, kept) : bytes.subarray(bytes.length - kept);
}
