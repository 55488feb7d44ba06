import { createInterface } from 'node:readline';

/** The outside of a command: what it prints to and what it may assume of the terminal. Tests pass their own. */
export interface Io {
  /** Results. Resolves when the reader has taken the text, so that a slow pipe never fills memory. */
  out(text: string): Promise<void>;
  /** Raw bytes, for `--output -`. */
  outBytes(bytes: Uint8Array): Promise<void>;
  /** Standard input, in pieces. */
  readonly input: AsyncIterable<Uint8Array>;
  /** Progress, warnings and errors. */
  err(text: string): void;
  /** Asks the person at the terminal; the line that was typed. Undefined where nobody can be asked, or gave no answer. */
  ask(question: string): Promise<string | undefined>;
  /** Width in columns to fit results into; Infinity where the output is not a terminal. */
  readonly columns: number;
  readonly color: boolean;
  /** Both stderr is a terminal and the user can see a line being redrawn. */
  readonly interactive: boolean;
  /** A person can be asked: standard input and stderr are a terminal. */
  readonly canAsk: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
}

/** Exit codes; docs/decisions/006-exit-codes.md says why. */
export const ExitCode = {
  done: 0,
  /** It could not be done; stderr says why. */
  failed: 1,
  /** The command line was wrong. */
  usage: 2,
  /** Done as far as the evidence goes: something in it was damaged or missing, and a warning says what. */
  damaged: 3,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

function isColorWanted(stream: NodeJS.WriteStream, environment: NodeJS.ProcessEnv): boolean {
  if (environment.NO_COLOR) return false;
  if (environment.FORCE_COLOR) return environment.FORCE_COLOR !== '0';
  return stream.isTTY === true && environment.TERM !== 'dumb';
}

/** Ctrl-C and Ctrl-D are no answer. */
function askOnTerminal(question: string): Promise<string | undefined> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  return new Promise((resolve) => {
    terminal.once('SIGINT', () => terminal.close());
    terminal.once('close', () => resolve(undefined));
    terminal.question(question, (answer) => {
      resolve(answer);
      terminal.close();
    });
  });
}

/** The process's own streams. A reader that goes away (`| head`) ends the program quietly. */
export function processIo(): Io {
  const { stdout, stderr, env } = process;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(ExitCode.done);
    throw error;
  });
  const write = (data: string | Uint8Array): Promise<void> =>
    new Promise((resolve) => {
      if (stdout.write(data)) resolve();
      else stdout.once('drain', resolve);
    });
  return {
    out: write,
    outBytes: write,
    // Touched only by who reads it: an open standard input keeps the process alive.
    get input() {
      return process.stdin;
    },
    err: (text) => stderr.write(text),
    ask: async (question) => (process.stdin.isTTY && stderr.isTTY ? askOnTerminal(question) : undefined),
    // A pseudo-terminal that nobody sized says 0.
    columns: stdout.isTTY ? stdout.columns || 80 : Number.POSITIVE_INFINITY,
    color: isColorWanted(stdout, env),
    interactive: stderr.isTTY === true && env.TERM !== 'dumb',
    get canAsk() {
      return stderr.isTTY === true && process.stdin.isTTY === true;
    },
    environment: env,
    workingDirectory: process.cwd(),
  };
}
