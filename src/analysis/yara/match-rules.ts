import { formatAddress } from '../../bytes/brand.ts';
import type { AddressSpace } from '../../checkpoint/address-space.ts';
import type { Checkpoint, Process } from '../../checkpoint/checkpoint.ts';
import { toHex, toText } from '../byte-text.ts';
import {
  describeLocation,
  describeRegion,
  type FindOptions,
  fromSelected,
  type HitLocation,
  type HitRegion,
  type SourceOf,
} from '../memory-search.ts';
import type { PatternMatch, RuleEngine, RuleMatch } from './rule-engine.ts';
import { locationsOf, segmentAt, WindowBytes } from './window-bytes.ts';
import { type ScannedWindow, scanWindows } from './window-scan.ts';

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
  const scan = async function* (spaces: readonly AddressSpace[], sourceOf: SourceOf) {
    const bytes = new WindowBytes(checkpoint.archive, { sourceOf });
    const windows = scanWindows(spaces, checkpoint.archive, engine, { ...options, sourceOf });
    for await (const window of windows) yield { window, bytes };
  };
  let before: readonly RuleMatch[] = [];
  for await (const { found, processes } of fromSelected(checkpoint, options, scan)) {
    const { window, bytes } = found;
    const view: View = { checkpoint, processes, window, bytes };
    const hits: RuleHit[] = [];
    for (const match of freshMatches(window, before)) hits.push(await describe(match, view));
    yield hits;
    before = window.found;
  }
}

interface View {
  readonly checkpoint: Checkpoint;
  /** Those that are scanned. */
  readonly processes: ReadonlyMap<AddressSpace, Process>;
  readonly window: ScannedWindow;
  readonly bytes: WindowBytes;
}

/** Without what the window before this one has told of the bytes that it ended with. */
function freshMatches(
  { found, repeated }: ScannedWindow,
  before: readonly RuleMatch[],
): readonly RuleMatch[] {
  const known = new Set(repeated > 0 ? before.map(({ rule }) => rule) : []);
  return found.flatMap((match): RuleMatch[] => {
    if (!known.has(match.rule)) return [match];
    const matches = match.matches.filter(({ offset, length }) => offset + length > repeated);
    return matches.length === 0 ? [] : [{ ...match, matches }];
  });
}

async function describe({ rule, tags, meta, matches }: RuleMatch, view: View): Promise<RuleHit> {
  const { checkpoint, processes, window } = view;
  const { space, region, segments } = window;
  const first = matches[0]?.offset ?? 0;
  const shared = segmentAt(segments, first);
  const told: PatternHit[] = [];
  for (const match of matches) told.push(await describeMatch(match, view));
  return {
    archive: checkpoint.name,
    pid: space.pid,
    comm: processes.get(space)?.comm ?? '',
    rule,
    tags,
    meta,
    region: describeRegion(region),
    matches: told,
    shared_with: (shared?.others ?? []).map((owner) => ({
      pid: owner.space.pid,
      comm: processes.get(owner.space)?.comm ?? '',
      address: formatAddress(owner.address + BigInt(Math.max(0, first - (shared?.start ?? 0)))),
    })),
  };
}

async function describeMatch(
  { pattern, offset, length }: PatternMatch,
  { checkpoint, window: { segments }, bytes }: View,
): Promise<PatternHit> {
  const told = await bytes.read(segments, offset, Math.min(length, MAX_TOLD_BYTES));
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
