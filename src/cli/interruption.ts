import { ExhibitError } from '../bytes/exhibit-error.ts';
import { holdSignals } from '../capture/held-signals.ts';
import type { Io } from './io.ts';

/**
 * Runs `work`, which a signal asks to end by an AbortSignal whose reason is `COLLECT_INTERRUPTED`, and which then still
 * has to clear away. Further signals are answered and change nothing: what would be left is on somebody's cluster.
 */
export async function interruptible<T>(io: Io, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const { value } = await holdSignals(
    () => work(controller.signal),
    (count, name) => {
      io.err(
        count === 1 ? `${name}: ending; removing the helper pod …\n` : 'still removing the helper pod …\n',
      );
      controller.abort(new ExhibitError('COLLECT_INTERRUPTED', `ended by ${name}`));
    },
  );
  return value;
}
