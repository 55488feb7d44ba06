import { firstIndex } from '../../bytes/binary-search.ts';
import { formatAddress } from '../../bytes/brand.ts';
import type { AddressSpace } from '../../checkpoint/address-space.ts';
import type { Checkpoint, Process } from '../../checkpoint/checkpoint.ts';
import { toHex, toText } from '../byte-text.ts';
import { chunkScanner } from '../memory-chunks.ts';
import {
  describeLocation,
  describeRegion,
  type FindOptions,
  type HitLocation,
  type HitRegion,
  scanSelected,
} from '../memory-search.ts';
import { type RegionWindow, RegionWindows, type Segment } from './region-windows.ts';

/** Compiled rules: YARA-X, or what a test puts in its place. */
export interface RuleEngine {
  /** At most MAX_MATCHES_PER_PATTERN matches of each pattern. The bytes are only valid during the call. */
  scan(bytes: Uint8Array): readonly RuleMatch[];
}

export interface RuleMatch {
  readonly rule: string;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, unknown>>;
  readonly matches: readonly PatternMatch[];
}

export interface PatternMatch {
  /** With its `$`. */
  readonly pattern: string;
  readonly offset: number;
  readonly length: number;
}

/** A pattern that is found everywhere says little, and each match costs memory. */
export const MAX_MATCHES_PER_PATTERN = 1000;
/** Of a match, bytes that are told; a pattern may match megabytes. */
const MAX_TOLD_BYTES = 1024;

/** A rule that matched what the archive has of a region: what `memory --yara --json` prints. */
export interface RuleHit {
  readonly archive: string;
  readonly pid: number;
  readonly comm: string;
  readonly rule: string;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, unknown>>;
  readonly region: HitRegion;
  /** Empty for a rule without patterns. */
  readonly matches: readonly PatternHit[];
  /** Other processes that see the bytes of the first match, or the first bytes of the region. */
  readonly shared_with: readonly { readonly pid: number; readonly comm: string; readonly address: string }[];
}

export interface PatternHit {
  readonly pattern: string;
  readonly address: string;
  readonly length: number;
  /** The first KiB. */
  readonly text: string;
  readonly hex: string;
  readonly locations: readonly HitLocation[];
}

/** The rules that match in the memory of a checkpoint's processes, region by region. Throws `NO_SUCH_PROCESS`. */
export async function* matchRules(
  checkpoint: Checkpoint,
  engine: RuleEngine,
  options: FindOptions = {},
): AsyncGenerator<readonly RuleHit[]> {
  const view: View = { checkpoint, processes: new Map(), reported: new Set() };
  const windows = new RegionWindows();
  for await (const { batch, processes } of scanSelected(checkpoint, [chunkScanner], options)) {
    const hits: RuleHit[] = [];
    view.processes = processes;
    for (const chunk of batch) {
      for (const window of windows.add(chunk)) hits.push(...scanWindow(window, engine, view));
    }
    yield hits;
  }
  for (const window of windows.finish()) yield scanWindow(window, engine, view);
}

interface View {
  readonly checkpoint: Checkpoint;
  /** Those that are scanned, from the first batch on. */
  processes: ReadonlyMap<AddressSpace, Process>;
  /** Rules that matched the window before, which may have ended with the first bytes of this one. */
  reported: ReadonlySet<string>;
}

function scanWindow(window: RegionWindow, engine: RuleEngine, view: View): readonly RuleHit[] {
  const found = engine.scan(window.bytes);
  const before = window.repeated > 0 ? view.reported : new Set<string>();
  view.reported = new Set(found.map(({ rule }) => rule));
  return found.flatMap((match): RuleHit[] => {
    const isKnown = before.has(match.rule);
    const fresh = match.matches.filter(({ offset, length }) => !isKnown || offset + length > window.repeated);
    if (isKnown && fresh.length === 0) return [];
    return [describe(match, fresh, window, view)];
  });
}

function describe(
  { rule, tags, meta }: RuleMatch,
  matches: readonly PatternMatch[],
  window: RegionWindow,
  { checkpoint, processes }: View,
): RuleHit {
  const { space, region } = window;
  const first = matches[0]?.offset ?? 0;
  const shared = segmentAt(window.segments, first);
  return {
    archive: checkpoint.name,
    pid: space.pid,
    comm: processes.get(space)?.comm ?? '',
    rule,
    tags,
    meta,
    region: describeRegion(region),
    matches: matches.map((match) => describeMatch(match, window, checkpoint)),
    shared_with: (shared?.others ?? []).map((owner) => ({
      pid: owner.space.pid,
      comm: processes.get(owner.space)?.comm ?? '',
      address: formatAddress(owner.address + BigInt(Math.max(0, first - (shared?.start ?? 0)))),
    })),
  };
}

function describeMatch(
  { pattern, offset, length }: PatternMatch,
  { bytes, segments }: RegionWindow,
  checkpoint: Checkpoint,
): PatternHit {
  const told = bytes.subarray(offset, offset + Math.min(length, MAX_TOLD_BYTES));
  const segment = segmentAt(segments, offset);
  return {
    pattern,
    address: formatAddress((segment?.address ?? 0n) + BigInt(offset - (segment?.start ?? 0))),
    length,
    text: toText(told, 'bytes'),
    hex: toHex(told),
    locations: locationsOf(segments, offset, length).map((location) =>
      describeLocation(checkpoint, location),
    ),
  };
}

/** The segment that holds an offset, or the one before the zeros that do. */
function segmentAt(segments: readonly Segment[], offset: number): Segment | undefined {
  return segments[indexAt(segments, offset)];
}

function indexAt(segments: readonly Segment[], offset: number): number {
  return Math.max(0, firstIndex(segments.length, (index) => (segments[index] as Segment).start > offset) - 1);
}

function locationsOf(segments: readonly Segment[], offset: number, length: number) {
  const locations = [];
  for (let index = indexAt(segments, offset); index < segments.length; index++) {
    const segment = segments[index] as Segment;
    const from = Math.max(0, offset - segment.start);
    const to = Math.min(segment.length, offset + length - segment.start);
    if (to <= 0) break;
    const { entry, offset: start } = segment.location;
    if (from < to) locations.push({ entry, offset: start + from, length: to - from });
  }
  return locations;
}
