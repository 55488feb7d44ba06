/**
 * Interval and POSIX timers, signal handlers and pending signals of a process.
 * Facts: CRIU 4.2, images/timer.proto, sa.proto, siginfo.proto (names, numbers and types).
 */
import {
  bool,
  bytes,
  int32,
  type MessageOf,
  message,
  nested,
  optional,
  repeated,
  uint32,
  uint64,
} from '../schema.ts';

/** Interval and time left, each as seconds and microseconds. */
export const itimerEntry = message('itimer_entry', {
  isec: uint64(1),
  iusec: uint64(2),
  vsec: uint64(3),
  vusec: uint64(4),
});

/** Interval and time left, each as seconds and nanoseconds. */
export const posixTimerEntry = message('posix_timer_entry', {
  it_id: uint32(1),
  clock_id: uint32(2),
  si_signo: uint32(3),
  it_sigev_notify: uint32(4),
  sival_ptr: uint64(5),
  overrun: uint32(6),
  isec: uint64(7),
  insec: uint64(8),
  vsec: uint64(9),
  vnsec: uint64(10),
  notify_thread_id: optional(int32(11)),
});

export const taskTimersEntry = message('task_timers_entry', {
  real: nested(1, itimerEntry),
  virt: nested(2, itimerEntry),
  prof: nested(3, itimerEntry),
  posix: repeated(nested(4, posixTimerEntry)),
});

export const saEntry = message('sa_entry', {
  /** Address of the handler; 0 SIG_DFL, 1 SIG_IGN. */
  sigaction: uint64(1, 'hex'),
  flags: uint64(2, 'hex'),
  restorer: uint64(3, 'hex'),
  mask: uint64(4, 'hex'),
  compat_sigaction: optional(bool(5)),
  mask_extended: optional(uint64(6, 'hex')),
});

export const siginfoEntry = message('siginfo_entry', {
  /** The kernel's siginfo_t, 128 bytes. */
  siginfo: bytes(1),
});

export const signalQueueEntry = message('signal_queue_entry', {
  signals: repeated(nested(1, siginfoEntry)),
});
export type SignalQueueEntry = MessageOf<typeof signalQueueEntry>;
