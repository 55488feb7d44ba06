import type { ArchiveIndex } from '../archive/archive-index.ts';
import type { ByteSource } from '../bytes/byte-source.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { SourceLocation } from '../bytes/source-location.ts';
import { type Entry, readTyped } from '../criu/image.ts';
import type { ImageKind } from '../criu/image-kinds.ts';
import { messageRange } from '../criu/wire.ts';
import { openEntry } from './entry-source.ts';
import type { NoteBook } from './note-book.ts';

/** The CRIU images of one checkpoint, by file name. Each is decoded when asked for. */
export class ImageSet {
  readonly #archive: ArchiveIndex;
  readonly #folder: string;
  readonly #names = new Set<string>();
  readonly notes: NoteBook;

  /** `folder` is where the images lie in the archive, with its closing slash. */
  constructor(archive: ArchiveIndex, folder: string, notes: NoteBook) {
    this.#archive = archive;
    this.#folder = folder;
    this.notes = notes;
    for (const { type, path } of archive.entries) {
      const isFile = type === 'file' || type === 'hardlink';
      if (isFile && path.startsWith(folder)) this.#names.add(path.slice(folder.length));
    }
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  names(): readonly string[] {
    return [...this.#names];
  }

  /** The path in the archive of an image, there or not, for locations and messages. */
  pathOf(name: string): string {
    return this.#folder + name;
  }

  /** Bytes that are really there; 0 for an image that is not. */
  sizeOf(name: string): number {
    return this.source(name)?.size ?? 0;
  }

  source(name: string): ByteSource | undefined {
    return this.sourceOf(this.pathOf(name));
  }

  /** The content of any entry of the archive, by its path. */
  sourceOf(path: string): ByteSource | undefined {
    return openEntry(this.#archive, path, this.notes);
  }

  /** All messages of an image. An absent image has none; a damaged one those before the damage, and a note. */
  async read<First, Later>(
    name: string,
    kind: ImageKind<First, Later>,
  ): Promise<readonly Entry<First | Later>[]> {
    const source = this.source(name);
    if (source === undefined) return [];
    try {
      const { entries, notes } = await readTyped(source, this.pathOf(name), kind);
      this.notes.add(...notes);
      return entries;
    } catch (error) {
      if (!(error instanceof ExhibitError)) throw error;
      this.notes.warn(`${error.message}; left out`, this.pathOf(name));
      return [];
    }
  }

  /** The first message of an image that should have one. */
  async readOne<First, Later>(
    name: string,
    kind: ImageKind<First, Later>,
  ): Promise<Entry<First | Later> | undefined> {
    return (await this.read(name, kind))[0];
  }

  locate(name: string, range: { readonly offset: number; readonly length: number }): SourceLocation {
    return { entry: this.pathOf(name), offset: range.offset, length: range.length };
  }

  /** The place of a decoded message, nested ones too. */
  locateMessage(name: string, message: object): SourceLocation {
    return this.locate(name, messageRange(message) ?? { offset: 0, length: 0 });
  }
}
