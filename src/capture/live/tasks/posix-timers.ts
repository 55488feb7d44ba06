/** /proc/PID/timers (proc(5)): four lines a timer. When it expires is told to the process only. */
import type { MessageOf } from '../../../criu/schema.ts';
import type { posixTimerEntry } from '../../../criu/schemas/timers-signals.ts';

const TIMER =
  /^ID: (\d{1,10})\nsignal: (\d{1,3})\/([0-9a-f]{1,16})\nnotify: (signal|none|thread)\/(tid|pid)\.(\d{1,10})\nClockID: (-?\d{1,10})$/gm;

const NOTIFICATIONS: Readonly<Record<string, number>> = { signal: 0, none: 1, thread: 2 };
/** SIGEV_THREAD_ID: a flag beside the others. */
const TO_THREAD = 4;

/** `numberOf` says how the container counts a thread. */
export function parsePosixTimers(
  text: string | undefined,
  numberOf: (tid: number) => number | undefined,
): readonly MessageOf<typeof posixTimerEntry>[] {
  return [...(text ?? '').matchAll(TIMER)].map(([, id, signal, value, kind = '', whom, number, clock]) => {
    const isThread = whom === 'tid';
    return {
      it_id: Number(id),
      clock_id: Number(clock) >>> 0,
      si_signo: Number(signal),
      it_sigev_notify: (NOTIFICATIONS[kind] ?? 0) | (isThread ? TO_THREAD : 0),
      sival_ptr: BigInt(`0x${value}`),
      overrun: 0,
      ...{ isec: 0n, insec: 0n, vsec: 0n, vnsec: 0n },
      notify_thread_id: isThread ? numberOf(Number(number)) : undefined,
    };
  });
}
