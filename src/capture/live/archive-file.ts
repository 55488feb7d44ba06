/**
 * The archive of a live capture while it is written: NAME.part, readable by its owner only, which gets its name when it is
 * whole. Pages have places that are known before they are copied; all else goes behind them, one entry after the other.
 */
import { existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { paddingAfter, TAR_END, type TarMember, tarHeader } from '../../archive/tar-writer.ts';
import { concat } from '../../bytes/concat.ts';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { isUnfinished } from '../checkpoint-file.ts';
import { writeAll } from './memory/copy-target.ts';
import type { PlannedPages } from './memory/memory-plan.ts';

const PART = '.part';
const MODE = 0o600;
const FOLDER_MODE = 0o700;
const NANOSECONDS = 1_000_000n;

export class ArchiveFile {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #modified: bigint;
  readonly #headers: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  #end = 0;

  private constructor(file: string, handle: FileHandle, started: Date) {
    this.path = file;
    this.#handle = handle;
    this.#modified = BigInt(started.getTime()) * NANOSECONDS;
  }

  /** Makes `file`.part. Throws `FILE_EXISTS`, `WRITE_FAILED`. */
  static async create(file: string, started: Date): Promise<ArchiveFile> {
    if (existsSync(file)) throw new ExhibitError('FILE_EXISTS', `${file} is there already`, { source: file });
    try {
      await mkdir(path.dirname(file), { recursive: true, mode: FOLDER_MODE });
      return new ArchiveFile(file, await open(file + PART, 'wx', MODE), started);
    } catch (cause) {
      throw cannotWrite(file, cause);
    }
  }

  /** Where pages are copied to. */
  get target(): { readonly descriptor: number; readonly name: string } {
    return { descriptor: this.#handle.fd, name: this.path };
  }

  /**
   * Gives each image its place, and returns where its content begins. Nothing is written yet. The folder goes before them:
   * checkpointctl takes an archive without it for none.
   */
  placePages(images: readonly PlannedPages[]): (pages: PlannedPages) => number {
    const folder = tarHeader({
      type: 'directory',
      path: 'checkpoint',
      mode: FOLDER_MODE,
      modified: this.#modified,
    });
    this.#headers.push({ at: 0, bytes: folder });
    this.#end = folder.length;
    const offsets = new Map<number, number>();
    for (const { pagesId, bytes } of images) {
      const header = this.#header(`checkpoint/pages-${pagesId}.img`, bytes);
      this.#headers.push({ at: this.#end, bytes: header });
      offsets.set(pagesId, this.#end + header.length);
      this.#end += header.length + bytes + paddingAfter(bytes);
    }
    return ({ pagesId }) => offsets.get(pagesId) ?? 0;
  }

  async writePagesHeaders(): Promise<void> {
    for (const { at, bytes } of this.#headers) await writeAll(this.target, bytes, bytes.length, at);
  }

  async add(name: string, content: Uint8Array): Promise<void> {
    const padding = new Uint8Array(paddingAfter(content.length));
    await this.#append(concat([this.#header(name, content.length), content, padding]));
  }

  /** Adds an entry whose length is known when its last piece has come. */
  async addPieces(name: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const begin = this.#end;
    const contentBegin = begin + this.#lateHeader(name, 0).length;
    this.#end = contentBegin;
    for await (const piece of pieces) await this.#append(piece);
    const size = this.#end - contentBegin;
    await this.#append(new Uint8Array(paddingAfter(size)));
    const header = this.#lateHeader(name, size);
    await writeAll(this.target, header, header.length, begin);
  }

  /** Ends the archive and gives it its name. */
  async finish(): Promise<void> {
    await this.#append(TAR_END);
    try {
      // Room that was made for more pages than there were.
      await this.#handle.truncate(this.#end);
      await this.#handle.close();
      await rename(this.path + PART, this.path);
    } catch (cause) {
      throw cannotWrite(this.path, cause);
    }
  }

  /** Removes what was written. Never throws: it is done where something has failed already. */
  async abandon(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await rm(this.path + PART, { force: true }).catch(() => undefined);
  }

  async #append(bytes: Uint8Array): Promise<void> {
    await writeAll(this.target, bytes, bytes.length, this.#end);
    this.#end += bytes.length;
  }

  #header(name: string, size: number): Uint8Array {
    return tarHeader(this.#member(name, size));
  }

  /** As long for each size. */
  #lateHeader(name: string, size: number): Uint8Array {
    return tarHeader({ ...this.#member(name, size), sizeRecord: true });
  }

  #member(name: string, size: number): TarMember {
    return { type: 'file', path: name, size, mode: MODE, modified: this.#modified };
  }
}

/**
 * Removes what captures of the same container left that were killed. `label` is the one of the file's name; to be called while
 * no other capture of it runs.
 */
export async function removeLeftovers(folder: string, label: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  const beginning = `checkpoint-${label}-`;
  // Behind the label nothing but the time: another one may begin with this one.
  const isLeftover = (name: string): boolean =>
    name.startsWith(beginning) && !name.slice(beginning.length).includes('-') && isUnfinished(name);
  for (const name of names.filter(isLeftover)) await rm(path.join(folder, name), { force: true });
}

function cannotWrite(file: string, cause: unknown): ExhibitError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ExhibitError('WRITE_FAILED', `cannot write the archive: ${why}`, { source: file, cause });
}
