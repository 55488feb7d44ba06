/**
 * libzstd's streaming decoder (`ZSTD_decompressStream`), wherever it runs: in WebAssembly or as a library of the system.
 * Facts: zstd.h and zstd_errors.h of zstd 1.5.
 */

/** Of the format, RFC 8878 3.1.1.2.4: a block unpacks to no more, so that one call gives all of it. In bytes. */
export const ZSTD_BLOCK_LIMIT = 128 * 1024;

/** What libzstd found wrong, by its number (`ZSTD_ErrorCode`). */
export class ZstdError extends Error {
  constructor(code: number) {
    super(`libzstd's error ${code}`);
  }
}

/** One decoder with its rooms: what is fed lies in one, what comes out in another of ZSTD_BLOCK_LIMIT bytes. */
export interface ZstdCalls {
  /** The most bytes that are fed in one go. */
  readonly inputRoom: number;
  /** Puts bytes into the room for what is fed. */
  fill(bytes: Uint8Array): void;
  /**
   * One call on the first `length` bytes of the room, of which `taken` were taken before: how many are taken now, and how
   * many bytes have come out. Throws ZstdError.
   */
  step(length: number, taken: number): readonly [taken: number, given: number];
  /** The first bytes of the room for what comes out, valid until the next call. */
  output(length: number): Uint8Array;
  /** Gives memory back; no call may follow. */
  close(): void;
}

/**
 * A decoder of one frame after the other. It reserves a frame's window and takes over the one of the frame before; that no
 * frame asks for too much is the caller's concern.
 */
export class ZstdEngine {
  readonly #calls: ZstdCalls;

  constructor(calls: ZstdCalls) {
    this.#calls = calls;
  }

  /**
   * What comes out of the next bytes of a frame, in pieces that are valid until the next is asked for. Throws ZstdError;
   * then this decoder is of no more use.
   */
  *push(bytes: Uint8Array): Generator<Uint8Array, void, undefined> {
    const calls = this.#calls;
    if (bytes.length > calls.inputRoom) throw new RangeError(`${bytes.length} bytes do not fit`);
    calls.fill(bytes);
    for (let taken = 0, given = ZSTD_BLOCK_LIMIT; taken < bytes.length || given === ZSTD_BLOCK_LIMIT; ) {
      const before = taken;
      [taken, given] = calls.step(bytes.length, taken);
      if (given > 0) yield calls.output(given);
      else if (taken === before) return;
    }
  }

  close(): void {
    this.#calls.close();
  }
}
