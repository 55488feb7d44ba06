import { formatAddress } from '../bytes/brand.ts';
import type { Region } from '../checkpoint/address-space.ts';
import type { Credentials, Process, TaskState, Thread } from '../checkpoint/checkpoint.ts';
import type { FileReference } from '../checkpoint/descriptors.ts';
import { readExecutedName } from '../checkpoint/string-block.ts';
import { capabilityNames } from './capability-names.ts';
import { inspectRegisters, inspectTimer } from './inspection-kernel.ts';
import type {
  InspectedCredentials,
  InspectedProcess,
  InspectedReference,
  InspectedRegion,
  InspectedThread,
} from './inspection-shape.ts';

/** Which details of a process are read and told. */
export interface ProcessDetails {
  readonly commandLines: boolean;
  readonly environment: boolean;
  readonly threads: boolean;
  readonly credentials: boolean;
  readonly namespaces: boolean;
  readonly maps: boolean;
  readonly timers: boolean;
  readonly registers: boolean;
}

/** checkpointctl's words; CRIU writes a zombie as dead. */
const STATE_WORDS: Readonly<Record<TaskState, string>> = {
  alive: 'Alive',
  dead: 'Dead',
  stopped: 'Stopped',
  helper: 'Helper',
  thread: 'Thread',
  unknown: 'Unknown',
};

/** A process and the processes below it, as the archive relates them. */
export interface ProcessTree {
  readonly process: Process;
  readonly children: readonly ProcessTree[];
}

interface GrowingTree extends ProcessTree {
  readonly children: GrowingTree[];
}

/**
 * A tree nests at most so deep, and what is below becomes a tree of its own: honest containers stay far below, and a
 * forged chain of 100,000 parents would overrun the stack of every JSON writer and reader.
 */
const MAX_TREE_DEPTH = 256;

/**
 * Orders processes into trees, children by PID. A process is a root when its parent is not in the archive; a circle of
 * parents, which no kernel makes but a forged archive can, is opened at its first process.
 */
export function growTrees(processes: readonly Process[]): readonly ProcessTree[] {
  const nodes = new Map<number, GrowingTree>();
  for (const process of processes) {
    if (!nodes.has(process.pid)) nodes.set(process.pid, { process, children: [] });
  }
  const byParent = groupByParent(nodes.values());
  const orphans = [...nodes.values()].filter(({ process }) => !nodes.has(process.parentPid));
  const placed = new Set<GrowingTree>();
  const roots: GrowingTree[] = [];
  for (const root of [...orphans, ...nodes.values()]) {
    if (!placed.has(root)) roots.push(...placeBelow(root, byParent, placed));
  }
  return roots;
}

function groupByParent(nodes: Iterable<GrowingTree>): ReadonlyMap<number, readonly GrowingTree[]> {
  const byParent = new Map<number, GrowingTree[]>();
  for (const node of [...nodes].sort((a, b) => a.process.pid - b.process.pid)) {
    const siblings = byParent.get(node.process.parentPid);
    if (siblings) siblings.push(node);
    else byParent.set(node.process.parentPid, [node]);
  }
  return byParent;
}

/** Attaches all descendants of `start`; returns it and the roots that it was broken into where it was too deep. */
function placeBelow(
  start: GrowingTree,
  byParent: ReadonlyMap<number, readonly GrowingTree[]>,
  placed: Set<GrowingTree>,
): readonly GrowingTree[] {
  const roots = [start];
  const stack = [{ node: start, depth: 1 }];
  placed.add(start);
  for (let top = stack.pop(); top; top = stack.pop()) {
    for (const child of byParent.get(top.node.process.pid) ?? []) {
      if (placed.has(child)) continue;
      placed.add(child);
      const isTooDeep = top.depth === MAX_TREE_DEPTH;
      (isTooDeep ? roots : top.node.children).push(child);
      stack.push({ node: child, depth: isTooDeep ? 1 : top.depth + 1 });
    }
  }
  return roots;
}

/** All processes of a tree, parents first. */
export function* walkTree(tree: ProcessTree): Generator<ProcessTree> {
  const stack = [tree];
  for (let top = stack.pop(); top; top = stack.pop()) {
    yield top;
    stack.push(...[...top.children].reverse());
  }
}

/** Tells a tree of processes. Nesting comes from the archive, so children are told before parents, without recursion. */
export async function inspectTree(tree: ProcessTree, details: ProcessDetails): Promise<InspectedProcess> {
  const told = new Map<ProcessTree, InspectedProcess>();
  for (const node of [...walkTree(tree)].reverse()) {
    const children = node.children.flatMap((child) => told.get(child) ?? []);
    const process = await inspectProcess(node.process, details);
    told.set(node, children.length > 0 ? { ...process, children } : process);
  }
  const root = told.get(tree);
  if (!root) throw new TypeError('a tree has a root');
  return root;
}

