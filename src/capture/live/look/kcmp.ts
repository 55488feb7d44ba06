/** kcmp(2): puts what two processes hold into an order of the kernel's own, in which equal means the same. */
import type { CLibrary } from './c-library.ts';

/** Negative, 0 or positive; undefined where one of the two is not there any more, or the right is missing. */
export type Kcmp = (
  a: number,
  b: number,
  type: number,
  first?: number,
  second?: number,
) => number | undefined;

/** Numbers of the system call, by `process.arch` (asm/unistd.h). */
const KCMP: Readonly<Record<string, number>> = { x64: 312, arm64: 272 };

/** What kcmp returns: equal, less, greater. */
const ORDERS = [0, -1, 1] as const;

/** Undefined for machines whose number of the call is not known. */
export function openKcmp(library: CLibrary): Kcmp | undefined {
  const call = KCMP[process.arch];
  if (call === undefined) return undefined;
  const syscall = library.function('intptr_t syscall(intptr_t, int, int, int, intptr_t, intptr_t)');
  return (a, b, type, first = 0, second = 0) => ORDERS[Number(syscall(call, a, b, type, first, second))];
}
