/**
 * Keeps signals from ending the program while a checkpoint is under way: the kubelet would cancel it with the
 * connection, and containerd leaves a container frozen whose checkpoint is cancelled (measured on 2.1.9).
 */

const HELD: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

type SignalListener = (signal: NodeJS.Signals) => void;

/** The part of `process` that is used; tests pass their own. */
export interface SignalEmitter {
  on(signal: NodeJS.Signals, listener: SignalListener): unknown;
  removeListener(signal: NodeJS.Signals, listener: SignalListener): unknown;
}

export interface HeldResult<T> {
  readonly value: T;
  /** How many signals came meanwhile: whoever sent them wants the program to end. */
  readonly signals: number;
}

/** Runs `work` to its end whatever signals come; `onSignal` is told each with its number, from 1. */
export async function holdSignals<T>(
  work: () => Promise<T>,
  onSignal: (count: number, signal: NodeJS.Signals) => void,
  emitter: SignalEmitter = process,
): Promise<HeldResult<T>> {
  let signals = 0;
  const listener: SignalListener = (signal) => {
    signals++;
    onSignal(signals, signal);
  };
  for (const signal of HELD) emitter.on(signal, listener);
  // A terminal that is gone makes writes to it fail; that must not end the program either.
  const ignore = (): void => undefined;
  process.stderr.on('error', ignore);
  try {
    return { value: await work(), signals };
  } finally {
    for (const signal of HELD) emitter.removeListener(signal, listener);
    process.stderr.removeListener('error', ignore);
  }
}
