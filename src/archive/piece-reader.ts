import { type ByteSource, fillFromSource, type PiecesOptions } from '../bytes/byte-source.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';

/** Read at once, in bytes. */
const PIECE = 512 * 1024;

/** The most that is viewed at once, in bytes: a block of zstd. */
const MAX_VIEW = 128 * 1024;

/**
 * Reads a source from its beginning in exact amounts. It has two rooms in turns: while one is looked at, the next piece is
 * read into the other, behind space for what will be left of the first.
 */
export class PieceReader {
  readonly #source: ByteSource;
  readonly #options: PiecesOptions;
  /** The room that is looked at, and where in it the bytes lie that were not taken yet. */
  #room: Uint8Array;
  #from = MAX_VIEW;
  #to = MAX_VIEW;
  #otherRoom: Uint8Array;
  /** How many bytes come into the other room. */
  #ahead: Promise<number> | undefined;
  /** Where the piece ahead begins in the source. */
  #read = 0;

  constructor(source: ByteSource, options: PiecesOptions) {
    this.#source = source;
    this.#options = options;
    const length = MAX_VIEW + Math.min(PIECE, source.size);
    this.#room = new Uint8Array(length);
    this.#otherRoom = new Uint8Array(length);
  }

  /** Where the next byte lies in the source. */
  get offset(): number {
    return this.#read - (this.#to - this.#from);
  }

  async isAtEnd(): Promise<boolean> {
    return !(await this.#fill(1));
  }

  /** The next `length` bytes, which stay valid; throws `CUT_SHORT` where the source ends before. For a few bytes. */
  async take(length: number): Promise<Uint8Array> {
    return (await this.view(length)).slice();
  }

  /** As `take`, up to MAX_VIEW bytes, which are valid until more is asked for. */
  async view(length: number): Promise<Uint8Array> {
    if (!(await this.#fill(length))) {
      const { offset } = this;
      const message = `the compressed data is cut short at offset ${this.#read}`;
      throw new ExhibitError('CUT_SHORT', message, { offset });
    }
    const bytes = this.#room.subarray(this.#from, this.#from + length);
    this.#from += length;
    return bytes;
  }

  async skip(length: number): Promise<void> {
    for (let left = length; left > 0; ) {
      left -= (await this.view(Math.min(left, MAX_VIEW))).length;
    }
  }

  async #fill(length: number): Promise<boolean> {
    while (this.#to - this.#from < length) if (!(await this.#nextPiece())) return false;
    return true;
  }

  async #nextPiece(): Promise<boolean> {
    const { signal, onProgress } = this.#options;
    signal?.throwIfAborted();
    const count = await (this.#ahead ?? this.#readInto(this.#otherRoom));
    this.#ahead = undefined;
    if (count === 0) return false;
    const left = this.#room.subarray(this.#from, this.#to);
    this.#otherRoom.set(left, MAX_VIEW - left.length);
    [this.#room, this.#otherRoom] = [this.#otherRoom, this.#room];
    this.#from = MAX_VIEW - left.length;
    this.#to = MAX_VIEW + count;
    this.#read += count;
    onProgress?.(this.#read);
    if (this.#read < this.#source.size) {
      this.#ahead = this.#readInto(this.#otherRoom);
      // Whoever needs the piece meets the error; nobody may.
      this.#ahead.catch(() => undefined);
    }
    return true;
  }

  async #readInto(room: Uint8Array): Promise<number> {
    const length = Math.min(PIECE, this.#source.size - this.#read);
    if (length <= 0) return 0;
    const target = room.subarray(MAX_VIEW, MAX_VIEW + length);
    return fillFromSource(this.#source, target, this.#read, this.#options.signal);
  }
}
