/**
 * The processes of a checkpoint: pstree.img names them, core-TID.img has the state of each task, ids-PID.img its kernel
 * objects, fs-PID.img its folders, mm-PID.img its memory. PIDs are those of the innermost PID namespace.
 */
import type { RecordedDescriptor, RecordedProcess } from '../archive/capture-record.ts';
import type { Entry } from '../criu/image.ts';
import { imageKinds } from '../criu/image-kinds.ts';
import type { MmEntry } from '../criu/schemas/memory.ts';
import type { CoreEntry, CredsEntry, PstreeEntry, TaskKobjIdsEntry } from '../criu/schemas/process.ts';
import type { Process, TaskState, Thread } from './checkpoint.ts';
import { toCredentials } from './credentials.ts';
import { type DescriptorContext, readDescriptors, withRecorded } from './descriptor-table.ts';
import type { ImageSet } from './image-set.ts';
import type { LocatedVma, MemoryContext } from './mappings.ts';
import { once } from './once.ts';
import { readAddressSpace } from './process-memory.ts';
import { readRegisters } from './registers.ts';
import { pendingSignals } from './signals.ts';
import { readCommandLine, readEnvironment, type StringBudget } from './string-block.ts';
import { pointersOf } from './thread-pointers.ts';
import { readTimers } from './timers.ts';

/** Linux's largest PID_MAX: no container has more tasks. */
const MAX_TASKS = 4 * 1024 * 1024;

/** COMPEL_TASK_* (compel/include/uapi/task-state.h) and CRIU's own TASK_*; a zombie is dumped as dead. */
const TASK_STATES: Readonly<Record<number, TaskState>> = {
  1: 'alive',
  2: 'dead',
  3: 'stopped',
  4: 'helper',
  5: 'thread',
  6: 'dead',
};

export type ProcessContext = MemoryContext &
  DescriptorContext & {
    readonly strings: StringBudget;
    /** What a capture of our own wrote beside the images, by PID. */
    readonly recorded: ReadonlyMap<number, RecordedProcess>;
    /** By the node's PID. */
    readonly recordedDescriptors: ReadonlyMap<number, readonly RecordedDescriptor[]>;
  };

/** All processes, in the order of pstree.img. */
export async function readProcesses(context: ProcessContext): Promise<readonly Process[]> {
  const { images } = context;
  const processes: Process[] = [];
  const tasks = new Set<number>();
  for (const entry of await images.read('pstree.img', imageKinds.pstree)) {
    const { pid, threads } = entry.message;
    if (tasks.has(pid) || tasks.size + threads.length >= MAX_TASKS) {
      const why = tasks.has(pid) ? 'is listed twice' : 'is one of more than any kernel allows';
      images.notes.warn(`process ${pid} ${why}; left out`, images.pathOf('pstree.img'), entry.offset);
      continue;
    }
    processes.push(await readProcess(entry, tasks, context));
  }
  return processes;
}

/** `tasks` are all PIDs and TIDs so far. */
async function readProcess(
  tree: Entry<PstreeEntry>,
  tasks: Set<number>,
  context: ProcessContext,
): Promise<Process> {
  const { images, files } = context;
  const { pid, ppid, pgid, sid } = tree.message;
  tasks.add(pid);
  const core = await readCore(pid, `process ${pid}`, context);
  const task = core?.message.tc;
  const state = task ? (TASK_STATES[task.task_state] ?? 'unknown') : 'unknown';
  const ids = core?.message.ids ?? (await images.readOne(`ids-${pid}.img`, imageKinds.ids))?.message;
  const fs = (await images.readOne(`fs-${pid}.img`, imageKinds.fs))?.message;
  const mm = (await images.readOne(`mm-${pid}.img`, imageKinds.mm))?.message;
  if (mm === undefined && (state === 'alive' || state === 'stopped')) {
    images.notes.warn(`mm-${pid}.img is missing: it is not known where the memory of process ${pid} was`);
  }
  const threads = await readThreads(tree.message, core?.message, state, tasks, context);
  return {
    pid,
    parentPid: ppid,
    processGroup: pgid,
    session: sid,
    comm: task?.comm ?? '',
    state,
    exitCode: task?.exit_code ?? 0,
    threads,
    credentials: threads.find(({ tid }) => tid === pid)?.credentials,
    namespaces: ids ? namespacesOf(ids) : {},
    executable: mm && files.reference(mm.exe_file_id),
    workingDirectory: fs && files.reference(fs.cwd_id),
    root: fs && files.reference(fs.root_id),
    umask: fs?.umask,
    recorded: context.recorded.get(pid),
    auxiliaryVector: mm?.mm_saved_auxv ?? [],
    location: core ? images.locate(coreName(pid), core) : images.locate('pstree.img', tree),
    ...readers(pid, ids, mm, context),
  };
}

