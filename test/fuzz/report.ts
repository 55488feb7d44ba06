/** What the process that runs cases tells the one that started it. */
export interface Report {
  /** The number of the case, or the file of a kept input. */
  readonly case: string;
  /** Undefined: the case begins. */
  readonly problem?: string;
}

/** Of one case, in processor seconds: what a user would call a hang. */
export const SECONDS_LIMIT = 1;

/** Of the process that runs the cases, in bytes: the modules and a garbage collector at its ease are most of it. */
export const MEMORY_LIMIT = 512 * 1024 * 1024;

/** A process that has told nothing for this long is stuck in a case, in milliseconds. */
export const SILENCE_LIMIT = 60_000;
