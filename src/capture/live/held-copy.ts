/** The container stands still for this, and in every case runs again afterwards. */
import type { RecordedStandstill } from '../../archive/capture-record.ts';
import type { TakeWatch } from '../route.ts';
import type { ArchiveFile } from './archive-file.ts';
import { type FrozenContainer, freezeContainer } from './freeze/freeze-container.ts';
import { pageSizeOf } from './look/gather.ts';
import { prepareQuestions } from './look/kernel-questions.ts';
import { readBytes } from './look/proc-reader.ts';
import { findZombies } from './members.ts';
import { openLanes } from './memory/copy-lane.ts';
import { makeRoom } from './memory/room.ts';
import { findZeroPages } from './memory/zero-pages.ts';
import { tracedThreads } from './registers/traced-threads.ts';
import { type CollectedRegisters, openTracer, type Tracer } from './registers/tracer.ts';
import { type CopyWish, copyStanding, rehearse, type StandingCopy } from './standing-copy.ts';

/** What is being done, for whoever watches. */
export type LivePhase =
  | { readonly name: 'preparing' | 'freezing' | 'looking' | 'thawed' | 'files' }
  /** Bytes. */
  | { readonly name: 'memory'; readonly done: number; readonly total: number };

export interface HoldOptions {
  /** False: it runs while it is read, and the record says that parts of the archive can contradict each other. */
  readonly freeze: boolean;
  /** Pages of mapped files too. */
  readonly allPages: boolean;
  /** How long it may stand still, in milliseconds. */
  readonly maxFreeze: number;
  /** Ends the capture: the container runs on, and nothing is left. */
  readonly signal?: AbortSignal | undefined;
  readonly onThawed?: TakeWatch['onThawed'];
  readonly onPhase?: ((phase: LivePhase) => void) | undefined;
}

/** What was read of a container, and how. */
export interface HeldCopy extends StandingCopy {
  readonly standstill: RecordedStandstill | undefined;
  readonly registers: CollectedRegisters | undefined;
}

/** What is held. */
export interface HoldSubject {
  /** The runtime's. */
  readonly id: string;
  readonly pids: readonly number[];
  /** About as much memory as there is to copy, in bytes. */
  readonly size: number;
}

/** Throws what making room, freezing, copying and thawing throw. */
export async function copyHeld(
  { id, pids, size }: HoldSubject,
  archive: ArchiveFile,
  { freeze, allPages, maxFreeze, signal, onPhase }: HoldOptions,
): Promise<HeldCopy> {
  let tools: Tools | undefined;
  const prepare = async (): Promise<void> => {
    const room = makeRoom(archive.target, size, signal);
    try {
      tools = openTools();
    } finally {
      await room;
    }
    signal?.throwIfAborted();
    onPhase?.({ name: 'freezing' });
  };
  const copy = (members: readonly number[], stop?: AbortSignal): Promise<StandingCopy> => {
    onPhase?.({ name: 'looking' });
    const all = [...members, ...findZombies(members)];
    const onProgress = (done: number, total: number): void => onPhase?.({ name: 'memory', done, total });
    return copyStanding(all, archive, { ...(tools ?? openTools()), allPages, signal: stop, onProgress });
  };
  if (!freeze) {
    await prepare();
    return { ...(await copy(pids, signal)), standstill: undefined, registers: undefined };
  }
  const opened = openTracer();
  const frozen = await freezeContainer({ id, pids, maxFreeze, prepare });
  const stop = signal === undefined ? frozen.signal : AbortSignal.any([signal, frozen.signal]);
  // The threads of a container that stands before and after are not to be woken.
  const tracer = 'tracer' in opened && !frozen.wasFrozen ? opened.tracer : undefined;
  return thawAfter(frozen, tracer, () => copy(frozen.pids, stop));
}

type Tools = Pick<CopyWish, 'questions' | 'zeroPages' | 'lanes'>;

/** Before the container stands: what is loaded or found out while it does costs it time. */
function openTools(): Tools {
  const auxv = readBytes('/proc/self/auxv') ?? new Uint8Array();
  const zeroPages = findZeroPages(pageSizeOf([{ auxv }]));
  rehearse({ zeroPages, allPages: false });
  return { questions: prepareQuestions(), zeroPages, lanes: openLanes() };
}

/** Registers are read as the threads wake up: control groups of version 1 let none stop for it before. */
async function thawAfter(
  frozen: FrozenContainer,
  tracer: Tracer | undefined,
  copy: () => Promise<StandingCopy>,
): Promise<HeldCopy> {
  let copied: StandingCopy | undefined;
  try {
    copied = await copy();
    tracer?.seize(tracedThreads(copied.container));
    // It thaws at once, and then takes its time to end the guard: the threads are not to wait for that.
    const thawed = frozen.thaw();
    const registers = tracer?.collect();
    tracer?.detach();
    const until = clock();
    const { from, wasFrozen, lost } = await thawed;
    if (lost !== undefined) throw lost;
    return {
      ...copied,
      standstill: { from: String(from), until: String(until), before: wasFrozen },
      registers,
    };
  } catch (error) {
    tracer?.detach();
    copied?.deleted.close();
    await frozen.thaw();
    throw error;
  }
}

/** Nanoseconds since 1970. */
const clock = (): bigint => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
