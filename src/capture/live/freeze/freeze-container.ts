/**
 * Lets a container stand still while it is read, and never longer. Order: look, start the guard, arm it, freeze, wait until all
 * of it stands, and from then on whatever happens ends in a thaw: by the caller, by the guard, or here when the guard is lost.
 * A container that stood before is left so.
 */
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExhibitError } from '../../../bytes/exhibit-error.ts';
import { firstProcessFirst, refuseOutsiders } from './container-members.ts';
import { type FreezeGuard, type GuardEnd, startGuard } from './freeze-guard.ts';
import {
  type FreezerGroup,
  type FreezerWrite,
  findFreezerGroup,
  freezeWrite,
  groupProcesses,
  readGroupState,
  thawWrite,
} from './freezer-group.ts';
import { sleepingThreads } from './sleeping-threads.ts';

/**
 * How long a container stands still at most, if nobody says otherwise. A kubelet's liveness probe, by default every ten
 * seconds, kills what has missed three: 20 s are the most that it never notices.
 */
export const DEFAULT_MAX_FREEZE_MILLISECONDS = 20_000;

/** Threads stand at their next step into or out of the kernel: milliseconds, with a thousand of them too. */
const SETTLE_MILLISECONDS = 2000;
const POLL_MILLISECONDS = 1;
/** The guard's own deadline comes first; this one is for a guard that was stopped. */
const LATE_MILLISECONDS = 500;
/** A thread that slept where it could be interrupted has left that state by then. */
const WAKE_MILLISECONDS = 100;

export interface FreezeOptions {
  /** Processes known to be the container's, as the node counts; at least one. */
  readonly pids: readonly number[];
  /** The runtime's id. Without it, the control group of the first process is taken for the container's. */
  readonly id?: string | undefined;
  /** Milliseconds after which the container runs again whatever is going on. */
  readonly maxFreeze?: number | undefined;
  /** What else is to be done before anything is frozen, while the guard starts. Where it rejects, nothing is. */
  readonly prepare?: (() => Promise<void>) | undefined;
  readonly root?: string | undefined;
}

/** When a container stood, in nanoseconds since 1970. */
export interface Standstill {
  /** From when on all of it stood. */
  readonly from: bigint;
  readonly to: bigint;
  /** It stood before this capture, and was left so. */
  readonly wasFrozen: boolean;
  /** Why it ran before all was read: what was read is then not of one moment. */
  readonly lost?: ExhibitError | undefined;
}

export interface FrozenContainer {
  /** All processes in its control group as it stands: the container's first one first, the others in ascending order. */
  readonly pids: readonly number[];
  readonly wasFrozen: boolean;
  /** Aborts when the container runs although it should stand; the reason is an `ExhibitError` with code `FREEZE_LOST`. */
  readonly signal: AbortSignal;
  /** Lets the container run. To be called in every case, and may be called twice. Throws `THAW_FAILED`. */
  thaw(): Promise<Standstill>;
}

/**
 * Freezes a container. Throws `FREEZE_REFUSED` where its control group holds others, `FREEZE_FAILED` where it does not
 * stand within two seconds (it runs again then) or cannot be guarded, `CONTAINER_NOT_RUNNING` where it has ended.
 */
export async function freezeContainer(options: FreezeOptions): Promise<FrozenContainer> {
  const { pids, id, maxFreeze = DEFAULT_MAX_FREEZE_MILLISECONDS, prepare, root = '/' } = options;
  const [first] = pids;
  if (first === undefined) throw ended();
  const group = findFreezerGroup(first, id, root);
  const members = groupProcesses(group);
  refuseOutsiders(members, pids, root);
  const before = readGroupState(group);
  if (before === 'gone' || members.length === 0) throw ended();
  if (before !== 'running') {
    await prepare?.();
    return leaveFrozen(group, root);
  }
  const guard = await guardWhile(startGuard(thawWrite(group), maxFreeze, root), prepare);
  if (readGroupState(group) !== 'running') {
    await guard.dismiss();
    return leaveFrozen(group, root);
  }
  guard.arm();
  try {
    write(freezeWrite(group));
    await settle(group, root);
    // Whoever came into the group meanwhile stands as well.
    refuseOutsiders(groupProcesses(group), pids, root);
    return hold(group, guard, maxFreeze, root);
  } catch (error) {
    write(thawWrite(group));
    await guard.dismiss();
    throw error;
  }
}

/** The guard, once all is prepared; none is left where that fails. */
async function guardWhile(
  starting: Promise<FreezeGuard>,
  prepare: FreezeOptions['prepare'],
): Promise<FreezeGuard> {
  const [guard, prepared] = await Promise.allSettled([starting, prepare?.()]);
  if (guard.status === 'rejected') throw guard.reason;
  if (prepared.status === 'fulfilled') return guard.value;
  await guard.value.dismiss();
  throw prepared.reason;
}

const ended = (): ExhibitError =>
  new ExhibitError('CONTAINER_NOT_RUNNING', 'the container has ended: none of its processes is on this node');

/** Nanoseconds since 1970, to the millisecond at which this program's clock was set. */
const clock = (): bigint => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;

