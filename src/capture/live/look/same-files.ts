/**
 * Which descriptors are one open file, so that moving the position of one moves the other: dup(2), fork(2), passed over a
 * socket. kcmp(2) orders the open files of all processes; equal ones are the same.
 */
import type { CLibrary } from './c-library.ts';
import type { GatheredDescriptor, GatheredProcess } from './gathered.ts';

/** For each descriptor that is one open file with another, by `placeOf`: the place of the first of them. */
export type SameFiles = ReadonlyMap<string, string>;

export const placeOf = (pid: number, fd: number): string => `${pid} ${fd}`;

interface Place {
  readonly pid: number;
  readonly fd: number;
}

/** Negative, 0 or positive; undefined where one of them is not there any more, or the right is missing. */
export type CompareFiles = (a: Place, b: Place) => number | undefined;

/** Numbers of the system call, by `process.arch` (asm/unistd.h). */
const KCMP: Readonly<Record<string, number>> = { x64: 312, arm64: 272 };
const KCMP_FILE = 0;
/** What kcmp returns: equal, less, greater. */
const ORDERS = [0, -1, 1] as const;
/** At some microseconds each while the container stands still. */
const MAX_COMPARISONS = 100_000;

/** Undefined for machines whose number of the call is not known. */
export function fileComparison(library: CLibrary): CompareFiles | undefined {
  const call = KCMP[process.arch];
  if (call === undefined) return undefined;
  const syscall = library.function('intptr_t syscall(intptr_t, int, int, int, intptr_t, intptr_t)');
  return (a, b) => ORDERS[Number(syscall(call, a.pid, b.pid, KCMP_FILE, a.fd, b.fd))];
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
    if (group.length > 1) findInGroup(group, compare, budget, same);
  }
  return same;
}

const O_CLOEXEC = 0o2000000;

/** The mark that closes a descriptor at an exec stands among the flags, but is the descriptor's own. */
function keyOf({ link, stat, info }: GatheredDescriptor): string {
  const flags = Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(info)?.[1] ?? '0', 8) & ~O_CLOEXEC;
  return `${stat?.dev}:${stat?.ino} ${flags} ${link}`;
}

/** Each is looked for among the different ones found so far, which are kept in the kernel's order. */
function findInGroup(
  group: readonly Place[],
  compare: CompareFiles,
  budget: { left: number },
  same: Map<string, string>,
): void {
  const different: Place[] = [];
  for (const place of group) {
    let low = 0;
    let high = different.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = different[middle];
      budget.left -= 1;
      const order = other && budget.left >= 0 ? compare(place, other) : undefined;
      if (other === undefined || order === undefined) return;
      if (order === 0) {
        same.set(placeOf(place.pid, place.fd), placeOf(other.pid, other.fd));
        same.set(placeOf(other.pid, other.fd), placeOf(other.pid, other.fd));
        break;
      }
      if (order < 0) high = middle;
      else low = middle + 1;
    }
    if (low === high) different.splice(low, 0, place);
  }
}
