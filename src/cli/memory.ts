import type { SearchThreads } from '../analysis/memory-query.ts';
import { parseMemoryRange } from '../analysis/memory-range.ts';
import type { Note } from '../bytes/note.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { RootFiles } from '../checkpoint/root-files.ts';
import type { ConfigureCommand } from './command.ts';
import type { ExitCode, Io } from './io.ts';
import { dumpToFile } from './memory/dump.ts';
import { printHexDump } from './memory/hex-dump.ts';
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
import { printRuleHits } from './memory/yara.ts';
import { loadRules } from './memory/yara-engine.ts';
import { forEachCheckpoint } from './open.ts';
import { openOutput } from './output.ts';
import { withRootFiles } from './root-files.ts';
import { escapeText } from './terminal/escape.ts';
import { withSearchThreads } from './threads/with-threads.ts';

interface MemoryOptions extends SearchOptions, FilterOptions, StringsOptions {
  readonly limit?: number;
  readonly strings?: true;
  readonly regions?: true;
  readonly entropy?: true;
  readonly yara?: string;
  readonly hexdump?: string;
  readonly dump?: true;
  readonly rootfs?: string;
  readonly output?: string;
  readonly force?: true;
  readonly json?: true;
}

/** Bytes that are shown at an address when no length is asked for: sixteen lines. */
const HEXDUMP_LENGTH = 256;

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

--yara runs YARA-X. A rule sees one region at a time, its bytes in order as the archive has them, in windows of 16 MiB that
overlap; pages that the archive lacks are zeros, 4 KiB at most.

--dump writes regions one after the other, each in its whole length with holes for what is not in the archive, and prints
where in the file each region is; regions of which the archive has nothing are left out. The file is readable by you alone.

--rootfs names the container's root filesystem, as a folder, a tar (podman export) or an image in a tar (docker save, OCI
layout): searches, strings, rules and dumps then see what mapped files held, and say where it is not from the archive. Files
that the container wrote or deleted are taken from the archive, where it has them. A file of another size than the one that
was mapped is not used.

