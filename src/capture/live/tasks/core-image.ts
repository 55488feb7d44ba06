/** core-TID.img: what is known of a process and of each of its threads. */
import type { MessageOf } from '../../../criu/schema.ts';
import type { CoreEntry, ThreadCoreEntry, taskCoreEntry } from '../../../criu/schemas/process.ts';
import type { SignalQueueEntry } from '../../../criu/schemas/timers-signals.ts';
import type { GatheredProcess, GatheredThread } from '../look/gathered.ts';
import { parseStat, type Stat, StatField } from '../proc/stat.ts';
import { parseStatus, type Status } from '../proc/status.ts';
import type { ThreadRegisters } from '../registers/thread-registers.ts';
import { aarch64Pointers, aarch64Thread } from './aarch64-thread.ts';
import { credentialsOf, type SecurityProfile, statusMask } from './credentials.ts';
import { parseLimits } from './limits.ts';
import { parsePosixTimers } from './posix-timers.ts';
import { parseCall } from './register-words.ts';
import type { SeccompBook } from './seccomp-book.ts';
import type { TaskNumbers } from './task-numbers.ts';
import { x86Pointers, x86Thread } from './x86-thread.ts';

type TaskCore = MessageOf<typeof taskCoreEntry>;

/** compel/include/uapi/task-state.h */
const TaskState = { alive: 1, dead: 2, stopped: 3 } as const;
/** SCHED_FIFO and SCHED_RR: the only ones with a priority (sched(7)). */
const REAL_TIME: ReadonlySet<number> = new Set([1, 2]);
/** The size of struct robust_list_head, which every thread registers. */
const ROBUST_LIST_SIZE = 24;

export interface CoreContext {
  /** `uname -m`. */
  readonly machine: string;
  readonly numbers: TaskNumbers;
  readonly seccomp: SeccompBook;
  /** The id of the process's set; a zombie is in none any more, and is not asked for. */
  readonly controlGroups: () => number;
  readonly profile: SecurityProfile;
  readonly registers: ReadonlyMap<number, ThreadRegisters>;
}

/** Of a zombie little is left. */
export const isZombie = ({ state }: Stat): boolean => state === 'Z' || state === 'X';

export function mainCore(process: GatheredProcess, context: CoreContext): CoreEntry {
  const stat = parseStat(process.files.stat);
  const mtype = machineType(context.machine);
  const main = process.threads.find(({ tid }) => tid === process.pid);
  if (isZombie(stat) || main === undefined) return { mtype, tc: taskCore(process, stat, context) };
  return { ...threadCore(main, context), tc: taskCore(process, stat, context) };
}

export function otherCore(thread: GatheredThread, context: CoreContext): CoreEntry {
  const core = threadCore(thread, context);
  const blk_sigset = blockedSignals(thread, context);
  return { ...core, thread_core: core.thread_core && { ...core.thread_core, blk_sigset } };
}

function machineType(machine: string): CoreEntry['mtype'] {
  if (machine === 'x86_64') return 'X86_64';
  return machine === 'aarch64' ? 'AARCH64' : 'UNKNOWN';
}

function taskCore({ files, pid, threads }: GatheredProcess, stat: Stat, context: CoreContext): TaskCore {
  const common = {
    comm: parseStatus(files.status).get('Name') ?? '',
    exit_code: word(stat, StatField.exitCode),
    sigactions: [],
  };
  if (isZombie(stat))
    return { task_state: TaskState.dead, personality: 0, flags: 0, blk_sigset: 0n, ...common };
  const main = threads.find(({ tid }) => tid === pid);
  const rlimits = parseLimits(files.limits);
  const stop_signo = context.registers.get(pid)?.stopSignal;
  const isStopped = stat.state === 'T' || stop_signo !== undefined;
  return {
    ...common,
    task_state: isStopped ? TaskState.stopped : TaskState.alive,
    comm: commOf(main) ?? common.comm,
    exit_code: 0,
    personality: hexadecimal(files.personality),
    flags: word(stat, StatField.flags),
    blk_sigset: main === undefined ? 0n : blockedSignals(main, context),
    timers: timersOf(files.timers, context.numbers),
    rlimits: rlimits.length === 0 ? undefined : { rlimits },
    signals_s: queueOf(context.registers.get(pid)?.pending.ofProcess),
    loginuid: decimal(files.loginuid),
    oom_score_adj: decimal(files.oom_score_adj),
    stop_signo,
  };
}

