/** What gdb shows of a core file of another architecture than this machine's. */
import { installProgram } from '../../../testbed/debian.ts';
import { output } from '../../../testbed/process.ts';

export interface DebuggedThread {
  /** Calls of `descend` on its stack: see workloads/programs/stacks.c. */
  readonly depth: number;
  /** Of the register that was asked for, hexadecimal. */
  readonly value: string;
}

/** Milliseconds; gdb reads symbols in seconds. */
const TIMEOUT = 120_000;
const GDB = 'gdb-multiarch';

export async function debugCore(
  program: string,
  core: string,
  register: string,
): Promise<readonly DebuggedThread[]> {
  await installProgram(GDB);
  const commands = ['thread apply all -q backtrace', `thread apply all -q print/x ${register}`];
  const after = commands.flatMap((command) => ['-ex', command]);
  const settings = ['-iex', 'set debuginfod enabled off', '-iex', 'set width 0'];
  const text = await output([GDB, '-nx', '-batch', ...settings, program, '-core', core, ...after], {
    timeout: TIMEOUT,
  });
  // Both commands take the threads in the same order. Each backtrace begins with its frame 0.
  const [, ...stacks] = text.slice(0, text.indexOf('\n$1 = ')).split(/^#0 .*$/m);
  // The first frame 0 is the one that gdb shows when it opens the file.
  const depths = stacks.slice(1).map((stack) => stack.match(/ descend \(/g)?.length ?? 0);
  const values = [...text.matchAll(/^\$\d+ = (.*)$/gm)].map(([, value = '']) => value);
  return values.map((value, at) => ({ depth: depths[at] ?? -1, value }));
}
