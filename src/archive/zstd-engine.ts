/**
 * The reference decoder of zstd (libzstd, `ZSTD_decompressStream`) as WebAssembly, driven from here: what is fed and what is
 * reserved has been looked at by zstd.ts, and every answer is looked at for an error.
 * Facts: zstd.h and zstd_errors.h of zstd 1.5; the module's exports.
 */
import { ZSTD_CODE } from './zstd-code.ts';

interface ZstdExports {
  readonly memory: WebAssembly.Memory;
  malloc(size: number): number;
  ZSTD_createDCtx(): number;
  ZSTD_decompressStream(context: number, output: number, input: number): number;
}

/** An error is the negative of a number below this one, in 32 bits without sign (`ZSTD_error_maxCode`). */
const MAX_ERROR_CODE = 120;

/** `ZSTD_inBuffer` and `ZSTD_outBuffer`: address, size and position, 32 bits each. */
const BUFFER_LENGTH = 12;

/** Of the format, RFC 8878 3.1.1.2.4: a block unpacks to no more, so that one call gives all of it. */
const OUTPUT_ROOM = 128 * 1024;

/** What libzstd found wrong, by its number. */
export class ZstdError extends Error {
  constructor(code: number) {
    super(`libzstd's error ${code}`);
  }
}

let compiled: Promise<WebAssembly.Module> | undefined;

/** Compiled when first needed: it takes some milliseconds. */
function compile(): Promise<WebAssembly.Module> {
  compiled ??= WebAssembly.compile(Uint8Array.from(atob(ZSTD_CODE), (character) => character.charCodeAt(0)));
  return compiled;
}

/**
 * A decoder with a memory of its own, which goes when the decoder does. It reserves a frame's window and takes over the
 * one of the frame before; that no frame asks for too much is the caller's concern.
 */
export class ZstdEngine {
  readonly #exports: ZstdExports;
  readonly #context: number;
  /** What is fed lies in a room of this many bytes. */
  readonly #inputRoom: number;
  readonly #input: number;
  readonly #output: number;
  readonly #buffers: number;

  private constructor(exports: ZstdExports, inputRoom: number) {
    this.#exports = exports;
    this.#inputRoom = inputRoom;
    this.#context = exports.ZSTD_createDCtx();
    this.#input = exports.malloc(inputRoom);
    this.#output = exports.malloc(OUTPUT_ROOM);
    this.#buffers = exports.malloc(2 * BUFFER_LENGTH);
  }

  /** `inputRoom`: the most bytes that will be fed in one go. */
  static async start(inputRoom: number): Promise<ZstdEngine> {
    // The views are made anew at each call, so nothing is to be done when the memory grows.
    const environment = { env: { emscripten_notify_memory_growth: () => undefined } };
    const { exports } = await WebAssembly.instantiate(await compile(), environment);
    return new ZstdEngine(exports as unknown as ZstdExports, inputRoom);
  }

  /**
   * What comes out of the next bytes of a frame, in pieces that are valid until the next is asked for. Throws ZstdError;
   * then this decoder is of no more use.
   */
  *push(bytes: Uint8Array): Generator<Uint8Array, void, undefined> {
    if (bytes.length > this.#inputRoom) throw new RangeError(`${bytes.length} bytes do not fit`);
    this.#memory().set(bytes, this.#input);
    for (let taken = 0, given = OUTPUT_ROOM; taken < bytes.length || given === OUTPUT_ROOM; ) {
      const before = taken;
      [taken, given] = this.#step(bytes.length, taken);
      if (given > 0) yield this.#memory().subarray(this.#output, this.#output + given);
      else if (taken === before) return;
    }
  }

  /** One call: how far the input is taken then, and how many bytes have come out. */
  #step(length: number, taken: number): [number, number] {
    const [input, output] = [this.#buffers, this.#buffers + BUFFER_LENGTH];
    const view = new DataView(this.#exports.memory.buffer);
    for (const [at, fields] of [
      [input, [this.#input, length, taken]],
      [output, [this.#output, OUTPUT_ROOM, 0]],
    ] as const) {
      for (const [index, value] of fields.entries()) view.setUint32(at + 4 * index, value, true);
    }
    const code = -this.#exports.ZSTD_decompressStream(this.#context, output, input) >>> 0;
    if (code > 0 && code < MAX_ERROR_CODE) throw new ZstdError(code);
    const after = new DataView(this.#exports.memory.buffer);
    return [after.getUint32(input + 8, true), after.getUint32(output + 8, true)];
  }

  #memory(): Uint8Array {
    return new Uint8Array(this.#exports.memory.buffer);
  }
}
