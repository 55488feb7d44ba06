/** What the container's own UTS and IPC namespaces hold; those that the node's first process is in are the node's, not its. */
import { ExhibitError } from '../../../bytes/exhibit-error.ts';
import type { EnterNamespace, NamespacePlace } from './enter-namespace.ts';
import type { GatheredProcess } from './gathered.ts';
import { type HostNames, readHostNames } from './host-names.ts';
import { readLink } from './proc-reader.ts';
import type { GatheredIpc, ReadIpc } from './system-v.ts';

export interface NamespaceLook {
  /** By the inode number of the namespace. */
  readonly hostNames: ReadonlyMap<bigint, HostNames>;
  readonly ipc: ReadonlyMap<bigint, GatheredIpc>;
  readonly gaps: readonly string[];
}

export const NO_NAMESPACES: NamespaceLook = { hostNames: new Map(), ipc: new Map(), gaps: [] };

/** Throws `NOT_ROOT` for a namespace that cannot be left. `proc` is the node's /proc. */
export function gatherNamespaces(
  enter: EnterNamespace,
  readIpc: ReadIpc | undefined,
  processes: readonly GatheredProcess[],
  proc = '/proc',
): NamespaceLook {
  const gaps: string[] = [];
  const gather = <T>(kind: 'uts' | 'ipc', ask: () => T): ReadonlyMap<bigint, T> => {
    const found = new Map<bigint, T>();
    for (const [inode, place] of ownNamespaces(kind, processes, proc)) {
      try {
        found.set(inode, enter(kind, place, ask));
      } catch (error) {
        if (error instanceof ExhibitError) throw error;
        gaps.push(`the ${kind} namespace of process ${place.pid} was not read: ${(error as Error).message}`);
      }
    }
    return found;
  };
  const hostNames = gather('uts', () => readHostNames(proc));
  const ipc: ReadonlyMap<bigint, GatheredIpc> =
    readIpc === undefined ? new Map() : gather('ipc', () => readIpc(proc));
  return { hostNames, ipc, gaps: [...gaps, ...[...ipc.values()].flatMap((each) => each.gaps)] };
}

function ownNamespaces(
  kind: 'uts' | 'ipc',
  processes: readonly GatheredProcess[],
  proc: string,
): ReadonlyMap<bigint, NamespacePlace> {
  const nodes = readLink(`${proc}/1/ns/${kind}`)?.link;
  const places = new Map<bigint, NamespacePlace>();
  for (const { pid, namespaces } of processes) {
    const inode = namespaces[kind];
    if (inode === undefined || places.has(inode) || nodes === `${kind}:[${inode}]`) continue;
    places.set(inode, { pid, proc });
  }
  return places;
}
