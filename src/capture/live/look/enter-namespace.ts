/**
 * Asks the kernel something from within a namespace of a container. The one thread that asks is in there for the time of the
 * questions, which are synchronous: nothing else runs meanwhile. Source: setns(2), namespaces(7).
 */
import { closeSync, openSync } from 'node:fs';
import { ExhibitError } from '../../../bytes/exhibit-error.ts';
import type { CLibrary } from './c-library.ts';

/** CLONE_NEW* of linux/sched.h, by the names of /proc/PID/ns. */
const KINDS = { uts: 0x4000000, ipc: 0x8000000, net: 0x40000000 } as const;

/** Whose namespace: `pid` as `proc`, the node's /proc, counts. */
export interface NamespacePlace {
  readonly pid: number;
  readonly proc: string;
}

/**
 * Throws an Error where the namespace cannot be entered: without rights, or because
 * the process has ended. Throws `NOT_ROOT` where it cannot be left: the capture has to end.
 */
export type EnterNamespace = <T>(kind: keyof typeof KINDS, place: NamespacePlace, ask: () => T) => T;

export function namespaceEntrance(library: CLibrary): EnterNamespace {
  const setns = library.function('int setns(int, int)');
  return (kind, { pid, proc }, ask) => {
    const file = `${proc}/${pid}/ns/${kind}`;
    const own = openSync(`/proc/thread-self/ns/${kind}`, 'r');
    let other: number | undefined;
    try {
      other = openSync(file, 'r');
      if (setns(other, KINDS[kind]) !== 0) throw new Error(`entering ${file}: error ${library.errno()}`);
      try {
        return ask();
      } finally {
        if (setns(own, KINDS[kind]) !== 0) throwStuck(file, library.errno());
      }
    } finally {
      closeSync(own);
      if (other !== undefined) closeSync(other);
    }
  };
}

/** Whoever was let in with these rights is let back; if not, nothing more may be asked from in there. */
function throwStuck(file: string, error: number): never {
  throw new ExhibitError(
    'NOT_ROOT',
    `the namespace ${file} was entered and cannot be left (error ${error}): run Exhibit again as root`,
  );
}
