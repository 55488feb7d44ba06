/**
 * libzstd as the system has it, through koffi: twice as fast as in WebAssembly. Nearly every Linux has it, as package managers and
 * kernels are packed with it. `zstd.ts` has looked at all sizes before.
 */
import { type Koffi, loadKoffi } from './node-koffi.ts';
import { ZSTD_BLOCK_LIMIT, type ZstdCalls, ZstdEngine, ZstdError } from './zstd-engine.ts';

/** The name has been the same since zstd 1.0. */
const LIBRARY = 'libzstd.so.1';

/** Places in `ZSTD_inBuffer` and `ZSTD_outBuffer`, which are alike: an address and two `size_t`, of 64 bits on all that koffi is there for. */
const ADDRESS = 0;
const SIZE = 1;
const POSITION = 2;
const FIELDS = 3;

interface Functions {
  readonly koffi: Koffi;
  create(): number;
  free(context: number): number;
  decompress(context: number, output: BigUint64Array, input: BigUint64Array): number;
}

/**
 * A decoder of the system's libzstd; undefined where that or koffi is not there. `inputRoom`: the most bytes that will be fed in
 * one go. It holds memory until it is closed.
 */
export function startSystemZstd(inputRoom: number, library = LIBRARY): ZstdEngine | undefined {
  try {
    const functions = bind(library);
    const context = functions.create();
    return context === 0 ? undefined : new ZstdEngine(new SystemCalls(functions, context, inputRoom));
  } catch {
    return undefined;
  }
}

function bind(name: string): Functions {
  const koffi = loadKoffi();
  const library = koffi.load(name);
  return {
    koffi,
    create: library.func('uintptr_t ZSTD_createDCtx()'),
    free: library.func('uintptr_t ZSTD_freeDCtx(uintptr_t context)'),
    // Declared with a sign: an error is then the negative of its number.
    decompress: library.func('int64_t ZSTD_decompressStream(uintptr_t context, void *output, void *input)'),
  };
}

class SystemCalls implements ZstdCalls {
  readonly inputRoom: number;
  readonly #functions: Functions;
  readonly #context: number;
  readonly #input: Uint8Array;
  readonly #output: Uint8Array;
  readonly #inputBuffer: BigUint64Array;
  readonly #outputBuffer: BigUint64Array;

  constructor(functions: Functions, context: number, inputRoom: number) {
    this.inputRoom = inputRoom;
    this.#functions = functions;
    this.#context = context;
    // V8 moves no array that has more than some tens of bytes, so their addresses stay.
    this.#input = new Uint8Array(inputRoom);
    this.#output = new Uint8Array(ZSTD_BLOCK_LIMIT);
    this.#inputBuffer = bufferOver(functions.koffi, this.#input);
    this.#outputBuffer = bufferOver(functions.koffi, this.#output);
  }

  fill(bytes: Uint8Array): void {
    this.#input.set(bytes);
  }

  step(length: number, taken: number): readonly [number, number] {
    this.#inputBuffer[SIZE] = BigInt(length);
    this.#inputBuffer[POSITION] = BigInt(taken);
    this.#outputBuffer[POSITION] = 0n;
    const result = this.#functions.decompress(this.#context, this.#outputBuffer, this.#inputBuffer);
    if (result < 0) throw new ZstdError(-result);
    return [Number(this.#inputBuffer[POSITION]), Number(this.#outputBuffer[POSITION])];
  }

  output(length: number): Uint8Array {
    return this.#output.subarray(0, length);
  }

  close(): void {
    this.#functions.free(this.#context);
  }
}

function bufferOver(koffi: Koffi, room: Uint8Array): BigUint64Array {
  const buffer = new BigUint64Array(FIELDS);
  buffer[ADDRESS] = koffi.address(room);
  buffer[SIZE] = BigInt(room.length);
  return buffer;
}
