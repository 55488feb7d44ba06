import { resolve } from 'node:path';
import type { ArchiveEntry, ArchiveIndex } from '../archive/archive-index.ts';
import type { ByteSource } from '../bytes/byte-source.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { openFileSource } from '../bytes/file-source.ts';
import type { Note } from '../bytes/note.ts';
import { type CritJsonOptions, writeCritJson } from '../criu/crit-json.ts';
import { readHeader } from '../criu/image.ts';
import { isImageName, rawKindOf } from '../criu/image-kinds.ts';
import { isReadableRaw, writeRawJson } from '../criu/raw-json.ts';
import type { ConfigureCommand } from './command.ts';
import type { ExitCode, Io } from './io.ts';
import { openArchiveOf } from './open.ts';
import { tellWarnings } from './report.ts';

const DETAILS = `
FILE is a checkpoint archive, or a single image that was copied out of one.
IMAGE is a name such as pstree.img, core-1 or checkpoint/pstree.img. One IMAGE is
printed as \`crit decode\` prints it. Several, or all when none is named, come as
JSON Lines that tell the image's name first. Raw images are not crit's: network dumps
and firewall rules are printed in a form of our own, pages only among all images, by
what they are.

Examples:
  exhibit decode checkpoint.tar pstree
  exhibit decode checkpoint.tar core-1 --pretty
  exhibit decode checkpoint.tar | jq -c 'select(.magic == "FDINFO") | .entries[]'
  exhibit decode checkpoint/files.img --pretty`;

/** Near matches that are told for a name that is not there. */
const MAX_SUGGESTIONS = 8;

interface DecodeOptions {
  readonly pretty?: true;
  readonly jsonLines?: true;
}

export const configure: ConfigureCommand = (command, io, finish) => {
  command
    .argument('<file>', 'checkpoint archive or CRIU image')
    .argument('[image...]', 'images of the archive; all of them by default')
    .option('--pretty', 'indented, with flags, addresses and states in words, as crit does it')
    .option('--json-lines', 'one line an image, with its name, for a single one too')
    .addHelpText('after', DETAILS)
    .action(async (file: string, images: readonly string[], options: DecodeOptions) => {
      finish(await decode(file, images, options, io));
    });
};

async function decode(
  file: string,
  images: readonly string[],
  options: DecodeOptions,
  io: Io,
): Promise<ExitCode> {
  const source = await openFileSource(resolve(io.workingDirectory, file));
  try {
    if (!(await isImage(file, source))) return await decodeArchive(file, source, images, options, io);
    if (images.length > 0) {
      throw new ExhibitError(
        'NOT_AN_ARCHIVE',
        `${file} is an image, not an archive: leave out ${images.join(' ')}`,
      );
    }
    return tellWarnings(file, await printImage(file, source, options.jsonLines === true, options, io), io);
  } finally {
    await source.close();
  }
}

async function isImage(file: string, source: ByteSource): Promise<boolean> {
  try {
    await readHeader(file, source);
    return true;
  } catch (error) {
    if (error instanceof ExhibitError && error.code === 'BAD_IMAGE') return false;
    throw error;
  }
}

async function decodeArchive(
  file: string,
  source: ByteSource,
  images: readonly string[],
  options: DecodeOptions,
  io: Io,
): Promise<ExitCode> {
  const archive = await openArchiveOf(file, source, io);
  try {
    const entries = imageEntries(archive);
    const chosen =
      images.length === 0 ? entries : images.map((name) => findImage(file, archive, entries, name));
    const [only] = chosen;
    if (only === undefined)
      throw new ExhibitError('ENTRY_NOT_FOUND', `${file} holds no CRIU image`, { source: file });
    const notes: Note[] = [...archive.notes];
    if (images.length === 1 && options.jsonLines !== true) {
      notes.push(...(await printImage(only.path, archive.open(only), false, options, io)));
    } else {
      for (const entry of chosen) notes.push(...(await printOneOfMany(entry, archive, options, io)));
    }
    return tellWarnings(file, notes, io);
  } finally {
    await archive.close();
  }
}

