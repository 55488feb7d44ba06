/**
 * Processes, threads and address spaces of a gathered container as CRIU 4.2 writes them: inventory, pstree, core, ids, mm,
 * cgroup, seccomp, and namespaces of users, host names and IPC. What the kernel tells a process itself only is left out: signal handlers, alternate stacks,
 * interval timers and when POSIX timers expire, secure bits, the parent-death signal.
 */
import { imageKinds } from '../../../criu/image-kinds.ts';
import type { PstreeEntry, TaskKobjIdsEntry } from '../../../criu/schemas/process.ts';
import type { FileTable } from '../files/file-images.ts';
import { namespaceId } from '../files/namespace-files.ts';
import { type LiveImage, listImage } from '../live-image.ts';
import type { GatheredContainer, GatheredProcess } from '../look/gathered.ts';
import { type KernelAnswers, NO_ANSWERS } from '../look/kernel-questions.ts';
import type { SharedParts } from '../look/shared-parts.ts';
import type { Mapping } from '../proc/mappings.ts';
import { parseStat, StatField } from '../proc/stat.ts';
import { parseStatus, statusNumbers } from '../proc/status.ts';
import type { ThreadRegisters } from '../registers/thread-registers.ts';
import { ControlGroupSets } from './control-groups.ts';
import { type CoreContext, isZombie, mainCore, otherCore } from './core-image.ts';
import { parseSecurityProfile } from './credentials.ts';
import { ipcNamespaceImages, unreadSegments } from './ipc-namespace.ts';
import { memoryMessage } from './memory-image.ts';
import { SeccompBook } from './seccomp-book.ts';
import { TaskNumbers } from './task-numbers.ts';
import { userNamespaceImages } from './user-namespace.ts';
import { utsNamespaceImages } from './uts-namespace.ts';

export interface TaskFacts {
  /** By the node's number of the process. */
  readonly mappings: ReadonlyMap<number, readonly Mapping[]>;
  readonly table: FileTable;
  /** By the node's number of the thread; empty where they could not be read. */
  readonly registers: ReadonlyMap<number, ThreadRegisters>;
  readonly answers?: KernelAnswers | undefined;
}

export interface TaskImages {
  readonly images: readonly LiveImage[];
  /** What was not read, and why. */
  readonly gaps: readonly string[];
}

/** As CRIU 4.2: each image has a group magic, descriptors and namespaces are told by id. */
const IMAGE_VERSION = 2;

export function buildTaskImages(container: GatheredContainer, facts: TaskFacts): TaskImages {
  const { processes } = container;
  const numbers = new TaskNumbers(container);
  const seccomp = new SeccompBook();
  const groups = new ControlGroupSets();
  const profile = (process: GatheredProcess | undefined) =>
    parseSecurityProfile(process?.files['attr/current']);
  const { sharedParts, namespaces } = facts.answers ?? NO_ANSWERS;
  const ids = objectIds(processes, sharedParts);
  const images: LiveImage[] = [];
  const tree: PstreeEntry[] = [];
  for (const process of processes) {
    const { machine } = container.node;
    const controlGroups = () => groups.idOf(process.files.cgroup);
    const { registers } = facts;
    const own = { machine, numbers, seccomp, controlGroups, profile: profile(process), registers };
    images.push(...processImages(process, ids(process.pid), own, facts));
    tree.push(treeEntry(process, numbers));
  }
  const inventory = {
    img_version: IMAGE_VERSION,
    fdinfo_per_id: true,
    ns_per_id: true,
    lsmtype: profile(processes[0]).module,
  };
  return {
    images: [
      listImage('inventory.img', imageKinds.inventory, [inventory]),
      listImage('pstree.img', imageKinds.pstree, tree),
      ...images,
      groups.image(),
      seccomp.image(),
      ...userNamespaceImages(processes),
      ...utsNamespaceImages(namespaces),
      ...ipcNamespaceImages(namespaces),
    ],
    gaps: [
      ...namespaces.gaps,
      ...unreadSegments(namespaces, facts.mappings.values()),
      ...processes.flatMap((process) => gapsOf(process, facts.registers)),
    ],
  };
}

