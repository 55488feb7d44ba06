import type { ByteSource } from '../bytes/byte-source.ts';

/** Bytes fetched at once: most images fit whole, larger ones cost few reads. */
const WINDOW = 1024 * 1024;

/** A window that moves forward over a source, so that small neighbouring reads cost one read of the source. */
export class ReadWindow {
  readonly source: ByteSource;
  #start = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(source: ByteSource) {
    this.source = source;
  }

  /** `length` bytes at `offset` if the window holds them. */
  at(offset: number, length: number): Uint8Array | undefined {
    const from = offset - this.#start;
    if (from < 0 || from + length > this.#bytes.length) return undefined;
    return this.#bytes.subarray(from, from + length);
  }

  /** Moves the window to `offset`; fewer than `length` bytes come back only where the source ends. */
  async fill(offset: number, length: number): Promise<Uint8Array> {
    this.#bytes = await this.source.read(offset, Math.max(length, WINDOW));
    this.#start = offset;
    return this.#bytes.subarray(0, length);
  }
}
