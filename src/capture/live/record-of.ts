/** What a live capture tells beside CRIU's images: archive/capture-record.ts. */
import type {
  CaptureRecord,
  Hidden,
  RecordedProcess,
  UnreadableMemory,
} from '../../archive/capture-record.ts';
import type { FileImages } from './files/file-images.ts';
import type { GatheredContainer, GatheredNode, GatheredProcess } from './look/gathered.ts';
import type { UnreadableRange } from './memory/unreadable-pages.ts';
import { containerNumber, parseStatus, pidNamespaceDepth } from './proc/status.ts';

/** Facts of the capture itself. */
export type CaptureFacts = Pick<
  CaptureRecord,
  'subject' | 'consistency' | 'started' | 'standstill' | 'all_pages' | 'companion'
>;

export interface RecordSources {
  readonly container: GatheredContainer;
  readonly beside: FileImages['beside'];
  readonly gaps: readonly string[];
  readonly unreadable: readonly UnreadableRange[];
  /** Whether the registers of the threads were read. */
  readonly hasRegisters: boolean;
  /** Whether what waits in pipes and unix streams was read. */
  readonly hasWaiting: boolean;
}

const PROGRAM = `exhibit ${process.env.EXHIBIT_VERSION ?? 'development'}`;

export function recordOf(facts: CaptureFacts, sources: RecordSources): CaptureRecord {
  const { container, beside, gaps, unreadable, hasRegisters, hasWaiting } = sources;
  return {
    version: 1,
    program: PROGRAM,
    restorable: false,
    ...facts,
    node: nodeOf(container.node),
    processes: container.processes.map((process) => processOf(process, container)),
    descriptors: beside.descriptors.map(({ pid, fd, link, info }) => ({ node_pid: pid, fd, link, info })),
    networks: beside.networks.map(({ namespace, queues, files }) => ({
      namespace,
      queues: queues.map(({ inode, sendQueue, receiveQueue, retransmits }) => ({
        inode,
        send: sendQueue,
        receive: receiveQueue,
        retransmits,
      })),
      files: files as Readonly<Record<string, string>>,
    })),
    hidden: hidden(hasRegisters, facts.all_pages, hasWaiting),
    gaps,
    unreadable: unreadable.map(unreadableOf),
  };
}

const nodeOf = ({ hostname, kernel, machine, bootTime, bootId }: GatheredNode): CaptureRecord['node'] => ({
  hostname,
  kernel,
  machine,
  booted: new Date(bootTime * 1000).toISOString(),
  boot_id: bootId,
});

/**
 * The kernel writes 0 of a thread that runs, or to whom it does not tell; the others are where frozen threads stand: since
 * 6.1, those of version 1 of control groups stand where they slept, and on 6.18 those of version 2 in get_signal (measured).
 */
const NO_WAIT: ReadonlySet<string> = new Set(['', '0', '__refrigerator', 'do_freezer_trap', 'get_signal']);

function processOf(
  { pid, files, threads }: GatheredProcess,
  { processes, node }: GatheredContainer,
): RecordedProcess {
  const depth = pidNamespaceDepth(processes[0]);
  const numberOf = (status: string | undefined, own: number): number =>
    containerNumber(parseStatus(status), depth) ?? own;
  const waits = threads.flatMap((thread) => {
    const { wchan = '', status } = thread.files;
    return NO_WAIT.has(wchan) ? [] : [[String(numberOf(status, thread.tid)), wchan] as const];
  });
  return {
    node_pid: pid,
    pid: numberOf(files.status, pid),
    started: startOf(files.stat, node),
    waits: Object.fromEntries(waits),
  };
}

/** Field 22 of proc_pid_stat(5), in ticks since the node's start; the name in field 2 may hold blanks and brackets. */
function startOf(stat: string | undefined, { bootTime, ticksPerSecond }: GatheredNode): string | undefined {
  const ticks = Number(stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  const milliseconds = (bootTime + ticks / ticksPerSecond) * 1000;
  return Number.isFinite(milliseconds) ? new Date(milliseconds).toISOString() : undefined;
}

function unreadableOf({ origin, start, pages }: UnreadableRange): UnreadableMemory {
  const place = { start: `0x${start.toString(16)}`, pages };
  return origin.kind === 'process'
    ? { pid: origin.containerPid, ...place }
    : { shared_object: String(origin.inode), ...place };
}

/** What the kernel shows to nobody who only reads. */
const ALWAYS_HIDDEN: readonly Hidden[] = [
  { topic: 'terminals', text: 'bytes that wait in terminals are not read' },
  {
    topic: 'signals',
    text: 'which function handles a signal, on which stack, and which signal tells of the end of the parent, is not known',
  },
  { topic: 'credentials', text: 'secure bits (capabilities(7)) are not known, and stand as 0' },
  { topic: 'timers', text: 'interval timers of setitimer(2) are not known, nor when POSIX timers expire' },
];

/** What waits to be read is asked through descriptors, of which not every kernel lends any. */
const WAITING: readonly Hidden[] = [
  {
    topic: 'sockets',
    text: 'bytes that wait in sockets are counted, not read, but for those of unix streams that were not read yet',
  },
];
const NOTHING_WAITING: readonly Hidden[] = [
  { topic: 'sockets', text: 'bytes that wait in sockets are counted, not read' },
  { topic: 'pipes', text: 'bytes that wait in pipes and FIFOs are not read' },
];

function hidden(hasRegisters: boolean, allPages: boolean, hasWaiting: boolean): readonly Hidden[] {
  const registers: Hidden = {
    topic: 'registers',
    text: 'of each thread only instruction pointer, stack pointer and system call are known, not its other registers, pending signals and seccomp programs',
  };
  const memory: Hidden = {
    topic: 'memory',
    text: 'unchanged pages of mapped files are not in here; --all-pages takes them too',
  };
  return [
    ...(hasWaiting ? WAITING : NOTHING_WAITING),
    ...ALWAYS_HIDDEN,
    ...(hasRegisters ? [] : [registers]),
    ...(allPages ? [] : [memory]),
  ];
}