function write({ file, text }: FreezerWrite): void {
  try {
    // Never makes a file: those of control groups are there or are not.
    writeFileSync(file, text, { flag: 'r+' });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENODEV') return;
    const message = `${file} cannot be written (${code}): is this root on the container's node?`;
    throw new ExhibitError('FREEZE_FAILED', message, { source: file, cause });
  }
}

/** Waits until all of a group stands. */
async function settle(group: FreezerGroup, root: string): Promise<void> {
  const deadline = performance.now() + SETTLE_MILLISECONDS;
  for (;;) {
    const state = readGroupState(group);
    if (state === 'frozen') return;
    if (state === 'gone') throw ended();
    if (performance.now() >= deadline) break;
    await sleep(POLL_MILLISECONDS);
  }
  write(thawWrite(group));
  await sleep(WAKE_MILLISECONDS);
  throw neverStands(group, root);
}

function neverStands(group: FreezerGroup, root: string): ExhibitError {
  const threads = sleepingThreads(groupProcesses(group), root).map(
    ({ pid, tid, name, wchan }) =>
      `process ${pid}, thread ${tid} (${name}) sleeps in the kernel (${wchan}) and cannot be interrupted`,
  );
  const seconds = SETTLE_MILLISECONDS / 1000;
  const message = `the container did not stand still within ${seconds} s of being frozen, and runs again`;
  return new ExhibitError('FREEZE_FAILED', message, {
    help: [
      ...threads,
      'such a sleep ends with what it waits for, mostly a disk or a network file system: try again then',
      '--no-freeze copies the container as it runs',
    ],
  });
}

/** A container that somebody else froze: it is read as it stands, and only looked at in the end. */
async function leaveFrozen(group: FreezerGroup, root: string): Promise<FrozenContainer> {
  const deadline = performance.now() + SETTLE_MILLISECONDS;
  while (readGroupState(group) === 'freezing' && performance.now() < deadline) await sleep(POLL_MILLISECONDS);
  if (readGroupState(group) === 'gone') throw ended();
  if (readGroupState(group) !== 'frozen') {
    const message =
      'somebody is freezing or thawing the container just now (a checkpoint?): try again afterwards';
    throw new ExhibitError('FREEZE_FAILED', message);
  }
  const from = clock();
  const thaw = async (): Promise<Standstill> => {
    const lost = readGroupState(group) === 'frozen' ? undefined : lostTo('others');
    return { from, to: clock(), wasFrozen: true, lost };
  };
  const pids = firstProcessFirst(groupProcesses(group), root);
  return { pids, wasFrozen: true, signal: new AbortController().signal, thaw };
}

/** What this process does while a container stands that it froze. */
function hold(group: FreezerGroup, guard: FreezeGuard, maxFreeze: number, root: string): FrozenContainer {
  const from = clock();
  const lost = new AbortController();
  let result: Promise<Standstill> | undefined;
  const lose = (why: Loss): void => {
    if (result !== undefined) return;
    write(thawWrite(group));
    lost.abort(lostTo(why, maxFreeze));
  };
  guard.ended.then(lose);
  // The guard keeps this time; one that was stopped does not.
  const timer = setTimeout(lose, maxFreeze + LATE_MILLISECONDS, 'deadline');
  const release = async (): Promise<Standstill> => {
    clearTimeout(timer);
    const stood = readGroupState(group) === 'frozen';
    const isThere = groupProcesses(group).length > 0;
    write(thawWrite(group));
    const to = clock();
    const end = await guard.dismiss();
    await seeRunning(group);
    const why = end !== 'done' ? end : !isThere ? 'ended' : 'others';
    const isWhole = end === 'done' && isThere && stood;
    return {
      from,
      to,
      wasFrozen: false,
      lost: lost.signal.reason ?? (isWhole ? undefined : lostTo(why, maxFreeze)),
    };
  };
  const pids = firstProcessFirst(groupProcesses(group), root);
  const thaw = (): Promise<Standstill> => {
    result ??= release();
    return result;
  };
  return { pids, wasFrozen: false, signal: lost.signal, thaw };
}

async function seeRunning(group: FreezerGroup): Promise<void> {
  const deadline = performance.now() + SETTLE_MILLISECONDS;
  while (!['running', 'gone'].includes(readGroupState(group))) {
    if (performance.now() >= deadline) {
      const message = `the container still stands: ${group.folder} was thawed, but a control group above it is frozen`;
      throw new ExhibitError(
        'THAW_FAILED',
        `${message}, or somebody froze it again; exhibit thaw lets it run`,
      );
    }
    await sleep(POLL_MILLISECONDS);
  }
}

type Loss = GuardEnd | 'others' | 'ended';

function lostTo(why: Loss, maxFreeze = 0): ExhibitError {
  const reasons: Readonly<Record<Loss, string>> = {
    deadline: `the container stood for ${maxFreeze / 1000} s, which is all that was allowed, and runs again: allow more with --max-freeze, or copy it as it runs with --no-freeze`,
    lost: 'the process that guards the freeze was ended by somebody, and the container was thawed at once: try again',
    gone: 'the process that guards the freeze lost its connection and thawed the container: try again',
    done: 'the process that guards the freeze ended too early: try again',
    others: 'somebody else thawed the container while it was being read: try again',
    ended: 'the container was ended while it was being read',
  };
  return new ExhibitError('FREEZE_LOST', reasons[why]);
}
