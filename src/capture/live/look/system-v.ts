/**
 * System V IPC of a namespace and limits of its POSIX queues: /proc/sysvipc and /proc/sys as who is in the namespace reads
 * them, and what only system calls tell: the values of semaphores, messages that wait, how much a queue may hold. Messages
 * are copied, not taken (MSG_COPY). Source: sysvipc(7), msgop(2), msgctl(2), semctl(2), linux/msg.h, asm-generic/msgbuf.h.
 */
import type { CLibrary } from './c-library.ts';
import { readText } from './proc-reader.ts';

/** A line of a file of /proc/sysvipc, by the words of its heading. */
export type SystemVObject = ReadonlyMap<string, number>;

export interface QueuedMessage {
  readonly type: bigint;
  readonly text: Uint8Array;
}

export interface GatheredIpc {
  readonly segments: readonly SystemVObject[];
  readonly semaphores: readonly { readonly set: SystemVObject; readonly values: readonly number[] }[];
  readonly queues: readonly {
    readonly queue: SystemVObject;
    /** Bytes that it may hold. */
    readonly capacity: number;
    readonly messages: readonly QueuedMessage[];
  }[];
  /** By the file's path below /proc/sys. */
  readonly limits: ReadonlyMap<string, string>;
  readonly gaps: readonly string[];
}

/** Numbers of system calls, by `process.arch` (asm/unistd.h). */
const CALLS: Readonly<
  Record<string, { readonly semctl: number; readonly msgctl: number; readonly msgrcv: number }>
> = {
  x64: { semctl: 66, msgctl: 71, msgrcv: 70 },
  arm64: { semctl: 191, msgctl: 187, msgrcv: 188 },
};

const IPC_STAT = 2;
const GETALL = 13;
const IPC_NOWAIT = 0o4000;
const MSG_COPY = 0o40000;
/** struct msqid64_ds, and where in it `msg_qbytes` is. */
const QUEUE_BYTES = 120;
const CAPACITY_AT = 88;
const MESSAGE_TYPE_BYTES = 8;

/** The kernel allows 32,000 of each kind by default; each costs a call or two while the container stands still. */
const MAX_OBJECTS = 32_768;
/** Of one set: the kernel's own limit (SEMMSL) is 65,536. */
const MAX_SEMAPHORES = 65_536;
/** Of all queues of a namespace; by default a queue holds 16 KiB. They are in memory while the container stands still. */
const MAX_QUEUED_BYTES = 16 * 1024 * 1024;
const MAX_MESSAGES = 65_536;

const LIMITS = [
  ...[
    'sem',
    'msgmax',
    'msgmnb',
    'msgmni',
    'auto_msgmni',
    'shmmax',
    'shmall',
    'shmmni',
    'shm_rmid_forced',
  ].map((name) => `kernel/${name}`),
  ...['queues_max', 'msg_max', 'msgsize_max', 'msg_default', 'msgsize_default'].map(
    (name) => `fs/mqueue/${name}`,
  ),
];

/** To be called from within the namespace. */
export type ReadIpc = (proc: string) => GatheredIpc;

/** Undefined for machines whose numbers of the calls are not known. */
export function openSystemV(library: CLibrary): ReadIpc | undefined {
  const calls = CALLS[process.arch];
  if (calls === undefined) return undefined;
  const semctl = library.function('intptr_t syscall(intptr_t, int, int, int, void *)');
  const msgctl = library.function('intptr_t syscall(intptr_t, int, int, void *)');
  const msgrcv = library.function('intptr_t syscall(intptr_t, int, void *, size_t, intptr_t, int)');
  const system: SystemV = {
    values: (id, room) => Number(semctl(calls.semctl, id, 0, GETALL, room)),
    queue: (id, room) => Number(msgctl(calls.msgctl, id, IPC_STAT, room)),
    message: (id, room, index) =>
      Number(msgrcv(calls.msgrcv, id, room, room.length - MESSAGE_TYPE_BYTES, index, IPC_NOWAIT | MSG_COPY)),
  };
  return (proc) => readIpc(system, proc);
}

