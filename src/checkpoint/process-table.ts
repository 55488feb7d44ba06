/**
 * The processes of a checkpoint: pstree.img names them, core-TID.img has the state of each task, ids-PID.img its kernel
 * objects, fs-PID.img its folders, mm-PID.img its memory. PIDs are those of the innermost PID namespace.
 */
import type { Entry } from '../criu/image.ts';
import { imageKinds } from '../criu/image-kinds.ts';
import type { CoreEntry, PstreeEntry, TaskKobjIdsEntry } from '../criu/schemas/process.ts';
import type { AddressSpace } from './address-space.ts';
import type { Process, TaskState, Thread } from './checkpoint.ts';
import { toCredentials } from './credentials.ts';
import { type DescriptorContext, readDescriptors } from './descriptor-table.ts';
import { type MemoryContext, readAddressSpace } from './process-memory.ts';
import { readCommandLine, readEnvironment } from './string-block.ts';
import { pointersOf } from './thread-pointers.ts';

/** Linux's largest PID_MAX: no container has more tasks. */
const MAX_TASKS = 4 * 1024 * 1024;

/** CRIU's TASK_* numbers (criu/include/pid.h). 6 is a zombie in images of other versions. */
const TASK_STATES: Readonly<Record<number, TaskState>> = {
  1: 'alive',
  2: 'dead',
  3: 'stopped',
  4: 'helper',
  5: 'thread',
  6: 'dead',
};

export type ProcessContext = MemoryContext & DescriptorContext;

/** All processes, in the order of pstree.img. */
export async function readProcesses(context: ProcessContext): Promise<readonly Process[]> {
  const { images } = context;
  const processes = new Map<number, Process>();
  let tasks = 0;
  for (const { message } of await images.read('pstree.img', imageKinds.pstree)) {
    tasks += 1 + message.threads.length;
    if (processes.has(message.pid) || tasks > MAX_TASKS) {
      const why = processes.has(message.pid) ? 'is listed twice' : 'is one of more than any kernel allows';
      images.notes.warn(`process ${message.pid} ${why}; left out`, images.pathOf('pstree.img'));
      continue;
    }
    processes.set(message.pid, await readProcess(message, context));
  }
  return [...processes.values()];
}

async function readProcess(tree: PstreeEntry, context: ProcessContext): Promise<Process> {
  const { images, files } = context;
  const { pid } = tree;
  const coreName = `core-${pid}.img`;
  const core = await images.readOne(coreName, imageKinds.core);
  if (core === undefined) images.notes.warn(`${coreName} is missing: little is known of process ${pid}`);
  const task = core?.message.tc;
  const state = task ? (TASK_STATES[task.task_state] ?? 'unknown') : 'unknown';
  const ids = core?.message.ids ?? (await images.readOne(`ids-${pid}.img`, imageKinds.ids))?.message;
  const fs = (await images.readOne(`fs-${pid}.img`, imageKinds.fs))?.message;
  const mm = await readMm(pid, context);
  if (mm === undefined && (state === 'alive' || state === 'stopped')) {
    images.notes.warn(`mm-${pid}.img is missing: the memory of process ${pid} cannot be read`);
  }
  const threads = await readThreads(tree, core, state, context);
  return {
    pid,
    parentPid: tree.ppid,
    processGroup: tree.pgid,
    session: tree.sid,
    comm: task?.comm ?? '',
    state,
    exitCode: task?.exit_code ?? 0,
    threads,
    credentials: threads.find(({ tid }) => tid === pid)?.credentials,
    namespaces: ids ? namespacesOf(ids) : {},
    executable: mm && files.reference(mm.message.exe_file_id),
    workingDirectory: fs && files.reference(fs.cwd_id),
    root: fs && files.reference(fs.root_id),
    umask: fs?.umask,
    location: images.locate(coreName, core ?? { offset: 0, length: 0 }),
    ...readers(pid, ids, mm, context),
  };
}

/** What costs reads is read once, when first asked for. */
function readers(
  pid: number,
  ids: TaskKobjIdsEntry | undefined,
  mm: Awaited<ReturnType<typeof readMm>>,
  context: ProcessContext,
): Pick<Process, 'addressSpace' | 'commandLine' | 'environment' | 'descriptors'> {
  const { notes } = context.images;
  const addressSpace = once(async (): Promise<AddressSpace | undefined> => {
    if (mm === undefined) return undefined;
    return readAddressSpace(pid, mm, await readVmas(pid, mm, context), context);
  });
  const strings = (read: typeof readCommandLine) =>
    once(async () => {
      const space = await addressSpace();
      return space && read(space, notes);
    });
  return {
    addressSpace,
    commandLine: strings(readCommandLine),
    environment: strings(readEnvironment),
    descriptors: once(async () => (ids ? readDescriptors(ids.files_id, context) : [])),
  };
}

const readMm = (pid: number, { images }: ProcessContext) => images.readOne(`mm-${pid}.img`, imageKinds.mm);

/** VMAs stand in the mm image, or in older CRIU's vmas-PID.img. */
async function readVmas(
  pid: number,
  mm: NonNullable<Awaited<ReturnType<typeof readMm>>>,
  { images }: ProcessContext,
) {
  const name = `vmas-${pid}.img`;
  if (mm.message.vmas.length > 0 || !images.has(name)) {
    return mm.message.vmas.map((vma) => ({ vma, location: images.locateMessage(`mm-${pid}.img`, vma) }));
  }
  const entries = await images.read(name, imageKinds.vmas);
  return entries.map((entry) => ({ vma: entry.message, location: images.locate(name, entry) }));
}

async function readThreads(
  tree: PstreeEntry,
  core: Entry<CoreEntry> | undefined,
  state: TaskState,
  { images }: ProcessContext,
): Promise<readonly Thread[]> {
  // CRIU leaves the thread list of a zombie unset; only its main thread is left of it.
  const tids = state === 'dead' ? [tree.pid] : [...new Set(tree.threads)];
  const threads: Thread[] = [];
  for (const tid of tids) {
    const own = tid === tree.pid ? core : await images.readOne(`core-${tid}.img`, imageKinds.core);
    if (own === undefined && tid !== tree.pid) {
      images.notes.warn(
        `core-${tid}.img is missing: little is known of thread ${tid} of process ${tree.pid}`,
      );
    }
    threads.push(toThread(tid, own?.message, core?.message));
  }
  return threads;
}

function toThread(tid: number, core: CoreEntry | undefined, main: CoreEntry | undefined): Thread {
  const thread = core?.thread_core;
  const { instruction, stack } = pointersOf(core);
  return {
    tid,
    // Older CRIU records the name of the main thread only.
    comm: thread?.comm ?? core?.tc?.comm ?? main?.tc?.comm ?? '',
    credentials: thread?.creds && toCredentials(thread.creds, thread, main?.tc?.old_seccomp_mode),
    instructionPointer: instruction,
    stackPointer: stack,
    schedulingPolicy: thread?.sched_policy,
    nice: thread?.sched_nice,
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

/** Calls `read` at the first call and gives its result to all. */
export function once<T>(read: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= read();
    return result;
  };
}
