/** Goes on after what passes: a cut stream, a pod that was killed, an API server that restarts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ErrorCode, ExhibitError } from '../../bytes/exhibit-error.ts';

/** Milliseconds before each further try: an API server restarts within a minute. */
const PAUSES: readonly number[] = [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000];

const PASSING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'COLLECT_STREAM_CUT',
  'CONNECTION_FAILED',
  'API_UNAVAILABLE',
]);

export interface PersistOptions {
  readonly signal: AbortSignal;
  /** Grows as long as something is achieved; a try that achieved something starts the count anew. */
  readonly progress?: (() => number) | undefined;
  readonly onRetry: (error: ExhibitError, pauseMilliseconds: number) => void;
  /** For tests. */
  readonly pauses?: readonly number[] | undefined;
}

/** The first result of `attempt` that does not fail in passing; the last failure when patience ends. */
export async function persist<T>(attempt: () => Promise<T>, options: PersistOptions): Promise<T> {
  const { signal, progress = () => 0, onRetry, pauses = PAUSES } = options;
  let tries = 0;
  for (;;) {
    const before = progress();
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof ExhibitError) || !PASSING.has(error.code)) throw error;
      tries = progress() > before ? 0 : tries;
      const pause = pauses[tries];
      if (pause === undefined) throw error;
      tries++;
      onRetry(error, pause);
      await sleep(pause, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}