/** Interval timers (setitimer(2)) are told to the process only, as are signal handlers and its alternate stacks. */
function timersOf(text: string | undefined, numbers: TaskNumbers): TaskCore['timers'] {
  const posix = parsePosixTimers(text, (tid) => numbers.find(tid));
  const none = { isec: 0n, iusec: 0n, vsec: 0n, vusec: 0n };
  return posix.length === 0 ? undefined : { real: none, virt: none, prof: none, posix };
}

function threadCore(thread: GatheredThread, context: CoreContext): CoreEntry {
  const registers = context.registers.get(thread.tid);
  const stat = parseStat(thread.files.stat);
  const status = parseStatus(thread.files.status);
  const policy = word(stat, StatField.policy);
  const sequence = registers?.restartable;
  const thread_core: ThreadCoreEntry = {
    futex_rla: registers?.robustList?.head ?? 0n,
    futex_rla_len: registers?.robustList?.length ?? ROBUST_LIST_SIZE,
    sched_nice: Number(stat.number(StatField.nice)),
    sched_policy: policy,
    sched_prio: REAL_TIME.has(policy) ? word(stat, StatField.realTimePriority) : undefined,
    signals_p: queueOf(registers?.pending.ofThread),
    creds: credentialsOf(status, context.profile),
    ...seccompOf(status, registers, context.seccomp),
    comm: commOf(thread),
    rseq_entry: sequence && {
      rseq_abi_pointer: sequence.address,
      rseq_abi_size: sequence.size,
      signature: sequence.signature,
    },
    cg_set: context.controlGroups(),
  };
  return {
    mtype: machineType(context.machine),
    ...registersOf(thread, registers, context.machine),
    thread_core,
  };
}

function registersOf(
  { files }: GatheredThread,
  registers: ThreadRegisters | undefined,
  machine: string,
): Pick<CoreEntry, 'thread_info' | 'ti_aarch64'> {
  const call = parseCall(files.syscall);
  if (machine === 'x86_64') {
    return { thread_info: registers ? x86Thread(registers) : call && x86Pointers(call) };
  }
  if (machine !== 'aarch64') return {};
  return { ti_aarch64: registers ? aarch64Thread(registers) : call && aarch64Pointers(call) };
}

function seccompOf(
  status: Status,
  registers: ThreadRegisters | undefined,
  book: SeccompBook,
): Pick<ThreadCoreEntry, 'seccomp_mode' | 'seccomp_filter'> {
  const mode = status.get('Seccomp');
  if (mode === '1') return { seccomp_mode: 'strict' };
  if (mode !== '2') return {};
  return { seccomp_mode: 'filter', seccomp_filter: book.add(registers?.seccompFilters ?? []) };
}

/** What a tracer is told is the set that comes back after a call such as ppoll(2), status has the one during it. */
const blockedSignals = ({ tid, files }: GatheredThread, { registers }: CoreContext): bigint =>
  registers.get(tid)?.signalMask ?? statusMask(parseStatus(files.status), 'SigBlk') ?? 0n;

const queueOf = (signals: readonly Uint8Array[] | undefined): SignalQueueEntry | undefined =>
  signals && { signals: signals.map((siginfo) => ({ siginfo })) };

const commOf = (thread: GatheredThread | undefined): string | undefined =>
  thread?.files.comm?.replace(/\n$/, '');

const word = (stat: Stat, field: number): number => Number(BigInt.asUintN(32, stat.number(field)));

const hexadecimal = (text = ''): number => Number.parseInt(text, 16) >>> 0;

function decimal(text: string | undefined): number | undefined {
  const value = Number.parseInt(text ?? '', 10);
  return Number.isNaN(value) ? undefined : value;
}
