/**
 * The reference decoder of zstd as WebAssembly, for where the system has none that can be called: what is fed and what is
 * reserved has been looked at by zstd.ts, and every answer is looked at for an error.
 * Facts: the module's exports.
 */
import { ZSTD_BLOCK_LIMIT, type ZstdCalls, ZstdEngine, ZstdError } from '../bytes/zstd-engine.ts';
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

let compiled: Promise<WebAssembly.Module> | undefined;

/** Compiled when first needed: it takes some milliseconds. */
function compile(): Promise<WebAssembly.Module> {
  compiled ??= WebAssembly.compile(Uint8Array.from(atob(ZSTD_CODE), (character) => character.charCodeAt(0)));
  return compiled;
}

/**
 * A decoder with a memory of its own, which goes when the decoder does. `inputRoom`: the most bytes that will be fed in
 * one go.
 */
export async function startPortableZstd(inputRoom: number): Promise<ZstdEngine> {
  // The views are made anew at each call, so nothing is to be done when the memory grows.
  const environment = { env: { emscripten_notify_memory_growth: () => undefined } };
  const { exports } = await WebAssembly.instantiate(await compile(), environment);
  return new ZstdEngine(new PortableCalls(exports as unknown as ZstdExports, inputRoom));
}

class PortableCalls implements ZstdCalls {
  readonly inputRoom: number;
  readonly #exports: ZstdExports;
  readonly #context: number;
  readonly #input: number;
  readonly #output: number;
  readonly #buffers: number;

  constructor(exports: ZstdExports, inputRoom: number) {
    this.#exports = exports;
    this.inputRoom = inputRoom;
    this.#context = exports.ZSTD_createDCtx();
    this.#input = exports.malloc(inputRoom);
    this.#output = exports.malloc(ZSTD_BLOCK_LIMIT);
    this.#buffers = exports.malloc(2 * BUFFER_LENGTH);
  }

  fill(bytes: Uint8Array): void {
    this.#memory().set(bytes, this.#input);
  }

  step(length: number, taken: number): readonly [number, number] {
    const [input, output] = [this.#buffers, this.#buffers + BUFFER_LENGTH];
    const view = new DataView(this.#exports.memory.buffer);
    for (const [at, fields] of [
      [input, [this.#input, length, taken]],
      [output, [this.#output, ZSTD_BLOCK_LIMIT, 0]],
    ] as const) {
      for (const [index, value] of fields.entries()) view.setUint32(at + 4 * index, value, true);
    }
    const code = -this.#exports.ZSTD_decompressStream(this.#context, output, input) >>> 0;
    if (code > 0 && code < MAX_ERROR_CODE) throw new ZstdError(code);
    const after = new DataView(this.#exports.memory.buffer);
    return [after.getUint32(input + 8, true), after.getUint32(output + 8, true)];
  }

  output(length: number): Uint8Array {
    return this.#memory().subarray(this.#output, this.#output + length);
  }

  close(): void {
    // All of it is in the memory of this instance, which nobody else holds.
  }

  #memory(): Uint8Array {
    return new Uint8Array(this.#exports.memory.buffer);
  }
}
