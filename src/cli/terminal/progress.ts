import type { Io } from '../io.ts';
import { fitLine, renderLine } from './line.ts';

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
  return {
    update: (text) => {
      if (!io.interactive || now() < due) return;
      due = now() + REDRAW_INTERVAL;
      isDrawn = true;
      const width = Math.min(io.columns - 1, ASSUMED_WIDTH);
      io.err(`\r${renderLine(fitLine([text], width), false)}\x1b[K`);
    },
    end: () => {
      if (isDrawn) io.err('\r\x1b[K');
      isDrawn = false;
    },
  };
}
