/** Brings one archive from a node here: streamed, gone on with after a cut, and hashed on both sides. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { hashFile } from '../node-files.ts';
import { localName } from './naming.ts';
import { hashOnNode, type NodeFile, type NodeShell, readFrom } from './node-folder.ts';
import { checkSpace, keptBytes, PartFile } from './part-file.ts';
import { persist } from './persist.ts';

export interface TransferOptions {
  /** A folder here, absolute. */
  readonly folder: string;
  /** Writes over an archive of that name that is another. */
  readonly force: boolean;
  readonly onProgress: (progress: TransferProgress) => void;
}

export interface TransferProgress {
  readonly name: string;
  readonly stage: 'copying' | 'hashing';
  /** Bytes here. */
  readonly done: number;
  readonly total: number;
}

/** An archive that is here, whole. */
export interface CollectedArchive {
  readonly node: string;
  /** On the node. */
  readonly path: string;
  /** Here. */
  readonly file: string;
  readonly size: number;
  /** Of both: they were found equal. */
  readonly sha256: string;
  /** When the node wrote it, by its clock; ISO 8601. */
  readonly modified: string;
  readonly status: 'collected' | 'already-here';
  /** Bytes that an earlier run had brought. */
  readonly resumed_from: number;
  readonly seconds: number;
}

/** Throws `FILE_EXISTS`, `WRITE_FAILED`, `ARCHIVE_CHANGED`, and what reading from the node throws. */
export async function transfer(
  reader: NodeShell,
  file: NodeFile,
  options: TransferOptions,
): Promise<CollectedArchive> {
  const began = Date.now();
  const final = path.join(options.folder, localName(file.name));
  const same = options.force ? undefined : await compareExisting(reader, file, final);
  const { sha256, resumedFrom } = same ?? (await fetchWhole(reader, file, final, options));
  return {
    node: reader.node,
    path: `${reader.folder}/${file.name}`,
    file: final,
    size: file.size,
    sha256,
    modified: file.modified,
    status: same === undefined ? 'collected' : 'already-here',
    resumed_from: resumedFrom,
    seconds: (Date.now() - began) / 1000,
  };
}

interface Arrival {
  readonly sha256: string;
  readonly resumedFrom: number;
}

async function compareExisting(
  reader: NodeShell,
  file: NodeFile,
  final: string,
): Promise<Arrival | undefined> {
  const here = await stat(final).catch(() => undefined);
  if (here === undefined) return undefined;
  if (here.isFile() && here.size === file.size) {
    const [sha256, there] = await Promise.all([hashFile(final), hashPersistently(reader, file)]);
    if (sha256 === there) return { sha256, resumedFrom: 0 };
  }
  const message = `${final} exists, is another file than the one on node ${reader.node}, and is not written over`;
  throw new ExhibitError('FILE_EXISTS', message, { help: ['name another folder: -o DIR; or: --force'] });
}

async function fetchWhole(
  reader: NodeShell,
  file: NodeFile,
  final: string,
  options: TransferOptions,
): Promise<Arrival> {
  await checkSpace(options.folder, file.size - (await keptBytes(final)));
  const part = await PartFile.open(final);
  try {
    const resumedFrom = await takeUp(reader, file, part);
    await copy(reader, file, part, options);
    await part.sync();
    options.onProgress({ name: file.name, stage: 'hashing', done: file.size, total: file.size });
    const [sha256, there] = await Promise.all([part.hash(), hashPersistently(reader, file)]);
    if (sha256 !== there) throw changed(file, `its SHA-256 is ${there} there and ${sha256} here`);
    reader.signal.throwIfAborted();
    await part.finish(file.modified);
    return { sha256, resumedFrom };
  } catch (error) {
    throw withWayOn(error, part);
  } finally {
    await part.close();
  }
}

/** What is here already is not lost. */
function withWayOn(error: unknown, part: PartFile): unknown {
  if (!(error instanceof ExhibitError) || error.code === 'ARCHIVE_CHANGED' || part.blocks === 0) return error;
  const kept = `${part.length} bytes are kept in ${part.path}: the same command goes on from there`;
  return new ExhibitError(error.code, error.message, { help: [...error.help, kept], cause: error });
}

/** Keeps what is here already if it is the beginning of that file, else nothing. Bytes kept. */
async function takeUp(reader: NodeShell, file: NodeFile, part: PartFile): Promise<number> {
  const { blocks } = part;
  await part.keepBlocks(blocks);
  if (blocks === 0) return 0;
  const [here, there] = await Promise.all([part.hash(), hashPersistently(reader, file, blocks)]);
  if (here === there && part.length <= file.size) return part.length;
  reader.tell(`${part.path} is not the beginning of this archive: beginning anew`);
  await part.keepBlocks(0);
  return 0;
}

async function copy(
  reader: NodeShell,
  file: NodeFile,
  part: PartFile,
  { onProgress }: TransferOptions,
): Promise<void> {
  const onBytes = async (bytes: Uint8Array): Promise<void> => {
    if (part.length + bytes.length > file.size) throw changed(file, 'it has grown');
    await part.append(bytes);
    onProgress({ name: file.name, stage: 'copying', done: part.length, total: file.size });
  };
  const goOn = async (): Promise<void> => {
    await part.keepBlocks(part.blocks);
    if (part.length < file.size) await readFrom(reader, file.name, part.blocks, onBytes);
    // Kubelets have been seen to lose the end of a stream and to tell success (kubernetes#60140).
    if (part.length < file.size) {
      throw new ExhibitError(
        'COLLECT_STREAM_CUT',
        `the stream of ${file.name} ended after ${part.length} of ${file.size} bytes`,
      );
    }
  };
  await persist(
    goOn,
    retries(reader, () => part.length),
  );
}

function hashPersistently(reader: NodeShell, file: NodeFile, blocks?: number): Promise<string> {
  return persist(() => hashOnNode(reader, file.name, blocks), retries(reader));
}

function retries(reader: NodeShell, progress?: () => number) {
  return {
    signal: reader.signal,
    progress,
    onRetry: ({ message }: ExhibitError, pause: number) =>
      reader.tell(`${message}; going on in ${pause / 1000} s`),
  };
}

function changed(file: NodeFile, how: string): ExhibitError {
  return new ExhibitError(
    'ARCHIVE_CHANGED',
    `${file.name} changed on the node while it was collected: ${how}`,
    {
      help: ['Is a capture still writing it? Wait until it is done and run the same again.'],
    },
  );
}
