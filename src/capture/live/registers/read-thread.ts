/** Reads what ptrace tells of a thread that has stopped. What the kernel does not have is left out. */
import type { NativeCalls } from './native-calls.ts';
import { Ptrace, RegisterSet } from './ptrace-requests.ts';
import type { RestartableSequence, SeccompFilter, ThreadRegisters } from './thread-registers.ts';

/** The room begins with small structures; what is longer lies behind them. */
const LONG_AT = 256;

const SIGINFO_SIZE = 128;
/** PTRACE_PEEKSIGINFO_SHARED */
const OF_PROCESS = 1;
/** What is read of one queue: RLIMIT_SIGPENDING allows a user tens of thousands, programs have a handful. */
const MAX_SIGNALS = 256;
/** The kernel bounds the instructions of a thread's filters together (MAX_INSNS_PER_PATH), containers have one or two. */
const MAX_FILTERS = 64;
const INSTRUCTION_SIZE = 8;

/** get_robust_list(2), by process.arch. */
const GET_ROBUST_LIST: Readonly<Record<string, number>> = { x64: 274, arm64: 100 };

/** Undefined when the thread has gone. */
export function readThread(calls: NativeCalls, tid: number): Omit<ThreadRegisters, 'stopSignal'> | undefined {
  const general = readRegisterSet(calls, tid, RegisterSet.general);
  if (general === undefined) return undefined;
  const { state, threadPointer } = machineSets(calls, tid);
  return {
    general,
    state,
    threadPointer,
    signalMask: readSignalMask(calls, tid),
    pending: { ofThread: readSignals(calls, tid, 0), ofProcess: readSignals(calls, tid, OF_PROCESS) },
    seccompFilters: readFilters(calls, tid),
    robustList: readRobustList(calls, tid),
    restartable: readRestartable(calls, tid),
  };
}

/** The general registers alone. */
export const readGeneral = (calls: NativeCalls, tid: number): Uint8Array | undefined =>
  readRegisterSet(calls, tid, RegisterSet.general);

function machineSets(calls: NativeCalls, tid: number): Pick<ThreadRegisters, 'state' | 'threadPointer'> {
  if (process.arch !== 'arm64') {
    return { state: readRegisterSet(calls, tid, RegisterSet.x86State), threadPointer: undefined };
  }
  const pointer = readRegisterSet(calls, tid, RegisterSet.armThreadPointer);
  return {
    state: readRegisterSet(calls, tid, RegisterSet.floatingPoint),
    threadPointer: pointer && new DataView(pointer.buffer).getBigUint64(0, true),
  };
}

function readRegisterSet(calls: NativeCalls, tid: number, set: number): Uint8Array | undefined {
  const { room, address } = calls;
  const length = room.byteLength - LONG_AT;
  room.setBigUint64(0, address + BigInt(LONG_AT), true);
  room.setBigUint64(8, BigInt(length), true);
  if (calls.ptrace(Ptrace.getRegisterSet, tid, set, address).value === -1) return undefined;
  return copyOf(room, LONG_AT, Number(room.getBigUint64(8, true)));
}

function readSignalMask(calls: NativeCalls, tid: number): bigint | undefined {
  const { value } = calls.ptrace(Ptrace.getSignalMask, tid, 8, calls.address);
  return value === -1 ? undefined : calls.room.getBigUint64(0, true);
}

/** struct ptrace_peeksiginfo_args { u64 off; u32 flags; s32 nr; } */
function readSignals(calls: NativeCalls, tid: number, flags: number): readonly Uint8Array[] {
  const { room, address } = calls;
  room.setBigUint64(0, 0n, true);
  room.setUint32(8, flags, true);
  room.setInt32(12, MAX_SIGNALS, true);
  const { value } = calls.ptrace(Ptrace.peekSignals, tid, address, address + BigInt(LONG_AT));
  return Array.from({ length: Math.max(0, value) }, (_, index) =>
    copyOf(room, LONG_AT + index * SIGINFO_SIZE, SIGINFO_SIZE),
  );
}

function readFilters(calls: NativeCalls, tid: number): readonly SeccompFilter[] {
  const { room, address } = calls;
  const filters: SeccompFilter[] = [];
  while (filters.length < MAX_FILTERS) {
    const index = filters.length;
    const { value } = calls.ptrace(Ptrace.getSeccompFilter, tid, index, address + BigInt(LONG_AT));
    if (value <= 0) break;
    const program = copyOf(room, LONG_AT, value * INSTRUCTION_SIZE);
    // struct seccomp_metadata { u64 filter_off; u64 flags; }
    room.setBigUint64(0, BigInt(index), true);
    const metadata = calls.ptrace(Ptrace.getSeccompMetadata, tid, 16, address);
    filters.push({ program, flags: metadata.value === -1 ? 0 : room.getUint32(8, true) });
  }
  return filters;
}

function readRobustList(calls: NativeCalls, tid: number): ThreadRegisters['robustList'] {
  const number = GET_ROBUST_LIST[process.arch];
  if (number === undefined) return undefined;
  const { value } = calls.syscall(number, tid, calls.address, calls.address + 8n);
  if (value === -1) return undefined;
  return { head: calls.room.getBigUint64(0, true), length: Number(calls.room.getBigUint64(8, true)) };
}

/** struct ptrace_rseq_configuration { u64 rseq_abi_pointer; u32 rseq_abi_size, signature, flags, pad; } */
function readRestartable(calls: NativeCalls, tid: number): RestartableSequence | undefined {
  const { room, address } = calls;
  if (calls.ptrace(Ptrace.getRestartable, tid, 24, address).value === -1) return undefined;
  const found = {
    address: room.getBigUint64(0, true),
    size: room.getUint32(8, true),
    signature: room.getUint32(12, true),
  };
  return found.address === 0n ? undefined : found;
}

const copyOf = (room: DataView, offset: number, length: number): Uint8Array =>
  new Uint8Array(room.buffer, offset, length).slice();
