import { type ByteSource, type PiecesOptions, piecesOf } from '../bytes/byte-source.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';

const PIECE = 256 * 1024;

/** Reads a source from its beginning in exact amounts, each at most a few hundred KiB. */
export class PieceReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #buffer: Uint8Array = new Uint8Array(0);
  #offset = 0;

  constructor(source: ByteSource, options: PiecesOptions) {
    this.#pieces = piecesOf(source, PIECE, options);
  }

  /** Where the next byte lies in the source. */
  get offset(): number {
    return this.#offset;
  }

  async isAtEnd(): Promise<boolean> {
    return !(await this.#fill(1));
  }

  /** The next `length` bytes; throws `CUT_SHORT` where the source ends before. */
  async take(length: number): Promise<Uint8Array> {
    if (!(await this.#fill(length))) {
      const message = `the compressed data is cut short at offset ${this.#offset + this.#buffer.length}`;
      throw new ExhibitError('CUT_SHORT', message, { offset: this.#offset });
    }
    const bytes = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    this.#offset += length;
    return bytes;
  }

  async skip(length: number): Promise<void> {
    for (let left = length; left > 0; ) {
      left -= (await this.take(Math.min(left, PIECE))).length;
    }
  }

  async #fill(length: number): Promise<boolean> {
    while (this.#buffer.length < length) {
      const { done, value } = await this.#pieces.next();
      if (done) return false;
      const joined = new Uint8Array(this.#buffer.length + value.length);
      joined.set(this.#buffer);
      joined.set(value, this.#buffer.length);
      this.#buffer = joined;
    }
    return true;
  }
}
