/** What only system calls tell of a standing container: what /proc does not have. */
import { type Borrower, openBorrower } from './borrowed-descriptor.ts';
import { type CLibrary, loadCLibrary } from './c-library.ts';
import { namespaceEntrance } from './enter-namespace.ts';
import { gatherNamespaces, type NamespaceLook, NO_NAMESPACES } from './gather-namespaces.ts';
import { gatherNetlink, type NetlinkLook } from './gather-netlink.ts';
import type { GatheredContainer } from './gathered.ts';
import { openKcmp } from './kcmp.ts';
import { openNetlink } from './netlink.ts';
import { type PipeLook, readPipeContents } from './pipe-contents.ts';
import { fileComparison, findSameFiles, type SameFiles } from './same-files.ts';
import { findSharedParts, NOTHING_SHARED, type SharedParts } from './shared-parts.ts';
import { readSocketOptions, type SocketOptionsLook } from './socket-options.ts';
import { readSocketProtocols, type SocketProtocols } from './socket-protocols.ts';
import { readStreamQueues, type StreamQueues } from './stream-queues.ts';
import { openSystemV } from './system-v.ts';

export interface KernelAnswers {
  readonly netlink: NetlinkLook;
  readonly sameFiles: SameFiles;
  readonly sharedParts: SharedParts;
  readonly namespaces: NamespaceLook;
  readonly socketProtocols: SocketProtocols;
  readonly socketOptions: SocketOptionsLook;
  readonly waiting: WaitingBytes;
}

export interface KernelQuestions {
  /** To be called while the container stands: a few milliseconds. `proc` is the node's /proc. */
  ask(container: GatheredContainer, proc?: string): KernelAnswers;
}

/** What was written and not read yet. */
export interface WaitingBytes extends PipeLook, Pick<StreamQueues, 'queues'> {
  /** False where it could not be asked for. */
  readonly isKnown: boolean;
}

const NO_OPTIONS: SocketOptionsLook = { sockets: new Map(), gaps: [] };
const NOTHING_KNOWN: WaitingBytes = { isKnown: false, pipes: [], queues: new Map(), gaps: [] };

/** Where nothing could be asked. */
export const NO_ANSWERS: KernelAnswers = {
  socketProtocols: new Map(),
  socketOptions: NO_OPTIONS,
  waiting: NOTHING_KNOWN,
  netlink: { namespaces: new Map(), gaps: [] },
  sameFiles: new Map(),
  sharedParts: NOTHING_SHARED,
  namespaces: NO_NAMESPACES,
};

/** To be called before the container stands. Where koffi is not installed, every answer is NO_ANSWERS. */
export function prepareQuestions(): KernelQuestions {
  const library = loadCLibrary();
  if (library === undefined) return { ask: () => NO_ANSWERS };
  const enter = namespaceEntrance(library);
  const netlink = openNetlink(library, enter);
  const kcmp = openKcmp(library);
  const readIpc = openSystemV(library);
  return {
    ask: ({ processes }, proc) => {
      const borrower = openBorrower(library);
      try {
        return {
          netlink: gatherNetlink(netlink, processes, proc),
          sameFiles: kcmp === undefined ? new Map() : findSameFiles(processes, fileComparison(kcmp)),
          sharedParts: kcmp === undefined ? NOTHING_SHARED : findSharedParts(processes, kcmp),
          namespaces: gatherNamespaces(enter, readIpc, processes, proc),
          socketProtocols: readSocketProtocols(library, processes, proc),
          ...askHolders(library, borrower, processes),
        };
      } finally {
        borrower?.close();
      }
    },
  };
}

/** What only holders of a file are told. */
function askHolders(
  library: CLibrary,
  borrower: Borrower | undefined,
  processes: GatheredContainer['processes'],
): Pick<KernelAnswers, 'socketOptions' | 'waiting'> {
  if (borrower === undefined) return { socketOptions: NO_OPTIONS, waiting: NOTHING_KNOWN };
  const { borrow } = borrower;
  const socketOptions = readSocketOptions(library, borrow, processes);
  const { pipes, gaps } = readPipeContents(library, borrow, processes);
  const streams = readStreamQueues(library, borrow, processes, socketOptions.sockets);
  const waiting = { isKnown: true, pipes, queues: streams.queues, gaps: [...gaps, ...streams.gaps] };
  return { socketOptions, waiting };
}