/** The calls: negative where the kernel refuses. */
export interface SystemV {
  values(id: number, room: Uint8Array): number;
  queue(id: number, room: Uint8Array): number;
  /** The length of the message at `index`, which is copied into `room` behind its type. */
  message(id: number, room: Uint8Array, index: number): number;
}

export function readIpc(system: SystemV, proc: string): GatheredIpc {
  const gaps: string[] = [];
  const table = (name: string): readonly SystemVObject[] => {
    const objects = parseObjects(readText(`${proc}/sysvipc/${name}`));
    if (objects.length > MAX_OBJECTS)
      gaps.push(`of ${objects.length} System V objects, ${MAX_OBJECTS} were read`);
    return objects.slice(0, MAX_OBJECTS);
  };
  const budget = { bytes: MAX_QUEUED_BYTES, messages: MAX_MESSAGES };
  return {
    segments: table('shm'),
    semaphores: table('sem').map((set) => ({ set, values: readValues(system, set, gaps) })),
    queues: table('msg').map((queue) => readQueue(system, queue, budget, gaps)),
    limits: new Map(LIMITS.map((name) => [name, (readText(`${proc}/sys/${name}`) ?? '').trim()])),
    gaps,
  };
}

/** A heading, then an object a line; numbers are decimal but for `perms`, which are octal. */
export function parseObjects(text: string | undefined): readonly SystemVObject[] {
  const [heading = '', ...lines] = (text ?? '').split('\n');
  const names = words(heading);
  return lines.flatMap((line) => {
    const values = words(line);
    if (values.length !== names.length || !values.every((value) => /^-?\d{1,20}$/.test(value))) return [];
    return [new Map(names.map((name, index) => [name, numberOf(name, values[index] ?? '')]))];
  });
}

const words = (line: string): readonly string[] => line.split(/\s+/).filter((word) => word !== '');

const numberOf = (name: string, value: string): number =>
  name === 'perms' ? Number.parseInt(value, 8) : Number(value);

function readValues(system: SystemV, set: SystemVObject, gaps: string[]): readonly number[] {
  const count = Math.min(set.get('nsems') ?? 0, MAX_SEMAPHORES);
  const values = new Uint16Array(count);
  if (system.values(set.get('semid') ?? -1, new Uint8Array(values.buffer)) >= 0) return [...values];
  gaps.push(`the values of semaphore set ${set.get('semid')} cannot be read`);
  return [];
}

function readQueue(
  system: SystemV,
  queue: SystemVObject,
  budget: { bytes: number; messages: number },
  gaps: string[],
): GatheredIpc['queues'][number] {
  const id = queue.get('msqid') ?? -1;
  const state = Buffer.alloc(QUEUE_BYTES);
  const capacity = system.queue(id, state) < 0 ? 0 : Number(state.readBigUInt64LE(CAPACITY_AT));
  const waiting = queue.get('qnum') ?? 0;
  const messages: QueuedMessage[] = [];
  const room = Buffer.alloc(MESSAGE_TYPE_BYTES + Math.min(queue.get('cbytes') ?? 0, budget.bytes));
  while (messages.length < Math.min(waiting, budget.messages)) {
    const length = system.message(id, room, messages.length);
    if (length < 0 || length > budget.bytes) break;
    const text = Uint8Array.from(room.subarray(MESSAGE_TYPE_BYTES, MESSAGE_TYPE_BYTES + length));
    messages.push({ type: room.readBigUInt64LE(0), text });
    budget.bytes -= length;
  }
  budget.messages -= messages.length;
  if (messages.length < waiting)
    gaps.push(`of ${waiting} messages in queue ${id}, ${messages.length} were read`);
  return { queue, capacity, messages };
}
