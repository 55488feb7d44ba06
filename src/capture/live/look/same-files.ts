/**
 * Which descriptors are one open file, so that moving the position of one moves the other: dup(2), fork(2), passed over a
 * socket. kcmp(2) orders the open files of all processes; equal ones are the same.
 */
import { findEqual } from './equal-items.ts';
import type { GatheredDescriptor, GatheredProcess } from './gathered.ts';
import type { Kcmp } from './kcmp.ts';

/** For each descriptor that is one open file with another, by `placeOf`: the place of the first of them. */
export type SameFiles = ReadonlyMap<string, string>;

export const placeOf = (pid: number, fd: number): string => `${pid} ${fd}`;

interface Place {
  readonly pid: number;
  readonly fd: number;
}

/** Negative, 0 or positive; undefined where one of them is not there any more, or the right is missing. */
export type CompareFiles = (a: Place, b: Place) => number | undefined;

const KCMP_FILE = 0;
/** At some microseconds each while the container stands still. */
const MAX_COMPARISONS = 100_000;

export function fileComparison(kcmp: Kcmp): CompareFiles {
  return (a, b) => kcmp(a.pid, b.pid, KCMP_FILE, a.fd, b.fd);
}

/** Compares only what can be the same: equal links, inodes and flags. */
export function findSameFiles(
  processes: readonly GatheredProcess[],
  compare: CompareFiles,
  limit = MAX_COMPARISONS,
): SameFiles {
  const groups = new Map<string, Place[]>();
  for (const { pid, descriptors } of processes) {
    for (const descriptor of descriptors) {
      const key = keyOf(descriptor);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [{ pid, fd: descriptor.fd }]);
      else group.push({ pid, fd: descriptor.fd });
    }
  }
  const budget = { left: limit };
  const same = new Map<string, string>();
  for (const group of groups.values()) {
    if (group.length > 1)
      findEqual(group, compare, budget, (place, first) => {
        same.set(placeOf(place.pid, place.fd), placeOf(first.pid, first.fd));
        same.set(placeOf(first.pid, first.fd), placeOf(first.pid, first.fd));
      });
  }
  return same;
}

const O_CLOEXEC = 0o2000000;

/** The mark that closes a descriptor at an exec stands among the flags, but is the descriptor's own. */
function keyOf({ link, stat, info }: GatheredDescriptor): string {
  const flags = Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(info)?.[1] ?? '0', 8) & ~O_CLOEXEC;
  return `${stat?.dev}:${stat?.ino} ${flags} ${link}`;
}
