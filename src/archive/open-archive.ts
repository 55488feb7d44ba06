import { type ByteSource, sliceSource } from '../bytes/byte-source.ts';
import type { Decoder, Decoders } from '../bytes/decoder.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { Note } from '../bytes/note.ts';
import type { ArchiveEntry, ArchiveIndex, Compression } from './archive-index.ts';
import { entryPath } from './archive-path.ts';
import { describeContent, detectCompression, HEAD_LENGTH } from './content-kind.ts';
import { gunzip } from './gzip.ts';
import { BLOCK, isZeroBlock, parseTarHeader } from './tar-header.ts';
import { type TarWalkResult, walkTar } from './tar-walk.ts';
import { type Unpacked, type UnpackOptions, unpack } from './unpack.ts';
import { zstdDecoder } from './zstd.ts';

/** A hard link that leads to a hard link that …; honest tars link to the file itself. */
const MAX_LINK_DEPTH = 40;

/** A file whose first block is no header is searched this far for one before it is told to be no archive, in bytes. */
const DAMAGED_START_LIMIT = 1024 * 1024;

export interface OpenArchiveOptions extends UnpackOptions {
  /** Faster decoders than the portable ones, as `bytes/node-decoders.ts` has them. */
  readonly decoders?: Decoders | undefined;
}

/**
 * Indexes the tar in `source`. A plain one costs a short read for each entry, whatever its size; gzip and zstd are
 * unpacked once. Also opens the archives within an archive: `openArchive(index.open(entry), options)`, or shorter
 * `index.openNested(entry)`.
 *
 * Throws `NOT_AN_ARCHIVE` when there is no tar in it, `LIMIT_EXCEEDED` when it unpacks to more than is allowed, and what
 * `source` throws. Damage is no error but a note of the index.
 */
export async function openArchive(
  source: ByteSource,
  options: OpenArchiveOptions = {},
): Promise<ArchiveIndex> {
  const head = await source.read(0, HEAD_LENGTH, options.signal);
  const compression = detectCompression(head);
  if (compression === 'none') {
    return index(source, await walk(source, head, compression, options), { compression, source, options });
  }
  const unpacked = await unpack(source, decoderOf(compression, options), options, (start) =>
    refuseOther(start, compression),
  );
  try {
    const start = await unpacked.bytes.read(0, HEAD_LENGTH);
    const walked = await walk(unpacked.bytes, start, compression, options);
    return index(unpacked.bytes, walked, { compression, source, options, unpacked });
  } catch (error) {
    await unpacked.bytes.close();
    throw error;
  }
}

function decoderOf(compression: 'gzip' | 'zstd', { decoders }: OpenArchiveOptions): Decoder {
  if (compression === 'gzip') return decoders?.gzip ?? gunzip;
  return zstdDecoder(decoders?.startZstd, decoders?.zstd);
}

async function walk(
  tar: ByteSource,
  head: Uint8Array,
  compression: Compression,
  options: OpenArchiveOptions,
): Promise<TarWalkResult> {
  refuseOther(head, compression);
  const looksLikeTar = isTarStart(head);
  const resyncLimit = looksLikeTar ? undefined : DAMAGED_START_LIMIT;
  const walked = await walkTar(tar, { signal: options.signal, resyncLimit });
  if (!looksLikeTar && walked.entries.length === 0)
    throw notAnArchive('data of an unknown kind', compression);
  return walked;
}

/** Throws when `head` is the beginning of something that is known and no tar. */
function refuseOther(head: Uint8Array, compression: Compression): void {
  const kind = isTarStart(head) ? undefined : describeContent(head);
  if (kind !== undefined) throw notAnArchive(kind, compression);
}

/** A zero block is the end mark of an empty tar. */
function isTarStart(head: Uint8Array): boolean {
  if (head.length < BLOCK) return false;
  if (isZeroBlock(head)) return true;
  const header = parseTarHeader(head);
  return header.checksumValid || header.format !== 'v7';
}

function notAnArchive(kind: string, compression: Compression): ExhibitError {
  const what = compression === 'none' ? kind : `${compression} data that holds ${kind}`;
  return new ExhibitError(
    'NOT_AN_ARCHIVE',
    `this is not a checkpoint archive (a tar, plain or gzip or zstd) but ${what}`,
  );
}

interface Origin {
  readonly compression: Compression;
  readonly source: ByteSource;
  readonly options: OpenArchiveOptions;
  readonly unpacked?: Unpacked;
}

function index(tar: ByteSource, walked: TarWalkResult, origin: Origin): ArchiveIndex {
  const { compression, source, options, unpacked } = origin;
  const byPath = new Map(walked.entries.map((entry) => [entry.path, entry]));
  const open = (entry: ArchiveEntry): ByteSource => {
    const { offset, size } = followLinks(entry, walked.entries, byPath);
    return sliceSource(tar, offset, size);
  };
  const nested = new NestedArchives(options);
  return {
    compression,
    storedSize: source.size,
    entries: walked.entries,
    tail: walked.tail,
    notes: [...(unpacked?.notes ?? []), ...walked.notes] satisfies readonly Note[],
    find: (path) => byPath.get(path),
    open,
    openNested: async (entry) => nested.open(open(entry)),
    tar,
    close: async () => {
      await nested.close();
      await unpacked?.bytes.close();
    },
  };
}

/** The archives within an archive: together they stay within the limits of one, and they are closed with it. */
class NestedArchives {
  readonly #options: OpenArchiveOptions;
  readonly #opened: ArchiveIndex[] = [];
  /** Bytes that take room until all is closed. */
  #unpacked: number;

  constructor(options: OpenArchiveOptions) {
    this.#options = options;
    this.#unpacked = options.unpackedBefore ?? 0;
  }

  async open(source: ByteSource): Promise<ArchiveIndex> {
    const options = { ...this.#options, unpackedBefore: this.#unpacked, onProgress: undefined };
    const archive = await openArchive(source, options);
    this.#opened.push(archive);
    if (archive.compression !== 'none') this.#unpacked += archive.tar.size;
    return archive;
  }

  async close(): Promise<void> {
    for (const archive of this.#opened.splice(0)) await archive.close();
  }
}

function followLinks(
  start: ArchiveEntry,
  entries: readonly ArchiveEntry[],
  byPath: ReadonlyMap<string, ArchiveEntry>,
): ArchiveEntry {
  let entry = start;
  for (let depth = 0; entry.type === 'hardlink'; depth++) {
    const target = entryPath(entry.linkTarget ?? '');
    const found = byPath.get(target);
    // A later entry of the link's own path may have taken its place in the map.
    const next = found === entry ? entries.find((other) => other.path === target && other !== entry) : found;
    if (next === undefined || depth >= MAX_LINK_DEPTH) {
      const message = `${start.path} is a hard link to ${target}, which is not in the archive`;
      throw new ExhibitError('ENTRY_NOT_FOUND', message, { source: start.path });
    }
    entry = next;
  }
  return entry;
}
