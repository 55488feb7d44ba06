import type { ArchiveIndex } from '../../archive/archive-index.ts';
import type { ByteSource } from '../../bytes/byte-source.ts';
import type { Note } from '../../bytes/note.ts';
import { PageReader } from './page-reader.ts';
import type { TextPart } from './text-part.ts';

export interface PagesOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called for what could not be searched. */
  readonly onNote?: ((note: Note) => void) | undefined;
  /** Asked first for what an entry holds: for memory that is not only in the archive. */
  readonly sourceOf?: ((entry: string) => ByteSource | undefined) | undefined;
  /** Bytes read at once. Default WINDOW_SIZE; tests use tiny ones. */
  readonly windowSize?: number | undefined;
}

/** The pages images by entry, each with its own read-ahead; only the one read last keeps a window. */
export class PagesImages {
  readonly #archive: ArchiveIndex;
  readonly #options: PagesOptions;
  readonly #missing = new Set<string>();
  #current: { readonly entry: string; readonly reader: PageReader } | undefined;

  constructor(archive: ArchiveIndex, options: PagesOptions) {
    this.#archive = archive;
    this.#options = options;
  }

  /** Undefined, with a note, when the archive has no such image. */
  reader(entry: string): PageReader | undefined {
    if (this.#current?.entry === entry) return this.#current.reader;
    const source = this.source(entry);
    if (source === undefined) return undefined;
    const reader = new PageReader(source, this.#options);
    this.#current = { entry, reader };
    return reader;
  }

  /** As `reader`. */
  source(entry: string): ByteSource | undefined {
    const filled = this.#options.sourceOf?.(entry);
    if (filled !== undefined) return filled;
    const found = this.#archive.find(entry);
    if (found !== undefined) return this.#archive.open(found);
    this.#note(entry, `${entry} is not in the archive; its pages were not searched`);
    return undefined;
  }

  /** Says that an image ends too early. */
  noteEnd(entry: string, offset: number): void {
    this.#note(entry, `${entry} ends at byte ${offset}, before its last page`);
  }

  /** One note for each image. */
  #note(entry: string, message: string): void {
    if (this.#missing.has(entry)) return;
    this.#missing.add(entry);
    this.#options.onNote?.({ severity: 'warning', message, entry });
  }
}

/** A part of a text, valid until the next one is asked for. */
export interface Block {
  readonly bytes: Uint8Array;
  /** Offset in the text. */
  readonly start: number;
  /** No byte of this stretch of memory follows. */
  readonly isLast: boolean;
  /** It came from the disk and not from a window that was there. */
  readonly isLoad: boolean;
}

/** What can be read, and who hears of what cannot. */
export type Pages = Pick<PagesImages, 'reader' | 'noteEnd'>;

/** The bytes of a text or of a part of one, front to back. What cannot be read is left out, with a note. */
export async function* blocksOf(text: TextPart, images: Pages): AsyncGenerator<Block> {
  for (const [index, piece] of text.pieces.entries()) {
    const reader = images.reader(piece.entry);
    let done = 0;
    while (reader !== undefined && done < piece.length) {
      const held = reader.peek(piece.offset + done, piece.length - done);
      const bytes = held ?? (await reader.load(piece.offset + done, piece.length - done));
      if (bytes.length === 0) {
        images.noteEnd(piece.entry, piece.offset + done);
        break;
      }
      const start = (text.starts[index] ?? 0) + done;
      done += bytes.length;
      const isLast = text.isEnd && done === piece.length && index === text.pieces.length - 1;
      yield { bytes, start, isLast, isLoad: held === undefined };
    }
  }
}
