import type { Io } from '../io.ts';

/** A line on stderr that is redrawn while something takes long. Silent unless a person is watching. */
export interface Progress {
  /** Says what has been done so far; drawn at most every REDRAW_INTERVAL milliseconds. */
  update(text: string): void;
  /** Removes the line. Safe to call more than once. */
  end(): void;
}

/** What is done sooner than this (milliseconds) shows no progress: a line that only flickers helps nobody. */
const QUIET_PERIOD = 400;
const REDRAW_INTERVAL = 100;
/** The width of stderr is not known when stdout goes to a file; every terminal has at least this. */
const ASSUMED_WIDTH = 79;

export function startProgress(io: Io, now: () => number = Date.now): Progress {
  let due = now() + QUIET_PERIOD;
  let isDrawn = false;
  let waiting: string | undefined;
  const draw = async (): Promise<void> => {
    // Loaded only when something does take long: what measures text for a terminal costs a tenth of the start.
    const { fitLine, renderLine } = await import('./line.ts');
    if (waiting === undefined) return;
    const width = Math.min(io.columns - 1, ASSUMED_WIDTH);
    io.err(`\r${renderLine(fitLine([waiting], width), false)}\x1b[K`);
    waiting = undefined;
    isDrawn = true;
  };
  return {
    update: (text) => {
      if (!io.interactive || now() < due) return;
      due = now() + REDRAW_INTERVAL;
      waiting = text;
      void draw();
    },
    end: () => {
      waiting = undefined;
      if (isDrawn) io.err('\r\x1b[K');
      isDrawn = false;
    },
  };
}
