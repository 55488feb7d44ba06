/** What gdb says of a process, alive or as a core file, in a form that can be compared. */
import type { TestNode } from '../../../testbed/node.ts';

export interface DebuggedThread {
  /** Frames from the innermost on, without the address at which the innermost stood. */
  readonly frames: readonly string[];
  /** As gdb shows them. */
  readonly registers: Readonly<Record<string, string>>;
}

const BORDER = '-- registers --';
const COMMANDS = ['thread apply all backtrace', `echo ${BORDER}\\n`, 'thread apply all info all-registers'];

/** Milliseconds; gdb reads symbols in seconds. */
const TIMEOUT = 120_000;

/** All threads, in ascending order of their thread pointer: each gdb numbers them its own way. `argv` says what to look at. */
export async function debug(node: TestNode, argv: readonly string[]): Promise<readonly DebuggedThread[]> {
  const [backtraces = '', registers = ''] = (await runGdb(node, argv, COMMANDS)).split(BORDER);
  const registerLines = threadsOf(registers);
  const threads = [...threadsOf(backtraces)].map(([thread, lines]) => ({
    frames: lines.map(frameOf).filter((frame) => frame !== undefined),
    registers: Object.fromEntries((registerLines.get(thread) ?? []).flatMap(registerOf)),
  }));
  return threads.sort((a, b) => threadPointer(a) - threadPointer(b));
}

const threadPointer = ({ registers }: DebuggedThread): number => Number.parseInt(registers.fs_base ?? '', 16);

export async function runGdb(
  node: TestNode,
  argv: readonly string[],
  commands: readonly string[],
): Promise<string> {
  const settings = ['set debuginfod enabled off', 'set width 0', 'set height 0'];
  const before = settings.flatMap((setting) => ['-iex', setting]);
  const after = commands.flatMap((command) => ['-ex', command]);
  const { stdout } = await node.exec(['gdb', '-nx', '-batch', ...before, ...argv, ...after], {
    timeout: TIMEOUT,
  });
  return stdout;
}

/** The lines of each thread, by its number. */
function threadsOf(text: string): ReadonlyMap<string, readonly string[]> {
  const parts = text.split(/^Thread (\d+) \(.*$/m).slice(1);
  const threads = new Map<string, readonly string[]>();
  for (let at = 0; at + 1 < parts.length; at += 2) {
    threads.set(parts[at] ?? '', parts[at + 1]?.split('\n') ?? []);
  }
  return threads;
}

/** How gdb names a library that it found through the process, or below a sysroot. */
const SYSROOT = /(?<= from )(target:|\/proc\/\d+\/root)/;

/** CRIU sets a thread back to before the system call that it interrupted: the innermost address differs by that. */
function frameOf(line: string): string | undefined {
  const [, number, rest] = /^(#\d+) +(.*)$/.exec(line) ?? [];
  const frame = rest?.replace(SYSROOT, '');
  return number === '#0' ? frame?.replace(/^0x[0-9a-f]+ in /, '') : frame;
}

function registerOf(line: string): [string, string][] {
  const [, name, value] = /^([a-z]\w*) +(.*)$/.exec(line) ?? [];
  return name === undefined || value === undefined ? [] : [[name, value]];
}