type ObjectIds = Pick<TaskKobjIdsEntry, 'vm_id' | 'fs_id' | 'sighand_id'>;

/** Each process's place among them, or that of the first process which has the same. */
function objectIds(
  processes: readonly GatheredProcess[],
  { memory, folders, handlers }: SharedParts,
): (pid: number) => ObjectIds {
  const places = new Map(processes.map(({ pid }, index) => [pid, index + 1]));
  const idOf = (shared: ReadonlyMap<number, number>, pid: number): number =>
    places.get(shared.get(pid) ?? pid) ?? 0;
  return (pid) => ({
    vm_id: idOf(memory, pid),
    fs_id: idOf(folders, pid),
    sighand_id: idOf(handlers, pid),
  });
}

function processImages(
  process: GatheredProcess,
  ids: ObjectIds,
  context: CoreContext,
  { mappings, table }: TaskFacts,
): readonly LiveImage[] {
  const { pid, threads, files } = process;
  const number = context.numbers.of(process);
  const main = listImage(`core-${number}.img`, imageKinds.core, [mainCore(process, context)]);
  const stat = parseStat(files.stat);
  if (isZombie(stat)) return [main];
  const status = parseStatus(files.status);
  const memory = memoryMessage(
    process,
    stat,
    status,
    mappings.get(pid) ?? [],
    table.executable(pid),
    (start) => table.mapped(pid, start),
  );
  const others = threads.filter(({ tid }) => tid !== pid);
  return [
    main,
    ...others.map((thread) =>
      listImage(`core-${context.numbers.ofThread(thread)}.img`, imageKinds.core, [
        otherCore(thread, context),
      ]),
    ),
    listImage(`ids-${number}.img`, imageKinds.ids, [kernelObjects(process, ids, table)]),
    listImage(`mm-${number}.img`, imageKinds.mm, [memory]),
  ];
}

function kernelObjects(
  { pid, namespaces }: GatheredProcess,
  ids: ObjectIds,
  table: FileTable,
): TaskKobjIdsEntry {
  const space = (inode: bigint | undefined) => (inode === undefined ? undefined : namespaceId(inode));
  return {
    ...ids,
    files_id: table.fdinfoId(pid),
    pid_ns_id: space(namespaces.pid),
    net_ns_id: space(namespaces.net),
    ipc_ns_id: space(namespaces.ipc),
    uts_ns_id: space(namespaces.uts),
    mnt_ns_id: space(namespaces.mnt),
    user_ns_id: space(namespaces.user),
    cgroup_ns_id: space(namespaces.cgroup),
    time_ns_id: space(namespaces.time),
  };
}

/** A parent or leader that is not the container's is 0, as the kernel shows it inside. */
function treeEntry(process: GatheredProcess, numbers: TaskNumbers): PstreeEntry {
  const stat = parseStat(process.files.stat);
  const status = parseStatus(process.files.status);
  const number = numbers.of(process);
  const inside = (name: string): number => statusNumbers(status, name)[numbers.depth - 1] ?? 0;
  const threads = process.threads.map((thread) => numbers.ofThread(thread));
  return {
    pid: number,
    ppid: numbers.find(Number(stat.number(StatField.parent))) ?? 0,
    pgid: inside('NSpgid'),
    sid: inside('NSsid'),
    threads: isZombie(stat) || threads.length === 0 ? [number] : threads,
  };
}

function gapsOf(
  { pid, threads, files }: GatheredProcess,
  registers: ReadonlyMap<number, ThreadRegisters>,
): readonly string[] {
  if (isZombie(parseStat(files.stat))) return [];
  const without = threads.filter(({ tid }) => !registers.has(tid)).length;
  const gaps: string[] = [];
  if (without > 0) {
    const which = without === threads.length ? 'its threads' : `${without} of its ${threads.length} threads`;
    gaps.push(
      `process ${pid}: of ${which} only the instruction pointer, the stack pointer and the system call are known`,
    );
  }
  if (files.timers?.startsWith('ID:')) {
    gaps.push(`process ${pid} has POSIX timers: when they expire is not known`);
  }
  return gaps;
}
