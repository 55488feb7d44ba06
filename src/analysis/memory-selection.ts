import { address } from '../bytes/brand.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { AddressSpace, Region, RegionKind } from '../checkpoint/address-space.ts';
import type { Checkpoint, Process } from '../checkpoint/checkpoint.ts';
import type { MemoryRange } from './memory-range.ts';
import { extentsOf } from './region-extents.ts';

/** Which memory is looked at; what is left out does not narrow it. */
export interface MemoryFilter {
  readonly pids?: readonly number[] | undefined;
  /** As `parsePermissions` takes them. */
  readonly permissions?: PermissionTest | undefined;
  /** Regions are cut to it. */
  readonly range?: MemoryRange | undefined;
  /** A kind of region (`heap`, `stack`, `anonymous`…), or a part of its name. */
  readonly vma?: string | undefined;
}

/** Takes `rwxp` of /proc/PID/maps. */
export type PermissionTest = (permissions: string) => boolean;

/** The memory of one process, as far as the filter lets it be seen. */
export interface SelectedMemory {
  readonly process: Process;
  readonly space: AddressSpace;
}

const KINDS: ReadonlySet<string> = new Set<RegionKind>([
  'file',
  'anonymous',
  'heap',
  'stack',
  'vdso',
  'vvar',
  'vsyscall',
  'shared-memory',
  'socket',
  'aio',
  'other',
]);

/**
 * The processes that the filter names and that have memory (a zombie has none), each with the regions that it leaves.
 * Throws `NO_SUCH_PROCESS` for a PID that is not there.
 */
export async function selectMemory(
  checkpoint: Checkpoint,
  filter: MemoryFilter = {},
): Promise<readonly SelectedMemory[]> {
  const selected: SelectedMemory[] = [];
  for (const process of await selectProcesses(checkpoint, filter.pids)) {
    const space = await process.addressSpace();
    if (space !== undefined) selected.push({ process, space: selectRegions(space, filter) });
  }
  return selected;
}

/** All processes, or those with the PIDs. Throws `NO_SUCH_PROCESS`. */
export async function selectProcesses(
  checkpoint: Checkpoint,
  pids: readonly number[] | undefined,
): Promise<readonly Process[]> {
  const processes = await checkpoint.processes();
  for (const pid of pids ?? []) {
    if (processes.some((process) => process.pid === pid)) continue;
    const message = `${checkpoint.name} has no process with PID ${pid}; inspect --ps-tree shows them all`;
    throw new ExhibitError('NO_SUCH_PROCESS', message);
  }
  return pids === undefined ? processes : processes.filter(({ pid }) => pids.includes(pid));
}

/**
 * What regions must allow: the columns of /proc/PID/maps (`r-x`: readable, executable, not writable), or letters that must
 * be among them (`wx`). Throws `BAD_PATTERN`.
 */
export function parsePermissions(text: string): PermissionTest {
  if (/^[r-][w-][x-][ps]?$/.test(text)) return (permissions) => permissions.startsWith(text);
  if (/^[rwxps]+$/.test(text)) {
    return (permissions) => Array.from(text).every((letter) => permissions.includes(letter));
  }
  throw new ExhibitError(
    'BAD_PATTERN',
    `${text} are no permissions: they are columns such as r-x or rwxp, or letters that must be there, such as wx`,
  );
}

/** A view of the space that shows only the regions which pass; reading through it is not narrowed. */
export function selectRegions(space: AddressSpace, filter: MemoryFilter): AddressSpace {
  const { permissions, range, vma } = filter;
  if (permissions === undefined && range === undefined && vma === undefined) return space;
  const regions = space.regions.flatMap((region) => {
    if (permissions !== undefined && !permissions(region.permissions)) return [];
    if (vma !== undefined && !isCalled(region, vma)) return [];
    return range === undefined ? [region] : cut(region, range, space);
  });
  return {
    pid: space.pid,
    pageSize: space.pageSize,
    argumentRange: space.argumentRange,
    environmentRange: space.environmentRange,
    regions,
    regionAt: (at) => space.regionAt(at),
    extents: (start, length) => space.extents(start, length),
    read: (start, length) => space.read(start, length),
  };
}

function isCalled({ kind, name }: Region, vma: string): boolean {
  return KINDS.has(vma) ? kind === vma : name.includes(vma);
}

function cut(region: Region, range: MemoryRange, space: AddressSpace): readonly Region[] {
  const start = address(region.start > range.start ? region.start : range.start);
  const end = address(region.end < range.end ? region.end : range.end);
  if (start >= end) return [];
  if (start === region.start && end === region.end) return [region];
  let presentBytes = 0;
  for (const { origin, length } of extentsOf(space, { start, end })) {
    if (origin === 'present') presentBytes += length;
  }
  const { permissions, kind, name, location } = region;
  const fileOffset = region.fileOffset + (start - region.start);
  return [{ start, end, permissions, fileOffset, kind, name, presentBytes, location }];
}
