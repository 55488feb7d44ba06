/** /proc/PID/stat and /proc/PID/task/TID/stat (proc(5)): one line `PID (COMM) STATE PPID …`. */

/** Fields of the line, as proc(5) numbers them. */
export const StatField = {
  parent: 4,
  flags: 9,
  nice: 19,
  startCode: 26,
  endCode: 27,
  startStack: 28,
  realTimePriority: 40,
  policy: 41,
  startData: 45,
  endData: 46,
  startBrk: 47,
  argStart: 48,
  argEnd: 49,
  envStart: 50,
  envEnd: 51,
  exitCode: 52,
} as const;

export interface Stat {
  /** One letter: R, S, D, T, t, Z, X. */
  readonly state: string;
  /** 0 for what is no number or not there. */
  number(field: number): bigint;
}

/** Behind the last `)`, since a program can have one in its name. */
export function parseStat(text: string | undefined): Stat {
  const line = text ?? '';
  const words = line
    .slice(line.lastIndexOf(')') + 1)
    .trim()
    .split(/\s+/);
  return {
    state: words[0] ?? '',
    number: (field) => {
      const word = words[field - 3] ?? '';
      return /^-?\d{1,20}$/.test(word) ? BigInt(word) : 0n;
    },
  };
}