/** What costs reads is read once, when first asked for. */
function readers(
  pid: number,
  ids: TaskKobjIdsEntry | undefined,
  mm: MmEntry | undefined,
  context: ProcessContext,
): Pick<Process, 'addressSpace' | 'commandLine' | 'environment' | 'descriptors' | 'timers'> {
  const addressSpace = once(async () =>
    readAddressSpace(pid, mm, mm ? await readVmas(pid, mm, context) : [], context),
  );
  const strings = (read: typeof readCommandLine) =>
    once(async () => {
      const space = mm && (await addressSpace());
      return space && read(space, context.strings);
    });
  return {
    addressSpace,
    commandLine: strings(readCommandLine),
    environment: strings(readEnvironment),
    descriptors: once(async () => {
      const own = context.recordedDescriptors.get(context.recorded.get(pid)?.node_pid ?? 0) ?? [];
      return withRecorded(ids ? await readDescriptors(ids.files_id, context) : [], own);
    }),
    timers: once(() => readTimers(pid, context.images)),
  };
}

const coreName = (tid: number): string => `core-${tid}.img`;

async function readCore(
  tid: number,
  what: string,
  { images }: ProcessContext,
): Promise<Entry<CoreEntry> | undefined> {
  const core = await images.readOne(coreName(tid), imageKinds.core);
  if (core === undefined) images.notes.warn(`${coreName(tid)} is missing: little is known of ${what}`);
  return core;
}

/** VMAs stand in the mm image, or in older CRIU's vmas-PID.img. */
async function readVmas(
  pid: number,
  mm: MmEntry,
  { images }: ProcessContext,
): Promise<readonly LocatedVma[]> {
  const name = `vmas-${pid}.img`;
  if (mm.vmas.length > 0 || !images.has(name)) {
    return mm.vmas.map((vma) => ({ vma, location: images.locateMessage(`mm-${pid}.img`, vma) }));
  }
  const entries = await images.read(name, imageKinds.vmas);
  return entries.map((entry) => ({ vma: entry.message, location: images.locate(name, entry) }));
}

async function readThreads(
  { pid, threads: tids }: PstreeEntry,
  main: CoreEntry | undefined,
  state: TaskState,
  tasks: Set<number>,
  context: ProcessContext,
): Promise<readonly Thread[]> {
  // CRIU leaves the thread list of a zombie unset; only its main thread is left of it.
  const { images } = context;
  if (state === 'dead') return [toThread(pid, main, main, undefined, images)];
  const threads: Thread[] = [];
  for (const tid of new Set(tids)) {
    if (tid !== pid && tasks.has(tid)) {
      images.notes.warn(
        `thread ${tid} of process ${pid} is listed twice; left out`,
        images.pathOf('pstree.img'),
      );
      continue;
    }
    tasks.add(tid);
    const core =
      tid === pid ? main : (await readCore(tid, `thread ${tid} of process ${pid}`, context))?.message;
    const creds =
      core?.thread_core?.creds ?? (await images.readOne(`creds-${tid}.img`, imageKinds.creds))?.message;
    threads.push(toThread(tid, core, main, creds, images));
  }
  return threads;
}

function toThread(
  tid: number,
  core: CoreEntry | undefined,
  main: CoreEntry | undefined,
  creds: CredsEntry | undefined,
  images: ImageSet,
): Thread {
  const thread = core?.thread_core;
  const filter = thread?.seccomp_mode ?? main?.tc?.old_seccomp_mode;
  const { instruction, stack } = pointersOf(core);
  return {
    tid,
    // Older CRIU records the name of the main thread only.
    comm: thread?.comm ?? core?.tc?.comm ?? main?.tc?.comm ?? '',
    credentials: creds && toCredentials(creds, thread, main?.tc?.old_seccomp_mode),
    instructionPointer: instruction,
    stackPointer: stack,
    schedulingPolicy: thread?.sched_policy,
    nice: thread?.sched_nice,
    seccompFilter: filter === 'filter' ? (thread?.seccomp_filter ?? main?.tc?.old_seccomp_filter) : undefined,
    controlGroupSet: thread?.cg_set ?? main?.tc?.cg_set,
    blockedSignals: thread?.blk_sigset ?? core?.tc?.blk_sigset ?? 0n,
    pendingSignals: pendingSignals(thread?.signals_p),
    registers: () => readRegisters(tid, images),
  };
}

function namespacesOf(ids: TaskKobjIdsEntry): Readonly<Record<string, number>> {
  const all = {
    pid: ids.pid_ns_id,
    net: ids.net_ns_id,
    ipc: ids.ipc_ns_id,
    uts: ids.uts_ns_id,
    mnt: ids.mnt_ns_id,
    user: ids.user_ns_id,
    cgroup: ids.cgroup_ns_id,
    time: ids.time_ns_id,
  };
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, number] => entry[1] !== undefined),
  );
}
