import { concat } from '../../bytes/concat.ts';

/** Takes bytes for places in a file. What it never gets, between places and up to the end, is zeros. */
export interface CoreSink {
  /** The bytes are the sink's until it is done with them. */
  write(bytes: Uint8Array, offset: number): Promise<void>;
}

/** Small records are collected to chunks of this many bytes. */
const CHUNK = 1024 * 1024;

/** Writes records one after another from a place on. */
export class ChunkWriter {
  readonly #sink: CoreSink;
  #parts: Uint8Array[] = [];
  #collected = 0;
  #offset: number;

  constructor(sink: CoreSink, offset: number) {
    this.#sink = sink;
    this.#offset = offset;
  }

  /** Where the next record goes. */
  get offset(): number {
    return this.#offset + this.#collected;
  }

  async write(record: Uint8Array): Promise<void> {
    this.#parts.push(record);
    this.#collected += record.length;
    if (this.#collected >= CHUNK) await this.flush();
  }

  async flush(): Promise<void> {
    const chunk = concat(this.#parts);
    await this.#sink.write(chunk, this.#offset);
    this.#offset += chunk.length;
    this.#parts = [];
    this.#collected = 0;
  }
}
