/**
 * Reads the registers of threads that stand still, and lets them go as they were (ptrace(2)). `seize` asks each thread to
 * stop before it runs another instruction of its own; frozen threads of cgroup v1 do so when they are thawed, those of v2
 * at once. `collect` waits for that, with a bound, and reads. `detach` lets all go, those too that never stopped: the
 * kernel does the same when the tracer dies, since nothing else is asked of it.
 */
import { mendInterruptedCall } from './interrupted-call.ts';
import { type NativeCalls, openNativeCalls } from './native-calls.ts';
import { Ptrace } from './ptrace-requests.ts';
import { readGeneral, readThread } from './read-thread.ts';
import type { ThreadRegisters } from './thread-registers.ts';

export interface Tracer {
  /** Threads by their numbers on the node. Those that cannot be traced are told in `gaps` of `collect`. */
  seize(tids: readonly number[]): void;
  collect(timeoutMs?: number): CollectedRegisters;
  detach(): void;
}

export interface CollectedRegisters {
  /** By the thread's number on the node. */
  readonly threads: ReadonlyMap<number, ThreadRegisters>;
  /** What was not read, and why. */
  readonly gaps: readonly string[];
}

/** All threads of a container stop within a few milliseconds; one in uninterruptible sleep does not at all. */
const TIMEOUT_MS = 250;
const POLL_MS = 0.2;
const LATE_POLL_MS = 5;
const SLEEP = new Int32Array(new SharedArrayBuffer(4));

/** Options and statuses of waitpid(2), events of ptrace(2), errors of errno(3). */
const WALL = 0x4000_0000;
const WNOHANG = 1;
const STOPPED = 0x7f;
const PTRACE_EVENT_STOP = 128;
const SIGTRAP = 5;
/** Of PTRACE_INTERRUPT; a group stop (SIGSTOP) has its own signal instead of SIGTRAP. */
const OUR_STOP = (PTRACE_EVENT_STOP << 8) | SIGTRAP;
const EPERM = 1;
const ESRCH = 3;

interface Held {
  /** Signal and event that it stopped with; undefined while it has not stopped. */
  stop: number | undefined;
}

/** The reason where registers cannot be read: koffi is not there, or not for this machine. */
export function openTracer(
  load: () => NativeCalls = openNativeCalls,
): { readonly tracer: Tracer } | { readonly reason: string } {
  try {
    return { tracer: new ThreadTracer(load()) };
  } catch {
    const machine = `${process.platform} ${process.arch}`;
    return { reason: `koffi, which ptrace is called with, is not installed here (${machine})` };
  }
}

class ThreadTracer implements Tracer {
  readonly #calls: NativeCalls;
  /** Seized threads that have not been let go. */
  readonly #held = new Map<number, Held>();
  #gaps: string[] = [];

  constructor(calls: NativeCalls) {
    this.#calls = calls;
  }

  seize(tids: readonly number[]): void {
    for (const tid of tids) {
      const seized = this.#calls.ptrace(Ptrace.seize, tid, 0, 0);
      if (seized.value === -1) {
        this.#tell(tid, reasonOf(seized.errno));
        continue;
      }
      this.#held.set(tid, { stop: undefined });
      this.#calls.ptrace(Ptrace.interrupt, tid, 0, 0);
    }
  }

  collect(timeoutMs = TIMEOUT_MS): CollectedRegisters {
    const threads = new Map<number, ThreadRegisters>();
    const waiting = new Set(this.#held.keys());
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      for (const tid of waiting) {
        if (!this.#hasStopped(tid)) continue;
        waiting.delete(tid);
        const registers = this.#held.has(tid) ? readThread(this.#calls, tid) : undefined;
        if (registers === undefined) this.#tell(tid, 'it has ended');
        else threads.set(tid, { ...registers, stopSignal: stopSignalOf(this.#held.get(tid)?.stop) });
      }
      if (waiting.size === 0 || performance.now() > deadline) break;
      Atomics.wait(SLEEP, 0, 0, POLL_MS);
    }
    for (const tid of waiting) this.#tell(tid, `it did not stop within ${timeoutMs} ms`);
    const gaps = this.#gaps;
    this.#gaps = [];
    return { threads, gaps };
  }

  detach(): void {
    for (const tid of this.#held.keys()) if (this.#hasStopped(tid)) this.#release(tid);
    // One that could not stop yet would do so later, and stand: it is let go as soon as it has.
    if (this.#held.size > 0) setTimeout(() => this.detach(), LATE_POLL_MS).unref();
  }

  /** Also of a thread that has ended, which is then no longer held. */
  #hasStopped(tid: number): boolean {
    const held = this.#held.get(tid);
    if (held === undefined || held.stop !== undefined) return true;
    const { value } = this.#calls.waitpid(tid, WALL | WNOHANG);
    if (value === 0) return false;
    const status = this.#calls.room.getInt32(0, true);
    if (value === tid && (status & 0xff) === STOPPED) held.stop = status >> 8;
    else this.#held.delete(tid);
    return true;
  }

  #release(tid: number): void {
    const stop = this.#held.get(tid)?.stop;
    if (stop === undefined || !this.#held.delete(tid)) return;
    const signal = stop >> 8 === PTRACE_EVENT_STOP ? 0 : stop & 0xff;
    if (stop === OUR_STOP) this.#mend(tid);
    const { value } = this.#calls.ptrace(Ptrace.detach, tid, 0, signal);
    // A thread that was killed meanwhile stays as a zombie until its tracer has heard of it.
    if (value === -1) this.#calls.waitpid(tid, WALL | WNOHANG);
  }

  #mend(tid: number): void {
    const general = process.arch === 'x64' ? readGeneral(this.#calls, tid) : undefined;
    const mending = general && mendInterruptedCall(general);
    if (mending) this.#calls.ptrace(Ptrace.pokeUser, tid, mending.offset, BigInt.asUintN(64, mending.value));
  }

  #tell(tid: number, why: string): void {
    this.#gaps.push(`the registers of thread ${tid} are not known: ${why}`);
  }
}

/** A stopped process that is frozen too is shown as sleeping in /proc (cgroup v1): only this tells. */
function stopSignalOf(stop: number | undefined): number | undefined {
  const isGroupStop = stop !== undefined && stop >> 8 === PTRACE_EVENT_STOP && stop !== OUR_STOP;
  return isGroupStop ? stop & 0xff : undefined;
}

function reasonOf(errno: number): string {
  if (errno === EPERM) return 'another program traces it, or this one may not';
  return errno === ESRCH ? 'it has ended' : `ptrace says ${errno}`;
}