async function inspectProcess(process: Process, details: ProcessDetails): Promise<InspectedProcess> {
  const { credentials, executable, workingDirectory, root, umask } = process;
  return {
    pid: process.pid,
    command: process.comm,
    ...(details.commandLines && (await inspectCommandLine(process))),
    task_state: STATE_WORDS[process.state],
    ...(process.state === 'dead' && { exit_code: process.exitCode }),
    ...(process.recorded && { node_pid: process.recorded.node_pid }),
    ...(process.recorded?.started !== undefined && { started: process.recorded.started }),
    parent_pid: process.parentPid,
    process_group: process.processGroup,
    session: process.session,
    thread_count: process.threads.length,
    ...(credentials && { uid: credentials.uid, gid: credentials.gid }),
    ...(executable && { executable: inspectReference(executable) }),
    ...(workingDirectory && { working_directory: inspectReference(workingDirectory) }),
    ...(root && { root: inspectReference(root) }),
    ...(umask !== undefined && { umask }),
    ...(details.environment && (await inspectEnvironment(process))),
    ...(details.credentials && credentials && { credentials: inspectCredentials(credentials) }),
    ...(details.namespaces && { namespaces: process.namespaces }),
    ...(details.threads && { threads: await inspectThreads(process, details) }),
    ...(details.timers && { timers: (await process.timers()).map(inspectTimer) }),
    ...(details.maps && { memory_maps: ((await process.addressSpace())?.regions ?? []).map(inspectRegion) }),
    source: process.location,
  };
}

async function inspectCommandLine(
  process: Process,
): Promise<Pick<InspectedProcess, 'cmdline' | 'arguments' | 'executed_as'>> {
  const argv = await process.commandLine();
  const space = await process.addressSpace();
  const name = space && (await readExecutedName(space, process.auxiliaryVector));
  return {
    ...(argv && { cmdline: argv.join(' '), arguments: argv }),
    ...(name !== undefined && { executed_as: name }),
  };
}

async function inspectEnvironment(
  process: Process,
): Promise<Pick<InspectedProcess, 'environment' | 'environment_variables'>> {
  const environment = await process.environment();
  if (!environment) return {};
  const pairs = environment.flatMap((text) => {
    const at = text.indexOf('=');
    return at > 0 ? [[text.slice(0, at), text.slice(at + 1)] as const] : [];
  });
  return { environment_variables: Object.fromEntries(pairs), environment };
}

function inspectReference({ path, deleted, memfd, location }: FileReference): InspectedReference {
  return { path, deleted, memfd, ...(location && { source: location }) };
}

function inspectCredentials(credentials: Credentials): InspectedCredentials {
  const { capabilities, secureBits, noNewPrivileges, lsmProfile, seccomp, ...ids } = credentials;
  return {
    ...ids,
    capabilities: {
      effective: capabilityNames(capabilities.effective),
      permitted: capabilityNames(capabilities.permitted),
      inheritable: capabilityNames(capabilities.inheritable),
      bounding: capabilityNames(capabilities.bounding),
      ambient: capabilityNames(capabilities.ambient),
    },
    secure_bits: secureBits,
    no_new_privileges: noNewPrivileges,
    seccomp,
    ...(lsmProfile !== undefined && { lsm_profile: lsmProfile }),
  };
}

async function inspectThreads(
  process: Process,
  details: ProcessDetails,
): Promise<readonly InspectedThread[]> {
  const threads: InspectedThread[] = [];
  for (const thread of process.threads) threads.push(await inspectThread(thread, process, details));
  return threads;
}

async function inspectThread(
  thread: Thread,
  { recorded }: Process,
  details: ProcessDetails,
): Promise<InspectedThread> {
  const registers = details.registers ? await thread.registers() : undefined;
  const { instructionPointer, stackPointer, schedulingPolicy, nice, credentials } = thread;
  const waits = recorded?.waits?.[thread.tid];
  return {
    tid: thread.tid,
    command: thread.comm,
    ...(instructionPointer !== undefined && { instruction_pointer: formatAddress(instructionPointer) }),
    ...(stackPointer !== undefined && { stack_pointer: formatAddress(stackPointer) }),
    ...(waits !== undefined && { waits_in: waits }),
    ...(schedulingPolicy !== undefined && { scheduling_policy: schedulingPolicy }),
    ...(nice !== undefined && { nice }),
    ...(registers && { registers: inspectRegisters(registers) }),
    ...(details.credentials && credentials && { credentials: inspectCredentials(credentials) }),
  };
}

function inspectRegion(region: Region): InspectedRegion {
  return {
    start: formatAddress(region.start),
    end: formatAddress(region.end),
    permissions: region.permissions,
    file_offset: formatAddress(region.fileOffset),
    kind: region.kind,
    name: region.name,
    size: Number(region.end - region.start),
    present_size: region.presentBytes,
    source: region.location,
  };
}
