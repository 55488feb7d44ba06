import { InvalidArgumentError } from 'commander';
import { measureMemory } from '../analysis/memory-dump.ts';
import { MAX_CONTEXT, searchMemory } from '../analysis/memory-search.ts';
import { parseSearchTerm, type SearchQuery } from '../analysis/pattern.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { Note } from '../bytes/note.ts';
import type { Checkpoint, Process } from '../checkpoint/checkpoint.ts';
import type { ConfigureCommand } from './command.ts';
import { ExitCode, type Io } from './io.ts';
import { forEachCheckpoint } from './open.ts';
import { type Output, openOutput } from './output.ts';
import { escapeText, toJson } from './terminal/escape.ts';
import { formatBytes, formatCount } from './terminal/format.ts';
import { startProgress } from './terminal/progress.ts';
import { dumpProcess } from './views/memory-dump.ts';
import { type HitStyle, renderHit } from './views/memory-hits.ts';
import { renderMemorySizes } from './views/memory-sizes.ts';

interface MemparseOptions {
  readonly pid?: readonly number[];
  readonly search?: string;
  readonly searchRegex?: string;
  readonly context: number;
  readonly output?: string;
  readonly ignoreCase?: true;
  readonly utf16?: true;
  readonly hex?: true;
  readonly json?: true;
  readonly limit?: number;
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
    .option('-p, --pid <pid>', 'only this process; may be given again', collectPid)
    .option('-s, --search <text>', 'a text, or hex: and bytes')
    .option('-r, --search-regex <pattern>', 'a regular expression (RE2 syntax, linear time)')
    .option('-c, --context <bytes>', 'bytes to show on both sides of a match', parseContext, 0)
    .option('-i, --ignore-case', 'match upper and lower case alike')
    .option('--utf16', 'look for the text as UTF-16LE too')
    .option('--limit <matches>', 'stop after so many matches', parseCount)
    .option('--hex', 'show matches as a hex dump')
    .option('-o, --output <file>', 'write the result to a new file')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', EXAMPLES)
    .action(async (files: readonly string[], options: MemparseOptions) => {
      finish(await memparse(files, options, io));
    });
};

function collectPid(text: string, before: readonly number[] = []): readonly number[] {
  return [...before, parseCount(text)];
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d{1,10}$/.test(text) || count === 0) throw new InvalidArgumentError('It must be a number above 0.');
  return count;
}

function parseContext(text: string): number {
  const bytes = Number(text);
  if (!/^\d{1,6}$/.test(text) || bytes > MAX_CONTEXT) {
    throw new InvalidArgumentError(`It must be a number of bytes, at most ${MAX_CONTEXT}.`);
  }
  return bytes;
}

async function memparse(files: readonly string[], options: MemparseOptions, io: Io): Promise<ExitCode> {
  const query = toQuery(options);
  const output = await openOutput(options.output, io);
  const notes: Note[] = [];
  try {
    const code = await forEachCheckpoint(files, io, async (checkpoint) => {
      const processes = await selectProcesses(checkpoint, options.pid);
      const isOneOfMany = files.length > 1 && query !== undefined && !options.json;
      if (isOneOfMany) await output.text(`${escapeText(checkpoint.name)}:\n`);
      if (query !== undefined) await search(checkpoint, processes, query, options, { io, output, notes });
      else if (options.pid !== undefined && !options.json)
        await dump(checkpoint, processes, options, io, output);
      else await showSizes(checkpoint, processes, options, output, io);
    });
    return tellNotes(notes, code, io);
  } finally {
    await output.close();
  }
}

function toQuery(options: MemparseOptions): SearchQuery | undefined {
  const { search: text, searchRegex: pattern, ignoreCase, utf16 } = options;
  if (text !== undefined && pattern !== undefined) {
    throw new ExhibitError('BAD_PATTERN', '--search and --search-regex exclude each other');
  }
  if (utf16 && text === undefined) throw new ExhibitError('BAD_PATTERN', '--utf16 goes with --search');
  if (text !== undefined) return parseSearchTerm(text, { ignoreCase, utf16 });
  return pattern === undefined ? undefined : { kind: 'regex', pattern, ignoreCase };
}

async function selectProcesses(
  checkpoint: Checkpoint,
  pids: readonly number[] | undefined,
): Promise<readonly Process[]> {
  const processes = await checkpoint.processes();
  for (const pid of pids ?? []) {
    if (processes.some((process) => process.pid === pid)) continue;
    const message = `${checkpoint.name} has no process with PID ${pid}; inspect --ps-tree shows them all`;
    throw new ExhibitError('NO_SUCH_PROCESS', message);
  }
  return pids === undefined ? processes : processes.filter(({ pid }) => pids.includes(pid));
}

interface SearchOutside {
  readonly io: Io;
  readonly output: Output;
  readonly notes: Note[];
}

async function search(
  checkpoint: Checkpoint,
  processes: readonly Process[],
  query: SearchQuery,
  options: MemparseOptions,
  { io, output, notes }: SearchOutside,
): Promise<void> {
  const progress = startProgress(io);
  const style: HitStyle = { color: io.color && output.isTerminal, hex: options.hex === true };
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  let count = 0;
  let searched = 0;
  const batches = searchMemory(checkpoint, query, {
    pids: processes.map(({ pid }) => pid),
    context: options.context,
    onProgress: (done, total) => {
      searched = done;
      progress.update(
        `searching: ${formatBytes(done)} of ${formatBytes(total)}, ${formatCount(count, 'match', 'matches')}`,
      );
    },
    onNote: (note) => notes.push(note),
  });
  try {
    for await (const batch of batches) {
      const wanted = batch.slice(0, limit - count);
      count += wanted.length;
      progress.end();
      await output.text(
        wanted.map((hit) => (options.json ? `${toJson(hit, 0)}\n` : renderHit(hit, style))).join(''),
      );
      if (count >= limit) break;
    }
  } finally {
    progress.end();
  }
  const spaces = await Promise.all(processes.map((process) => process.addressSpace()));
  tellCount({ count, limit, searched, processes: spaces.filter((space) => space !== undefined).length }, io);
}

interface SearchCount {
  readonly count: number;
  readonly limit: number;
  /** Bytes. */
  readonly searched: number;
  /** Those that have memory: a zombie has none. */
  readonly processes: number;
}

function tellCount({ count, limit, searched, processes }: SearchCount, io: Io): void {
  const place = `in ${formatBytes(searched)} of memory of ${formatCount(processes, 'process', 'processes')}`;
  const matches = formatCount(count, 'match', 'matches');
  if (count === 0) io.err(`exhibit: no match ${place}\n`);
  else if (count >= limit) io.err(`exhibit: stopped after ${matches} (--limit)\n`);
  else io.err(`exhibit: ${matches} ${place}\n`);
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
    await dumpProcess(process, { fold: options.output === undefined }, io, output);
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

function tellNotes(notes: readonly Note[], code: ExitCode, io: Io): ExitCode {
  for (const { message } of notes) io.err(`exhibit: warning: ${escapeText(message)}\n`);
  return notes.length > 0 && code === ExitCode.done ? ExitCode.damaged : code;
}
