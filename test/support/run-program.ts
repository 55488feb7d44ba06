import type { Io } from '../../src/cli/io.ts';
import { run } from '../../src/cli/program.ts';

export interface ProgramRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command line in this process, as if its output went to a pipe, and returns what it printed. */
export async function runProgram(argv: readonly string[], overrides: Partial<Io> = {}): Promise<ProgramRun> {
  const stdout: Buffer[] = [];
  let stderr = '';
  const io: Io = {
    out: async (text) => void stdout.push(Buffer.from(text)),
    outBytes: async (bytes) => void stdout.push(Buffer.from(bytes)),
    input: (async function* () {})(),
    err: (text) => {
      stderr += text;
    },
    ask: async () => undefined,
    columns: Number.POSITIVE_INFINITY,
    color: false,
    interactive: false,
    canAsk: false,
    environment: {},
    workingDirectory: process.cwd(),
    ...overrides,
  };
  const code = await run(argv, io);
  return { code, stdout: Buffer.concat(stdout).toString(), stderr };
}
