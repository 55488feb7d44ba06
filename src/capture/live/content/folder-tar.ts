/** A folder and all below it as a tar, as it is read: nothing is followed out of it, and other mounts in it are left out. */
import type { BigIntStats } from 'node:fs';
import { paddingAfter, TAR_END, type TarMember, tarHeader } from '../../../archive/tar-writer.ts';
import { deviceNumber } from '../proc/device-number.ts';
import type { ReadAttributes } from './extended-attributes.ts';
import { fileChunks, type OpenFolder } from './open-folder.ts';

export interface FolderTarOptions {
  /** What goes before each path: `./`, or nothing. */
  readonly prefix: string;
  /** Whether the folder itself is a member. */
  readonly withRoot: boolean;
  /** Members that stand for an entry of a folder, instead of what `memberOf` makes of it: whiteouts. */
  readonly replace?:
    | ((folder: OpenFolder, name: string, stat: BigIntStats) => string | undefined)
    | undefined;
  /** Empty files that are put into a folder besides: whiteouts of what it hides. */
  readonly marks?: ((folder: OpenFolder, path: string) => readonly string[]) | undefined;
  /** Absent where extended attributes cannot be read. */
  readonly attributes?: ReadAttributes | undefined;
  /** Told of what could not be read or was left out. */
  readonly gap: (what: string) => void;
  /** Bytes of content; what is beyond is left out. */
  readonly limit: number;
}

/** Nesting of folders; each holds a descriptor, of which a process has 1,024 by default. */
const MAX_DEPTH = 400;
const MAX_ENTRIES = 4_000_000;
const PIECE_BYTES = 256 * 1024;

/** The tar's bytes. The folder is closed at its end. */
export async function* folderTar(folder: OpenFolder, options: FolderTarOptions): AsyncGenerator<Uint8Array> {
  const walk = new Walk(folder.ownStat().dev, options);
  try {
    if (options.withRoot) yield tarHeader(walk.describeFolder(folder, options.prefix));
    yield* walk.contents(folder, '', 0);
    yield TAR_END;
  } finally {
    folder.close();
  }
}

class Walk {
  readonly #device: bigint;
  readonly #options: FolderTarOptions;
  #entries = 0;
  #bytes = 0;

  constructor(device: bigint, options: FolderTarOptions) {
    this.#device = device;
    this.#options = options;
  }

  async *contents(folder: OpenFolder, path: string, depth: number): AsyncGenerator<Uint8Array> {
    for (const mark of this.#options.marks?.(folder, path) ?? []) yield emptyFile(this.#name(path, mark));
    for (const name of folder.names()) {
      if (++this.#entries > MAX_ENTRIES) {
        this.#options.gap(`more than ${MAX_ENTRIES} files: those from ${path}/${name} on were left out`);
        return;
      }
      yield* this.#entry(folder, name, path, depth);
    }
  }

  describeFolder(folder: OpenFolder, path: string): TarMember {
    const extendedAttributes = this.#options.attributes?.(folder.pathOf('.'));
    return { ...describe(folder.ownStat(), path, undefined), extendedAttributes };
  }

  async *#entry(folder: OpenFolder, name: string, path: string, depth: number): AsyncGenerator<Uint8Array> {
    const stat = folder.stat(name);
    // It went away, or is another mount's.
    if (stat === undefined || stat.dev !== this.#device) return;
    const replacement = this.#options.replace?.(folder, name, stat);
    if (replacement !== undefined) yield emptyFile(this.#name(path, replacement));
    else if (stat.isDirectory()) yield* this.#folder(folder, name, path, depth);
    else if (stat.isFile()) yield* this.#file(folder, name, path, stat);
    // A tar has no sockets.
    else if (!stat.isSocket())
      yield tarHeader({
        ...describe(stat, this.#name(path, name), folder.link(name)),
        extendedAttributes: this.#options.attributes?.(folder.pathOf(name)),
      });
  }

  async *#folder(parent: OpenFolder, name: string, path: string, depth: number): AsyncGenerator<Uint8Array> {
    const folder = depth < MAX_DEPTH ? parent.folder(name) : undefined;
    if (folder === undefined) {
      this.#options.gap(`${path}/${name}: cannot be read${depth < MAX_DEPTH ? '' : ', it lies too deep'}`);
      return;
    }
    try {
      yield tarHeader(this.describeFolder(folder, this.#name(path, name)));
      yield* this.contents(folder, `${path}/${name}`, depth + 1);
    } finally {
      folder.close();
    }
  }

  async *#file(
    parent: OpenFolder,
    name: string,
    path: string,
    stat: BigIntStats,
  ): AsyncGenerator<Uint8Array> {
    const size = Number(stat.size);
    const descriptor = this.#bytes + size <= this.#options.limit ? parent.file(name) : undefined;
    if (descriptor === undefined) {
      const why = this.#bytes + size > this.#options.limit ? 'too large' : 'cannot be read';
      this.#options.gap(`${path}/${name}: ${why} (${size} bytes), left out`);
      return;
    }
    this.#bytes += size;
    yield tarHeader({
      ...describe(stat, this.#name(path, name), undefined),
      extendedAttributes: this.#options.attributes?.(parent.pathOf(name)),
    });
    yield* this.#content(descriptor, size, `${path}/${name}`);
    yield new Uint8Array(paddingAfter(size));
  }

  /** Exactly as many bytes as the header says: the file may grow or shrink meanwhile. */
  async *#content(descriptor: number, size: number, path: string): AsyncGenerator<Uint8Array> {
    let at = 0;
    for await (const piece of fileChunks(descriptor, size)) {
      yield piece;
      at += piece.length;
    }
    if (at < size) this.#options.gap(`${path}: ends at ${at} of ${size} bytes; the rest is zeros`);
    yield* zeros(size - at);
  }

  #name(path: string, name: string): string {
    return `${this.#options.prefix}${`${path}/${name}`.slice(1)}`;
  }
}

function* zeros(count: number): Generator<Uint8Array> {
  for (let left = count; left > 0; left -= PIECE_BYTES) yield new Uint8Array(Math.min(left, PIECE_BYTES));
}

const emptyFile = (path: string): Uint8Array =>
  tarHeader({ type: 'file', path, size: 0, mode: 0, modified: 0n });

const PERMISSIONS = 0o7777;

function describe(stat: BigIntStats, path: string, linkTarget: string | undefined): TarMember {
  return {
    type: typeOf(stat),
    path,
    size: stat.isFile() ? Number(stat.size) : 0,
    mode: Number(stat.mode) & PERMISSIONS,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    modified: stat.mtimeNs,
    linkTarget,
    device: deviceNumber(stat.rdev),
  };
}

function typeOf(stat: BigIntStats): TarMember['type'] {
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isCharacterDevice()) return 'character-device';
  if (stat.isBlockDevice()) return 'block-device';
  return stat.isFIFO() ? 'fifo' : 'file';
}
