import type { Note } from '../bytes/note.ts';
import type { ConfigureCommand } from './command.ts';
import type { ExitCode, Io } from './io.ts';
import {
  addSearchOptions,
  addStringOptions,
  collectPid,
  type FilterOptions,
  type SearchOptions,
  toFilter,
  toQuery,
} from './memory/options.ts';
import { type Outside, tellNotes } from './memory/print-hits.ts';
import { printMatches } from './memory/search.ts';
import { printProcesses, printRegions } from './memory/sizes.ts';
import { printStrings, type StringsOptions } from './memory/strings.ts';
import { forEachCheckpoint } from './open.ts';
import { openOutput } from './output.ts';
import { escapeText } from './terminal/escape.ts';

interface MemoryOptions extends SearchOptions, FilterOptions, StringsOptions {
  readonly limit?: number;
  readonly strings?: true;
  readonly regions?: true;
  readonly entropy?: true;
  readonly output?: string;
  readonly json?: true;
}

const EXAMPLES = `
Without more: each process, how much memory it had, and where those bytes are: in the archive, zeros (never written to),
unmodified content of mapped files (not in the archive), and where there are any, left behind by lazy migration, in the
parent checkpoint, the kernel's own, or missing.

Filters narrow whatever is asked: --pid, --prot (columns of /proc/PID/maps as r-x, or letters that must be there as wx),
--range (addresses in hexadecimal), --vma (a kind: heap, stack, anonymous, file, shared-memory…, or a part of the name).
With a filter and nothing else, the regions that it leaves are listed.

A search looks in every stretch of memory, across pages and regions that follow each other; what only lies together in the
archive is no match. No match is no error: the exit code is 0, and stderr says so. Regular expressions are RE2's, for
bytes: . and [^a] match one byte, \\xff is the byte ff, \\x{e9} the character in UTF-8. A match is at most 64 KiB long.

--strings prints runs of characters in UTF-8 and, where they are Latin, Greek or Cyrillic, in UTF-16LE; each run with its
process and address. --encoding ascii prints what GNU strings would.

Examples:
  exhibit memory checkpoint.tar                                    what memory there is
  exhibit memory checkpoint.tar --pid 7                            the regions of one process
  exhibit memory checkpoint.tar --prot wx --entropy                what was writable and executable, and how random
  exhibit memory checkpoint.tar -s 'password=' -c 40               in all processes, with what stands around it
  exhibit memory checkpoint.tar -s hex:7f454c46 --vma anonymous    bytes, in anonymous memory
  exhibit memory checkpoint.tar -s token --ignore-case --utf16     in any case, also as UTF-16
  exhibit memory checkpoint.tar -r 'AKIA[0-9A-Z]{16}' --json | jq -r .text
  exhibit memory checkpoint.tar --strings -n 12 --vma heap         what reads as text, in heaps`;

export const configure: ConfigureCommand = (command, io, finish) => {
  command
    .argument('<file...>', 'checkpoint archives')
    .option('-p, --pid <pid>', 'only this process; may be given again', collectPid)
    .option('--prot <permissions>', 'only regions with these permissions')
    .option('--range <start-end>', 'only these addresses; START+LENGTH will do too')
    .option('--vma <name>', 'only regions of this kind, or with this in their name')
    .option('--regions', 'list the regions of each process')
    .option('--entropy', 'list them with the entropy of what is in the archive (0 to 8 bits per byte)');
  addSearchOptions(command);
  addStringOptions(command)
    .option('-o, --output <file>', 'write the result to a new file')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', EXAMPLES)
    .action(async (files: readonly string[], options: MemoryOptions) => {
      const [first, second] = questionsIn(options);
      if (second !== undefined) command.error(`error: ${first} and ${second} exclude each other`);
      finish(await memory(files, options, io));
    });
};

/** What is asked, as options. */
function questionsIn({ search, searchRegex, strings }: MemoryOptions): readonly string[] {
  const asked = { '--search': search, '--search-regex': searchRegex, '--strings': strings };
  return Object.entries(asked).flatMap(([option, value]) => (value === undefined ? [] : [option]));
}

async function memory(files: readonly string[], options: MemoryOptions, io: Io): Promise<ExitCode> {
  const query = toQuery(options);
  const filter = toFilter(options);
  const output = await openOutput(options.output, io);
  const notes: Note[] = [];
  const json = options.json === true;
  const outside: Outside = { io, output, json, notes };
  try {
    const code = await forEachCheckpoint(files, io, async (checkpoint) => {
      if (files.length > 1 && !json) await output.text(`${escapeText(checkpoint.name)}:\n`);
      if (query !== undefined) await printMatches(checkpoint, query, filter, options, outside);
      else if (options.strings) await printStrings(checkpoint, filter, options, outside);
      else if (wantsRegions(options)) {
        await printRegions(checkpoint, filter, { entropy: options.entropy === true }, outside);
      } else await printProcesses(checkpoint, filter, outside);
    });
    return tellNotes(notes, code, io);
  } finally {
    await output.close();
  }
}

const wantsRegions = ({ regions, entropy, pid, prot, range, vma }: MemoryOptions): boolean =>
  [regions, entropy, pid, prot, range, vma].some((option) => option !== undefined);
