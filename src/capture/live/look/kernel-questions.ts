/** What only system calls tell of a standing container: what /proc does not have. */
import { loadCLibrary } from './c-library.ts';
import { gatherNetlink, type NetlinkLook } from './gather-netlink.ts';
import type { GatheredContainer } from './gathered.ts';
import { openNetlink } from './netlink.ts';
import { fileComparison, findSameFiles, type SameFiles } from './same-files.ts';
import { readSocketProtocols, type SocketProtocols } from './socket-protocols.ts';

export interface KernelAnswers {
  readonly netlink: NetlinkLook;
  readonly sameFiles: SameFiles;
  readonly socketProtocols: SocketProtocols;
}

export interface KernelQuestions {
  /** To be called while the container stands: a few milliseconds. `proc` is the node's /proc. */
  ask(container: GatheredContainer, proc?: string): KernelAnswers;
}

/** Where nothing could be asked. */
export const NO_ANSWERS: KernelAnswers = {
  socketProtocols: new Map(),
  netlink: { namespaces: new Map(), gaps: [] },
  sameFiles: new Map(),
};

/** To be called before the container stands. Where koffi is not installed, every answer is NO_ANSWERS. */
export function prepareQuestions(): KernelQuestions {
  const library = loadCLibrary();
  if (library === undefined) return { ask: () => NO_ANSWERS };
  const netlink = openNetlink(library);
  const compare = fileComparison(library);
  return {
    ask: ({ processes }, proc) => ({
      netlink: gatherNetlink(netlink, processes, proc),
      sameFiles: compare === undefined ? new Map() : findSameFiles(processes, compare),
      socketProtocols: readSocketProtocols(library, processes, proc),
    }),
  };
}
