import type { ByteSource } from '../../bytes/byte-source.ts';

/*
 * Reads a pages image front to back in large windows, and fetches the next window while the one before is searched. Small
 * pieces that follow each other in the image come out of one window; a jump reads no more than it needs, so that a
 * layout that jumps about cannot multiply the work.
 */

/** Bytes read at once. Measured from 256 KiB to 2 MiB: smaller ones cost calls, larger ones miss the processor's cache. */
export const WINDOW_SIZE = 1024 * 1024;
/** A gap of unwanted pages that is cheaper to read over than to jump. */
const MAX_GAP = 256 * 1024;

const NOTHING = new Uint8Array(0);

interface Window {
  readonly start: number;
  readonly bytes: Uint8Array;
}

export class PageReader {
  readonly #source: ByteSource;
  readonly #windowSize: number;
  readonly #signal: AbortSignal | undefined;
  #window: Window = { start: 0, bytes: NOTHING };
  /** What stands directly behind the present window. */
  #ahead: Promise<Uint8Array> | undefined;
  /** Room for the present window and for the one ahead, in turns; made when first used. */
  readonly #rooms: [Uint8Array, Uint8Array] = [NOTHING, NOTHING];
  #room: 0 | 1 = 0;

  constructor(
    source: ByteSource,
    options: { windowSize?: number | undefined; signal?: AbortSignal | undefined } = {},
  ) {
    this.#source = source;
    this.#windowSize = options.windowSize ?? WINDOW_SIZE;
    this.#signal = options.signal;
  }

  /** What the present window holds of the range: from its first byte on, at most `length`; undefined if nothing. */
  peek(offset: number, length: number): Uint8Array | undefined {
    const { start, bytes } = this.#window;
    if (offset < start || offset >= start + bytes.length) return undefined;
    return bytes.subarray(offset - start, offset - start + length);
  }

  /** Loads the window that holds `offset`. Empty where the image has ended. The view is valid until the next load. */
  async load(offset: number, length: number): Promise<Uint8Array> {
    const end = this.#window.start + this.#window.bytes.length;
    const isSequential = offset >= end && offset - end < Math.min(MAX_GAP, this.#windowSize);
    if (!isSequential) return this.#jump(offset, length);
    const ahead = this.#ahead;
    this.#ahead = undefined;
    const start = end;
    let bytes = await (ahead ?? this.#read(start, this.#windowSize));
    if (offset >= start + bytes.length) bytes = NOTHING;
    this.#window = { start, bytes };
    const next = start + bytes.length;
    if (bytes.length > 0 && next < this.#source.size) this.#prefetch(next);
    return this.peek(offset, length) ?? NOTHING;
  }

  /** Reads a range and forgets it: for a look at bytes elsewhere. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    return this.#source.read(offset, length, this.#signal);
  }

  async #jump(offset: number, length: number): Promise<Uint8Array> {
    // Its room is needed.
    await this.#ahead?.catch(() => undefined);
    this.#ahead = undefined;
    const bytes = await this.#read(offset, Math.min(length, this.#windowSize));
    this.#window = { start: offset, bytes };
    return bytes;
  }

  /** Into the room that the present window does not use. */
  async #read(offset: number, length: number): Promise<Uint8Array> {
    const { readInto } = this.#source;
    if (readInto === undefined) return this.read(offset, length);
    this.#room = this.#room === 0 ? 1 : 0;
    if (this.#rooms[this.#room].length === 0) {
      this.#rooms[this.#room] = new Uint8Array(Math.min(this.#windowSize, this.#source.size));
    }
    const room = this.#rooms[this.#room].subarray(0, length);
    return room.subarray(0, await readInto(room, offset, this.#signal));
  }

  #prefetch(start: number): void {
    const bytes = this.#read(start, this.#windowSize);
    // Whoever loads the window meets the error; nobody may.
    bytes.catch(() => undefined);
    this.#ahead = bytes;
  }
}
