import type { ByteSource } from '../bytes/byte-source.ts';

/** What a seek to a lone header costs, in bytes. */
const FIRST_READ = 4 * 1024;

/** What is read ahead where small entries lie close together, in bytes. */
const LARGEST_READ = 64 * 1024;

/**
 * Reads short pieces at rising offsets with few reads: while they follow one another closely the read-ahead doubles,
 * and a far seek, which is what a large entry makes, resets it.
 */
export class HeaderWindow {
  readonly #source: ByteSource;
  readonly #signal: AbortSignal | undefined;
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  #ahead = FIRST_READ;

  constructor(source: ByteSource, signal?: AbortSignal) {
    this.#source = source;
    this.#signal = signal;
  }

  /** `length` bytes at `offset`, both in bytes; fewer where the source ends. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const from = offset - this.#start;
    if (from >= 0 && from + length <= this.#bytes.length) return this.#bytes.subarray(from, from + length);
    if (offset >= this.#source.size) return new Uint8Array(0);
    const isNear = this.#bytes.length > 0 && from >= 0 && from <= this.#bytes.length + FIRST_READ;
    this.#ahead = isNear ? Math.min(this.#ahead * 2, LARGEST_READ) : FIRST_READ;
    const wanted = Math.min(Math.max(length, this.#ahead), this.#source.size - offset);
    this.#bytes = await this.#source.read(offset, wanted, this.#signal);
    this.#start = offset;
    return this.#bytes.subarray(0, length);
  }
}