/** The last entry of each path that CRIU could have written. */
function imageEntries(archive: ArchiveIndex): readonly ArchiveEntry[] {
  return archive.entries.filter(
    (entry) =>
      (entry.type === 'file' || entry.type === 'hardlink') &&
      (entry.path.endsWith('.img') || isImageName(entry.path)) &&
      archive.find(entry.path) === entry,
  );
}

function findImage(
  file: string,
  archive: ArchiveIndex,
  entries: readonly ArchiveEntry[],
  name: string,
): ArchiveEntry {
  const wanted = name.replace(/^(\.?\/)+/, '');
  const exact = archive.find(wanted);
  if (exact !== undefined && exact.type !== 'directory') return exact;
  const matches = entries.filter((entry) =>
    [wanted, `${wanted}.img`].some((each) => entry.path === each || entry.path.endsWith(`/${each}`)),
  );
  const [match] = matches;
  if (match !== undefined && matches.length === 1) return match;
  if (match !== undefined) {
    throw new ExhibitError(
      'ENTRY_NOT_FOUND',
      `${file} holds several images named ${name}; give one by its path:`,
      {
        source: file,
        help: matches.slice(0, MAX_SUGGESTIONS).map((entry) => entry.path),
      },
    );
  }
  const near = nearest(
    baseName(wanted),
    entries.map((entry) => entry.path),
  );
  throw new ExhibitError(
    'ENTRY_NOT_FOUND',
    `${file} holds no image ${name}${near.length > 0 ? '. Near it are:' : ''}`,
    {
      source: file,
      help: near.length > 0 ? near : ['Without an image name all are printed, each with its name.'],
    },
  );
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Names that share their beginning with the wanted one, longest first, in order of the number that ends them. */
function nearest(wanted: string, paths: readonly string[]): readonly string[] {
  const scored = paths.map((path) => ({ path, shared: sharedPrefix(baseName(path), wanted) }));
  const best = Math.max(0, ...scored.map((each) => each.shared));
  const enough = Math.max(2, best - 1);
  const near = scored.filter((each) => each.shared >= enough).sort((a, b) => b.shared - a.shared);
  return near.slice(0, MAX_SUGGESTIONS).map((each) => each.path);
}

function sharedPrefix(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

async function printImage(
  name: string,
  source: ByteSource,
  withName: boolean,
  options: DecodeOptions,
  io: Io,
): Promise<readonly Note[]> {
  const json: CritJsonOptions = {
    pretty: options.pretty === true,
    ...(withName ? { prefix: { image: name } } : {}),
  };
  const raw = rawKindOf(name);
  try {
    const notes =
      raw !== undefined && (withName || isReadableRaw(raw))
        ? await writeRawJson(name, raw, source, io.out, json)
        : await writeCritJson(name, source, io.out, json);
    await io.out('\n');
    return notes;
  } catch (error) {
    throw error instanceof ExhibitError && error.code === 'RAW_IMAGE' ? withAdvice(error, name) : error;
  }
}

/** Which command reads what a raw image holds. */
function withAdvice(error: ExhibitError, name: string): ExhibitError {
  const isMemory = /PAGES/.test(rawKindOf(name)?.name ?? '');
  const command = isMemory ? 'exhibit memparse FILE' : `exhibit extract FILE ${baseName(name)} -o DIR`;
  return new ExhibitError(error.code, error.message, {
    source: error.source,
    help: [`To read it: ${command}`],
  });
}

/** One image of a stream: what is no image is a note. */
async function printOneOfMany(
  entry: ArchiveEntry,
  archive: ArchiveIndex,
  options: DecodeOptions,
  io: Io,
): Promise<readonly Note[]> {
  try {
    return await printImage(entry.path, archive.open(entry), true, options, io);
  } catch (error) {
    if (!(error instanceof ExhibitError) || error.code !== 'BAD_IMAGE') throw error;
    return [{ severity: 'warning', message: error.message, entry: entry.path }];
  }
}
