import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { selectFilled } from '../../analysis/filled-selection.ts';
import { imageParts, layOutImage, type MemoryImage } from '../../analysis/memory-image.ts';
import type { MemoryFilter, SelectedMemory } from '../../analysis/memory-selection.ts';
import { formatAddress } from '../../bytes/brand.ts';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import type { Note } from '../../bytes/note.ts';
import { bytesInPages } from '../../checkpoint/address-space.ts';
import type { Checkpoint } from '../../checkpoint/checkpoint.ts';
import type { RootFiles } from '../../checkpoint/root-files.ts';
import type { Io } from '../io.ts';
import { sparseFile } from '../sparse-file.ts';
import { escapeText, toJson } from '../terminal/escape.ts';
import { formatBytes } from '../terminal/format.ts';
import { startProgress } from '../terminal/progress.ts';
import { renderTable } from '../terminal/table.ts';

export interface DumpOptions {
  readonly output: string;
  readonly force: boolean;
  readonly json: boolean;
  /** Where unmodified pages of mapped files are read from. */
  readonly files: RootFiles | undefined;
  /** Is told of files that are not the ones that were mapped. */
  readonly onNote: (note: Note) => void;
}

/** A line of the map: what `memory --dump --json` prints. */
interface DumpedRegion {
  readonly archive: string;
  readonly pid: number;
  readonly comm: string;
  readonly start: string;
  readonly end: string;
  readonly permissions: string;
  readonly kind: string;
  readonly name: string;
  readonly present: number;
  /** Bytes that are of the mapped file and not of the archive's pages. */
  readonly filled: number;
  readonly output: string;
  /** In that file; undefined for a region that is left out, because nothing of it can be read. */
  readonly offset: number | undefined;
}

/** Writes the memory of one process that the filter leaves to a file, and prints where in it each region is. */
export async function dumpToFile(
  checkpoint: Checkpoint,
  filter: MemoryFilter,
  options: DumpOptions,
  io: Io,
): Promise<void> {
  const { memory, close } = await selectFilled(checkpoint, filter, options.files, options.onNote);
  try {
    await dumpSelected(checkpoint, theOnly(memory), options, io);
  } finally {
    await close();
  }
}

async function dumpSelected(
  checkpoint: Checkpoint,
  selected: SelectedMemory,
  options: DumpOptions,
  io: Io,
): Promise<void> {
  const image = layOutImage(selected.space);
  if (image.size === 0) {
    throw new ExhibitError(
      'BAD_RANGE',
      'the archive has no byte of that memory; --regions shows what it has',
    );
  }
  await keepEvidence(options, checkpoint.name, io);
  await write(selected, image, options, io);
  const map = mapOf(checkpoint.name, selected, image, options.output);
  await io.out(options.json ? map.map((line) => `${toJson(line, 0)}\n`).join('') : renderMap(map, io));
  const sizes = `${formatBytes(image.presentBytes)} of memory, ${formatBytes(image.size)} with holes`;
  io.err(`exhibit: wrote ${sizes}, to ${escapeText(options.output)}\n`);
}

function theOnly(memory: readonly SelectedMemory[]): SelectedMemory {
  const some = memory.filter(({ space }) => space.regions.length > 0);
  const [first, second] = some;
  if (first === undefined) {
    throw new ExhibitError('BAD_RANGE', 'no process has such memory; --regions shows what there is');
  }
  if (second !== undefined) {
    const pids = some.map(({ process }) => process.pid).join(', ');
    throw new ExhibitError(
      'BAD_RANGE',
      `several processes have such memory (${pids}); choose one with --pid`,
    );
  }
  return first;
}

/** Whatever --force says, the archive itself is never replaced. */
async function keepEvidence({ output }: DumpOptions, archive: string, io: Io): Promise<void> {
  const [evidence, there] = await Promise.all(
    [archive, output].map((path) => stat(resolve(io.workingDirectory, path)).catch(() => undefined)),
  );
  if (there === undefined || evidence?.ino !== there.ino || evidence.dev !== there.dev) return;
  throw new ExhibitError('FILE_EXISTS', `${output} is the archive that is read; name another file`, {
    source: output,
  });
}

async function write(
  { space }: SelectedMemory,
  image: MemoryImage,
  { output, force }: DumpOptions,
  io: Io,
): Promise<void> {
  const file = sparseFile(resolve(io.workingDirectory, output), { force, choice: 'name another with -o' });
  const progress = startProgress(io);
  let done = 0;
  try {
    for await (const { offset, bytes } of imageParts(space, image)) {
      await file.write(bytes, offset);
      done += bytes.length;
      progress.update(`writing ${output}: ${formatBytes(done)}`);
    }
    await file.finish(image.size);
  } catch (error) {
    await file.discard();
    throw error;
  } finally {
    progress.end();
  }
}

function mapOf(
  archive: string,
  { process: { pid, comm } }: SelectedMemory,
  { regions }: MemoryImage,
  output: string,
): readonly DumpedRegion[] {
  return regions.map(({ region, offset }) => ({
    archive,
    pid,
    comm,
    start: formatAddress(region.start),
    end: formatAddress(region.end),
    permissions: region.permissions,
    kind: region.kind,
    name: region.name,
    present: bytesInPages(region),
    filled: region.filledBytes ?? 0,
    output,
    offset,
  }));
}

function renderMap(map: readonly DumpedRegion[], { columns, color }: Io): string {
  const isFilled = map.some(({ filled }) => filled > 0);
  const rows = map.map(({ offset, start, end, permissions, present, filled, kind, name }) => [
    offset === undefined ? 'left out' : `0x${offset.toString(16)}`,
    `${start}-${end.slice(2)}`,
    permissions,
    formatBytes(present),
    ...(isFilled ? [formatBytes(filled)] : []),
    name || kind,
  ]);
  const heads = [
    { title: 'OFFSET', align: 'right' },
    { title: 'ADDRESS' },
    { title: 'PERM' },
    { title: 'IN ARCHIVE', align: 'right' },
    ...(isFilled ? [{ title: 'OF FILE', align: 'right' } as const] : []),
    { title: 'NAME', overflow: 'wrap' },
  ] as const;
  return renderTable(heads, rows, { width: columns, color });
}
