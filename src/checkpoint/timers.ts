/**
 * Timers of a process: interval timers (setitimer(2)) and POSIX timers (timer_create(2)), out of core-PID.img, or
 * itimers-PID.img and posix-timers-PID.img of older CRIU. timerfds are descriptors.
 * Facts: CRIU 4.2, images/timer.proto; linux/time.h (clocks), asm-generic/siginfo.h (SIGEV_*).
 */
import { type Entry, MAX_KEPT_ENTRIES } from '../criu/image.ts';
import { type ImageKind, imageKinds } from '../criu/image-kinds.ts';
import type { MessageOf } from '../criu/schema.ts';
import type { itimerEntry, posixTimerEntry } from '../criu/schemas/timers-signals.ts';
import type { ImageSet } from './image-set.ts';

export interface Timer {
  readonly kind: 'interval' | 'posix';
  /** `real`, `virtual`, `profiling`; `CLOCK_MONOTONIC`…, or the number of a clock without a name. */
  readonly clock: string;
  /** Nanoseconds between expiries; 0 for one that expires once. */
  readonly interval: bigint;
  /** Nanoseconds until the next expiry when the process was frozen; 0 for a timer that is not armed. */
  readonly remaining: bigint;
  /** Of a POSIX timer. */
  readonly id: number | undefined;
  /** What is sent when it expires; undefined where nothing is. */
  readonly signal: number | undefined;
  readonly notification: 'signal' | 'none' | 'thread' | 'thread-id' | number;
  /** The thread that is told, where one is. */
  readonly thread: number | undefined;
  /** The value that comes with the signal. */
  readonly value: bigint | undefined;
  readonly overruns: number;
}

type IntervalTimer = MessageOf<typeof itimerEntry>;
type PosixTimer = MessageOf<typeof posixTimerEntry>;

/** Name, signal (SIGALRM, SIGVTALRM, SIGPROF) in the order of older images. */
const INTERVAL_TIMERS = [
  ['real', 14],
  ['virtual', 26],
  ['profiling', 27],
] as const;

const CLOCKS: Readonly<Record<number, string>> = {
  0: 'CLOCK_REALTIME',
  1: 'CLOCK_MONOTONIC',
  2: 'CLOCK_PROCESS_CPUTIME_ID',
  3: 'CLOCK_THREAD_CPUTIME_ID',
  7: 'CLOCK_BOOTTIME',
  8: 'CLOCK_REALTIME_ALARM',
  9: 'CLOCK_BOOTTIME_ALARM',
  11: 'CLOCK_TAI',
};

const NOTIFICATIONS: Readonly<Record<number, Exclude<Timer['notification'], number>>> = {
  0: 'signal',
  1: 'none',
  2: 'thread',
  4: 'thread-id',
};

const SIGEV_NONE = 1;
const SECOND = 1_000_000_000n;

/** Interval timers that are armed, then all POSIX timers, armed or not: the latter exist, the former always do. */
export async function readTimers(pid: number, images: ImageSet): Promise<readonly Timer[]> {
  const core = await images.readOne(`core-${pid}.img`, imageKinds.core);
  const timers = core?.message.tc?.timers;
  const intervals = timers
    ? [timers.real, timers.virt, timers.prof]
    : await messages(`itimers-${pid}.img`, imageKinds.itimers, images);
  const posix = timers?.posix ?? (await messages(`posix-timers-${pid}.img`, imageKinds.posixTimers, images));
  return [...intervalTimers(intervals), ...posix.slice(0, MAX_KEPT_ENTRIES).map(posixTimer)];
}

async function messages<T>(name: string, kind: ImageKind<T>, images: ImageSet): Promise<readonly T[]> {
  const entries: readonly Entry<T>[] = await images.read(name, kind);
  return entries.map((entry) => entry.message);
}

function intervalTimers(timers: readonly IntervalTimer[]): readonly Timer[] {
  return INTERVAL_TIMERS.flatMap(([clock, signal], index): readonly Timer[] => {
    const timer = timers[index];
    if (timer === undefined) return [];
    const interval = timer.isec * SECOND + timer.iusec * 1000n;
    const remaining = timer.vsec * SECOND + timer.vusec * 1000n;
    if (interval === 0n && remaining === 0n) return [];
    const rest = {
      id: undefined,
      notification: 'signal',
      thread: undefined,
      value: undefined,
      overruns: 0,
    } as const;
    return [{ kind: 'interval', clock, interval, remaining, signal, ...rest }];
  });
}

function posixTimer(timer: PosixTimer): Timer {
  const notify = timer.it_sigev_notify;
  return {
    kind: 'posix',
    clock: CLOCKS[timer.clock_id] ?? String(timer.clock_id | 0),
    interval: timer.isec * SECOND + timer.insec,
    remaining: timer.vsec * SECOND + timer.vnsec,
    id: timer.it_id,
    signal: notify === SIGEV_NONE ? undefined : timer.si_signo,
    notification: NOTIFICATIONS[notify] ?? notify,
    thread: timer.notify_thread_id,
    value: timer.sival_ptr,
    overruns: timer.overrun,
  };
}