Examples:
  exhibit memory checkpoint.tar                                    what memory there is
  exhibit memory checkpoint.tar --pid 7                            the regions of one process
  exhibit memory checkpoint.tar --prot wx --entropy                what was writable and executable, and how random
  exhibit memory checkpoint.tar -s 'password=' -c 40               in all processes, with what stands around it
  exhibit memory checkpoint.tar -s hex:7f454c46 --vma anonymous    bytes, in anonymous memory
  exhibit memory checkpoint.tar -s token --ignore-case --utf16     in any case, also as UTF-16
  exhibit memory checkpoint.tar -r 'AKIA[0-9A-Z]{16}' --json | jq -r .text
  exhibit memory checkpoint.tar --strings -n 12 --vma heap         what reads as text, in heaps
  exhibit memory checkpoint.tar --yara rules.yar --prot x          rules, in memory that can be run
  exhibit memory checkpoint.tar --hexdump 0x7ffd4a2b1f00+64        bytes, of each process that has some there
  exhibit memory checkpoint.tar --dump --pid 7 --vma heap -o heap.bin
  exhibit memory checkpoint.tar --dump --pid 7 --vma libc --rootfs rootfs/ -o libc.bin`;

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
    .option('--yara <rules>', 'match the YARA rules in this file, region by region')
    .option('--hexdump <address>', 'show the bytes at ADDRESS, or ADDRESS+LENGTH')
    .option('--dump', 'write the raw bytes of one process, or of what filters leave of it, to the file of -o')
    .option('--rootfs <path>', 'also look at what mapped files held, from this folder, tar or image')
    .option('-o, --output <file>', 'write the result to a new file')
    .option('--force', 'let --dump replace a file')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', EXAMPLES)
    .action(async (files: readonly string[], options: MemoryOptions) => {
      const [first, second] = questionsIn(options);
      if (second !== undefined) command.error(`error: ${first} and ${second} exclude each other`);
      if (options.dump && (files.length > 1 || options.output === undefined)) {
        command.error('error: --dump takes one archive, and the file to write with -o');
      }
      if (options.rootfs !== undefined && first === undefined) {
        command.error(
          'error: --rootfs goes with --search, --search-regex, --strings, --yara, --dump or --hexdump',
        );
      }
      finish(await memory(files, options, io));
    });
};

/** What is asked, as options. */
function questionsIn(options: MemoryOptions): readonly string[] {
  const { search, searchRegex, strings, yara, hexdump, dump } = options;
  const asked = {
    '--search': search,
    '--search-regex': searchRegex,
    '--strings': strings,
    '--yara': yara,
    '--hexdump': hexdump,
    '--dump': dump,
  };
  return Object.entries(asked).flatMap(([option, value]) => (value === undefined ? [] : [option]));
}

async function memory(files: readonly string[], options: MemoryOptions, io: Io): Promise<ExitCode> {
  const json = options.json === true;
  if (options.dump && options.output !== undefined) {
    const { output, force = false } = options;
    const filter = toFilter(options);
    const notes: Note[] = [];
    const onNote = (note: Note): number => notes.push(note);
    const code = await forEachCheckpoint(files, io, (checkpoint) =>
      withFiles(options, io, (rootFiles) =>
        dumpToFile(checkpoint, filter, { output, force, json, files: rootFiles, onNote }, io),
      ),
    );
    return tellNotes(notes, code, io);
  }
  const answer = await answerer(options, io);
  const output = await openOutput(options.output, io);
  const notes: Note[] = [];
  try {
    const answerAll = (threads?: SearchThreads): Promise<ExitCode> =>
      forEachCheckpoint(files, io, async (checkpoint) => {
        if (files.length > 1 && !json) await output.text(`${escapeText(checkpoint.name)}:\n`);
        await withFiles(options, io, (rootFiles) =>
          answer(checkpoint, { io, output, json, notes, threads, files: rootFiles }),
        );
      });
    const code = isSearch(options)
      ? await withSearchThreads(files, options.strings ? 'strings' : 'text', io, answerAll)
      : await answerAll();
    return tellNotes(notes, code, io);
  } finally {
    await output.close();
  }
}

const isSearch = ({ search, searchRegex, strings }: MemoryOptions): boolean =>
  search !== undefined || searchRegex !== undefined || strings === true;

type Answer = (checkpoint: Checkpoint, outside: Outside) => Promise<void>;

/** Throws what is wrong with the question before a file is opened or made. */
async function answerer(options: MemoryOptions, io: Io): Promise<Answer> {
  const query = toQuery(options);
  const filter = toFilter(options);
  if (query !== undefined)
    return (checkpoint, outside) => printMatches(checkpoint, query, filter, options, outside);
  if (options.strings) return (checkpoint, outside) => printStrings(checkpoint, filter, options, outside);
  if (options.yara !== undefined) {
    const engine = await loadRules(options.yara, io);
    return (checkpoint, outside) => printRuleHits(checkpoint, engine, filter, options.limit, outside);
  }
  if (options.hexdump !== undefined) {
    const range = parseMemoryRange(options.hexdump, HEXDUMP_LENGTH);
    return (checkpoint, outside) => printHexDump(checkpoint, { ...filter, range }, outside);
  }
  if (!wantsRegions(options)) return (checkpoint, outside) => printProcesses(checkpoint, filter, outside);
  const entropy = options.entropy === true;
  return (checkpoint, outside) => printRegions(checkpoint, filter, { entropy }, outside);
}

/** Opens the root filesystem of --rootfs while `action` reads; without the option there are no files. */
async function withFiles(
  { rootfs }: MemoryOptions,
  io: Io,
  action: (files: RootFiles | undefined) => Promise<void>,
): Promise<void> {
  if (rootfs === undefined) await action(undefined);
  else await withRootFiles(rootfs, io, action);
}

const wantsRegions = ({ regions, entropy, pid, prot, range, vma }: MemoryOptions): boolean =>
  [regions, entropy, pid, prot, range, vma].some((option) => option !== undefined);
