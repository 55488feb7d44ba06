/**
 * Shared memory that has no file of its own: shared anonymous memory (`/dev/zero (deleted)`), SysV segments
 * (`/SYSV00000000 (deleted)`), memfds, and shared huge pages. Each is copied once, however many processes map it, and is known
 * by its inode number, which is also its number in CRIU's images (`shmid`; for SysV the kernel takes the segment's own id).
 * A memfd may be open without being mapped.
 */
import { statSync } from 'node:fs';
import type { GatheredDescriptor } from '../look/gathered.ts';
import { deviceNumber } from '../proc/device-number.ts';
import type { Mapping } from '../proc/mappings.ts';

/** One process, as far as its memory is planned. */
export interface PlannedProcess {
  /** As the node counts. */
  readonly pid: number;
  /** As the container counts: the number in the images' names. */
  readonly containerPid: number;
  readonly mappings: readonly Mapping[];
  readonly descriptors: readonly GatheredDescriptor[];
  /** /proc/PID/mountinfo. */
  readonly mountinfo: string;
}

/** A process that maps a part of the object. */
export interface SharedMapper {
  readonly pid: number;
  readonly mapping: Mapping;
}

export interface SharedObject {
  readonly inode: bigint;
  /** A path by which the object can be opened and read from its beginning: below /proc/PID/map_files or /proc/PID/fd. */
  readonly path: string;
  /** What the kernel calls it, without ` (deleted)`. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Bytes of it that are in memory or in swap. */
  readonly allocated: number;
  readonly mappers: readonly SharedMapper[];
}

/** A process has at most 65,530 mappings by default (vm.max_map_count); an honest container a few of these. */
const MAX_SHARED_OBJECTS = 65_536;

const NAME = /^\/(dev\/zero|SYSV[0-9a-f]{8}|anon_hugepage|memfd:.*) \(deleted\)$/s;
const MEMFD = /^\/(memfd:.*) \(deleted\)$/s;
const REGULAR = 0o100000;
const TYPE_MASK = 0o170000;
/** Unit of `st_blocks`. */
const STAT_BLOCK = 512;

interface Candidate {
  readonly inode: bigint;
  readonly path: string;
  readonly name: string;
  readonly mappers: SharedMapper[];
}

/** All shared objects of the processes, in the order in which they are met; what could not be taken is told in `gaps`. */
export function findSharedObjects(
  processes: readonly PlannedProcess[],
  gaps: string[],
  proc: string,
): readonly SharedObject[] {
  const candidates = new Map<bigint, Candidate>();
  for (const process of processes) {
    for (const found of [...mappedObjects(process, proc), ...openMemfds(process, proc)])
      addCandidate(candidates, found, gaps);
  }
  return [...candidates.values()].flatMap((candidate) => describeObject(candidate, gaps) ?? []);
}

function addCandidate(candidates: Map<bigint, Candidate>, found: Candidate, gaps: string[]): void {
  const known = candidates.get(found.inode);
  if (known?.name === found.name) known.mappers.push(...found.mappers);
  else if (known !== undefined)
    gaps.push(
      `${found.name} has the number ${found.inode} of ${known.name}: its memory is not in the archive`,
    );
  else if (candidates.size < MAX_SHARED_OBJECTS) candidates.set(found.inode, found);
  else gaps.push(`more than ${MAX_SHARED_OBJECTS} shared objects: ${found.name} is not in the archive`);
}

function mappedObjects({ pid, mappings, mountinfo }: PlannedProcess, proc: string): readonly Candidate[] {
  const isMounted = mountedDevices(mountinfo);
  return mappings.flatMap((mapping): Candidate[] => {
    const name = NAME.exec(mapping.path)?.[1];
    const isObject = mapping.shared || mapping.path.startsWith('/memfd:');
    if (name === undefined || !isObject || isMounted(mapping.major, mapping.minor)) return [];
    const range = `${mapping.start.toString(16)}-${mapping.end.toString(16)}`;
    const path = `${proc}/${pid}/map_files/${range}`;
    return [{ inode: mapping.inode, path, name, mappers: mapping.shared ? [{ pid, mapping }] : [] }];
  });
}

function openMemfds({ pid, descriptors, mountinfo }: PlannedProcess, proc: string): readonly Candidate[] {
  const isMounted = mountedDevices(mountinfo);
  return descriptors.flatMap(({ fd, link, stat }): Candidate[] => {
    const name = MEMFD.exec(link)?.[1];
    if (name === undefined || stat === undefined || (stat.mode & TYPE_MASK) !== REGULAR) return [];
    const { major, minor } = deviceNumber(stat.dev);
    if (isMounted(major, minor)) return [];
    return [{ inode: stat.ino, path: `${proc}/${pid}/fd/${fd}`, name, mappers: [] }];
  });
}

/**
 * A deleted file of a mounted file system can have such a name too, and reading one could hang (FUSE); the kernel's own
 * shared memory is on a file system that is mounted nowhere.
 */
function mountedDevices(mountinfo: string): (major: number, minor: number) => boolean {
  const devices = new Set(mountinfo.split('\n').map((line) => line.split(' ', 3)[2]));
  return (major, minor) => devices.has(`${major}:${minor}`);
}

function describeObject({ inode, path, name, mappers }: Candidate, gaps: string[]): SharedObject | undefined {
  try {
    const { size, blocks } = statSync(path);
    return { inode, path, name, size, allocated: blocks * STAT_BLOCK, mappers };
  } catch {
    gaps.push(`${name} (${inode}) cannot be opened: its memory is not in the archive`);
    return undefined;
  }
}
