import { basename, resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { parseByteSize } from '../bytes/byte-size.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import {
  type Extractable,
  type ExtractionReport,
  extract,
  listExtractables,
  type SkippedFile,
  selectExtractables,
} from '../export/extraction.ts';
import type { ConfigureCommand } from './command.ts';
import { openExtractionFolder } from './extraction-folder.ts';
import { ExitCode, type Io } from './io.ts';
import { withCheckpoint } from './open.ts';
import { escapeText, toJson } from './terminal/escape.ts';
import { formatBytes, formatCount } from './terminal/format.ts';
import { startProgress } from './terminal/progress.ts';
import { renderTable } from './terminal/table.ts';

interface ExtractOptions {
  readonly all?: true;
  readonly list?: true;
  readonly output?: string;
  readonly force?: true;
  readonly json?: true;
  readonly maxSize?: number;
}

/** What is passed over is told on stderr up to this many lines; the JSON has all. */
const MAX_SKIPPED_LINES = 20;

const EXAMPLES = `
A name without / at its start is an entry of the archive, or a folder of it; one with it is a file or folder as the
container knew it: of its root filesystem's changes, a tmpfs, deleted but open, a memfd or shared memory.
Files are written to DIR/archive/… and DIR/files/{rootfs,tmpfs,deleted,memfd,shared-memory}/…, readable by you alone and
not executable. Nothing is written outside DIR; links and devices are listed and not made; no file is written over.

Examples:
  exhibit extract --list checkpoint.tar                         what there is
  exhibit extract checkpoint.tar /tmp/dropped                   a file that the container wrote
  exhibit extract checkpoint.tar dump.log -o - | less           an entry, to standard output
  exhibit extract checkpoint.tar checkpoint config.dump -o out  all CRIU images and the engine's description
  exhibit extract checkpoint.tar --all -o out                   everything`;

export const configure: ConfigureCommand = (command, io, finish) => {
  command
    .argument('<file>', 'checkpoint archive')
    .argument('[entry...]', 'what to extract: entries of the archive, or paths in the container')
    .option('--all', 'everything')
    .option('--list', 'list what can be extracted, and extract nothing')
    .option(
      '-o, --output <dir>',
      'folder to write to; - writes one file to standard output (default: <file>.extracted)',
    )
    .option('--force', 'replace files that exist')
    .option('--max-size <bytes>', 'refuse to write more than this, such as 500G (default: 256G)', parseSize)
    .option('--json', 'print what was done as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string, entries: readonly string[], options: ExtractOptions) => {
      const mistake = findMistake(entries, options);
      if (mistake !== undefined) command.error(`error: ${mistake}`);
      finish(await run(file, entries, options, io));
    });
};

function parseSize(text: string): number {
  const size = parseByteSize(text);
  if (size === undefined) throw new InvalidArgumentError('It must be a number of bytes such as 500G.');
  return size;
}

function findMistake(
  entries: readonly string[],
  { all, list, output, json }: ExtractOptions,
): string | undefined {
  if (all && entries.length > 0) return 'give either entries or --all';
  if (!all && !list && entries.length === 0)
    return 'say what to extract: entries, or --all; --list shows what there is';
  if (output !== '-') return undefined;
  if (all) return '--all cannot go to standard output';
  return json ? '--json and -o - both write to standard output' : undefined;
}

async function run(
  file: string,
  entries: readonly string[],
  options: ExtractOptions,
  io: Io,
): Promise<ExitCode> {
  let isDamaged = false;
  const code = await withCheckpoint(file, io, async (checkpoint) => {
    const all = await listExtractables(checkpoint);
    const items = entries.length === 0 ? all : selectExtractables(all, entries);
    if (options.list) await printList(items, options.json === true, io);
    else if (options.output === '-') await writeToOutput(items, io);
    else isDamaged = await writeToFolder(file, items, options, io);
  });
  return code === ExitCode.done && isDamaged ? ExitCode.damaged : code;
}

async function writeToOutput(items: readonly Extractable[], io: Io): Promise<void> {
  const paths = new Set(items.map(({ origin, path }) => `${origin} ${path}`));
  const item = items.at(-1);
  if (item === undefined || paths.size > 1) {
    throw new ExhibitError(
      'ENTRY_NOT_FOUND',
      `${paths.size} files have that name; standard output takes one: ${[...paths].slice(0, 3).join(', ')}…`,
    );
  }
  for await (const piece of item.content()) await io.outBytes(piece);
}

/** Returns whether something was lost. */
async function writeToFolder(
  file: string,
  items: readonly Extractable[],
  options: ExtractOptions,
  io: Io,
): Promise<boolean> {
  const folder = options.output ?? `${basename(file)}.extracted`;
  const progress = startProgress(io);
  const onProgress = (done: number, total: number): void =>
    progress.update(`extracting: ${formatBytes(done)} of ${formatBytes(total)}`);
  try {
    const target = await openExtractionFolder(resolve(io.workingDirectory, folder), {
      force: options.force === true,
    });
    const report = await extract(items, target, { limit: options.maxSize, onProgress });
    progress.end();
    await printReport(report, folder, options, io);
    return report.skipped.some(({ damaged }) => damaged);
  } finally {
    progress.end();
  }
}

async function printReport(
  report: ExtractionReport,
  folder: string,
  options: ExtractOptions,
  io: Io,
): Promise<void> {
  if (options.json) {
    await io.out(`${toJson(report)}\n`);
    return;
  }
  if (options.all) {
    const count = formatCount(report.files.length, 'file');
    await io.out(`${count}, ${formatBytes(report.bytes)}, written to ${escapeText(folder)}\n`);
  } else {
    for (const { output } of report.files) await io.out(`${escapeText(output)}\n`);
  }
  tellSkipped(report.skipped, io);
}

function tellSkipped(skipped: readonly SkippedFile[], io: Io): void {
  // What is of a kind that is never written comes after what was lost.
  const inOrder = [...skipped].sort((a, b) => Number(b.damaged) - Number(a.damaged));
  for (const { path, reason } of inOrder.slice(0, MAX_SKIPPED_LINES)) {
    io.err(`exhibit: not written: ${escapeText(path)}: ${escapeText(reason)}\n`);
  }
  if (skipped.length > MAX_SKIPPED_LINES) {
    io.err(`exhibit: not written: and ${skipped.length - MAX_SKIPPED_LINES} more; --json lists them all\n`);
  }
}

async function printList(items: readonly Extractable[], json: boolean, io: Io): Promise<void> {
  if (json) {
    await io.out(`${toJson(items.map(({ content: _, ...told }) => told))}\n`);
    return;
  }
  const columns = [
    { title: 'TYPE' },
    { title: 'SIZE', align: 'right' },
    { title: 'ORIGIN' },
    { title: 'PATH' },
  ] as const;
  const rows = items.map(({ type, size, origin, path, link_target }) => [
    type,
    formatBytes(size),
    origin,
    link_target === undefined ? path : `${path} -> ${link_target}`,
  ]);
  await io.out(renderTable(columns, rows, { width: Number.POSITIVE_INFINITY, color: io.color }));
}
