import { selectProcesses } from '../analysis/memory-selection.ts';
import { measureMemory } from '../analysis/memory-sizes.ts';
import type { Note } from '../bytes/note.ts';
import type { Checkpoint, Process } from '../checkpoint/checkpoint.ts';
import type { ConfigureCommand } from './command.ts';
import type { ExitCode, Io } from './io.ts';
import { addSearchOptions, collectPid, type SearchOptions, toQuery } from './memory/options.ts';
import { type Outside, tellNotes } from './memory/print-hits.ts';
import { printMatches } from './memory/search.ts';
import { forEachCheckpoint } from './open.ts';
import { type Output, openOutput } from './output.ts';
import { escapeText, toJson } from './terminal/escape.ts';
import { withSearchThreads } from './threads/with-threads.ts';
import { dumpProcess } from './views/memory-dump.ts';
import { renderMemorySizes } from './views/memory-sizes.ts';

interface MemparseOptions extends SearchOptions {
  readonly pid?: readonly number[];
  readonly output?: string;
  readonly json?: true;
}

const EXAMPLES = `
Without a search: how much memory of each process is in the archive; with --pid, that memory as a hex dump.
With one: each place where it stands, as it is found, with process, address, region and place in the archive. It is
looked for in every stretch of memory, across pages; what only lies together in the archive is no match.
No match is no error: the exit code is 0, and stderr says so.

Regular expressions are RE2's (as checkpointctl's), for bytes: . and [^a] match one byte, \\xff is the byte ff,
\\x{e9} the character in UTF-8. A match is at most 64 KiB long.

Examples:
  exhibit memparse checkpoint.tar                                  sizes
  exhibit memparse -s 'password=' -c 40 checkpoint.tar             in all processes, with what stands around it
  exhibit memparse -s hex:7f454c46 --pid 7 checkpoint.tar          bytes, in one process
  exhibit memparse -s token --ignore-case --utf16 checkpoint.tar   in any case, also as UTF-16
  exhibit memparse -r 'AKIA[0-9A-Z]{16}' --json checkpoint.tar | jq -r .text
  exhibit memparse --pid 7 -o web.hex checkpoint.tar               a dump of one process`;

export const configure: ConfigureCommand = (command, io, finish) => {
  command
    .argument('<file...>', 'checkpoint archives')
    .option('-p, --pid <pid>', 'only this process; may be given again', collectPid);
  addSearchOptions(command)
    .option('-o, --output <file>', 'write the result to a new file')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', EXAMPLES)
    .action(async (files: readonly string[], options: MemparseOptions) => {
      finish(await memparse(files, options, io));
    });
};

async function memparse(files: readonly string[], options: MemparseOptions, io: Io): Promise<ExitCode> {
  const query = toQuery(options);
  const output = await openOutput(options.output, io);
  const notes: Note[] = [];
  const json = options.json === true;
  const filter = { pids: options.pid };
  try {
    const code =
      query === undefined
        ? await forEachCheckpoint(files, io, async (checkpoint) => {
            const processes = await selectProcesses(checkpoint, options.pid);
            if (options.pid !== undefined && !json) await dump(checkpoint, processes, options, io, output);
            else await showSizes(checkpoint, processes, options, output, io);
          })
        : await withSearchThreads(files, query.kind, io, (threads) =>
            forEachCheckpoint(files, io, async (checkpoint) => {
              if (files.length > 1 && !json) await output.text(`${escapeText(checkpoint.name)}:\n`);
              const outside: Outside = { io, output, json, notes, threads };
              await printMatches(checkpoint, query, filter, options, outside);
            }),
          );
    return tellNotes(notes, code, io);
  } finally {
    await output.close();
  }
}

async function dump(
  checkpoint: Checkpoint,
  processes: readonly Process[],
  options: MemparseOptions,
  io: Io,
  output: Output,
): Promise<void> {
  for (const process of processes) {
    if (options.output !== undefined) {
      io.err(
        `Writing the memory of process ${process.pid} of ${escapeText(checkpoint.name)} to ${escapeText(options.output)}\n`,
      );
    }
    await dumpProcess(
      process,
      await process.addressSpace(),
      { fold: options.output === undefined },
      io,
      output,
    );
  }
}

async function showSizes(
  checkpoint: Checkpoint,
  processes: readonly Process[],
  options: MemparseOptions,
  output: Output,
  io: Io,
): Promise<void> {
  const sizes = await Promise.all(processes.map((process) => measureMemory(checkpoint.name, process)));
  const measured = sizes.filter((size) => size !== undefined);
  if (options.json) await output.text(measured.map((size) => `${toJson(size, 0)}\n`).join(''));
  else await output.text(renderMemorySizes(checkpoint.name, measured, io));
}
