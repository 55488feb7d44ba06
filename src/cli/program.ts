import { Command, CommanderError } from 'commander';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { ConfigureCommand } from './command.ts';
import { ExitCode, type Io } from './io.ts';
import { tellError } from './report.ts';
import { escapeText } from './terminal/escape.ts';

interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** Loads the command's file: only the one that runs is loaded, which keeps the start lean. */
  readonly load: () => Promise<{ readonly configure: ConfigureCommand }>;
}

const COMMANDS: readonly CommandEntry[] = [
  { name: 'pods', summary: 'list pods, their nodes and containers', load: () => import('./pods.ts') },
  { name: 'capture', summary: 'checkpoint a running container', load: () => import('./capture.ts') },
  {
    name: 'preflight',
    summary: 'say what would keep a container from being captured',
    load: () => import('./preflight.ts'),
  },
  { name: 'thaw', summary: 'let a container run that stands still', load: () => import('./thaw.ts') },
  {
    name: 'collect',
    summary: 'bring archives from their nodes here',
    load: () => import('./collect.ts'),
  },
  {
    name: 'doctor',
    summary: 'say what keeps this node, or a cluster, from being captured on',
    load: () => import('./doctor.ts'),
  },
  { name: 'list', summary: 'list the checkpoint archives in folders', load: () => import('./list.ts') },
  { name: 'show', summary: 'say what checkpoint archives are of', load: () => import('./show.ts') },
  {
    name: 'inspect',
    summary: 'show what was going on inside a container',
    load: () => import('./inspect.ts'),
  },
  {
    name: 'memory',
    summary: 'list, search and dump the memory of processes',
    load: () => import('./memory.ts'),
  },
  {
    name: 'memparse',
    summary: "search and dump memory with checkpointctl's options",
    load: () => import('./memparse.ts'),
  },
  { name: 'extract', summary: 'copy files out of an archive, safely', load: () => import('./extract.ts') },
  {
    name: 'export',
    summary: 'write what other tools read, such as core files for gdb',
    load: () => import('./export.ts'),
  },
  { name: 'decode', summary: 'print CRIU images as JSON', load: () => import('./decode.ts') },
  { name: 'encode', summary: 'write a CRIU image from its JSON', load: () => import('./encode.ts') },
];

const EXAMPLES = `
Examples:
  exhibit pods -n shop                              what runs where
  exhibit capture shop/web/app                      checkpoint it; it keeps running
  exhibit inspect checkpoint.tar                    what was going on inside
  exhibit memory -s 'BEGIN RSA' checkpoint.tar      in the memory of every process
  exhibit extract checkpoint.tar /tmp/dropper       a file that only the archive has

Each command has --help with examples, and --json where it lists.
Exit codes: 0 done; 1 could not be done; 2 wrong command line; 3 done, but part of
the evidence was damaged or missing, or the container needs a look.`;

/** Runs one command line (without `node` and the script) and returns the exit code. Never throws. */
export async function run(argv: readonly string[], io: Io): Promise<ExitCode> {
  let code: ExitCode = ExitCode.done;
  const program = buildProgram(io);
  try {
    const wanted = COMMANDS.find((entry) => entry.name === findCommandName(argv));
    for (const entry of COMMANDS) {
      const command = program.command(entry.name).description(entry.summary);
      if (entry !== wanted) continue;
      const { configure } = await entry.load();
      configure(command, io, (finished) => {
        code = finished;
      });
    }
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    return report(error, io);
  }
}

/** `help inspect` loads inspect as well, so that its options are listed. */
function findCommandName(argv: readonly string[]): string | undefined {
  return argv[0] === 'help' ? argv[1] : argv.find((argument) => !argument.startsWith('-'));
}

function buildProgram(io: Io): Command {
  return new Command('exhibit')
    .description(
      'The forensic camera of Kubernetes: checkpoint a running container and read everything in it.',
    )
    .version(process.env.EXHIBIT_VERSION ?? 'development')
    .showHelpAfterError('(add --help for the options and examples)')
    .addHelpText('after', EXAMPLES)
    .configureOutput({ writeOut: (text) => void io.out(text), writeErr: (text) => io.err(text) })
    .exitOverride();
}

function report(error: unknown, io: Io): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.done : ExitCode.usage;
  if (error instanceof ExhibitError) return tellError(error, io);
  const detail = error instanceof Error ? error : new Error(String(error));
  io.err(`exhibit: unexpected ${escapeText(detail.message)}\n`);
  if (io.environment.EXHIBIT_DEBUG) io.err(`${escapeText(detail.stack ?? '', { keepNewlines: true })}\n`);
  else io.err('This is a defect of exhibit; set EXHIBIT_DEBUG=1 to see where.\n');
  return ExitCode.failed;
}
