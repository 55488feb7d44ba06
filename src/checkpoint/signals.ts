/** Pending signals as CRIU records them: each is the kernel's siginfo_t, which begins with the signal's number. */
import type { SignalQueueEntry } from '../criu/schemas/timers-signals.ts';

/** Linux has signals 1 to 64. */
const LAST_SIGNAL = 64;

/** The set of the signals in a queue: bit N - 1 is signal N. */
export function pendingSignals(queue: SignalQueueEntry | undefined): bigint {
  let set = 0n;
  for (const { siginfo } of queue?.signals ?? []) {
    const number = siginfo[0] ?? 0;
    if (number >= 1 && number <= LAST_SIGNAL) set |= 1n << BigInt(number - 1);
  }
  return set;
}
