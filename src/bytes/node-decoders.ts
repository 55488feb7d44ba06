import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { type ByteSource, type PiecesOptions, piecesOf } from './byte-source.ts';
import type { Decoder, Decoders } from './decoder.ts';
import { ExhibitError } from './exhibit-error.ts';

/** Fed in one go; bounds what one write can unpack to (1032 times as much in gzip). In bytes. */
const PIECE = 32 * 1024;

/** In which the piece that fails is fed again, in bytes: few of these, then few single bytes. */
const STEP = 256;

/** Three times as fast as Node's default of 16 KiB. */
const OUTPUT_CHUNK = 256 * 1024;

type Engine = Transform & zlib.Zlib;

/** Node's own decoders, compiled and two to three times as fast as the portable ones. zstd: from Node 22.15 on. */
export function nodeDecoders(): Decoders {
  const { createZstdDecompress } = zlib as unknown as {
    createZstdDecompress?: (options: zlib.ZlibOptions) => Engine;
  };
  return {
    gzip: decoderOf('gzip', () => zlib.createGunzip({ chunkSize: OUTPUT_CHUNK }) as Engine),
    zstd: createZstdDecompress && decoderOf('zstd', () => createZstdDecompress({ chunkSize: OUTPUT_CHUNK })),
  };
}

function decoderOf(format: string, create: () => Engine): Decoder {
  return async function* (source, options) {
    const pump = new Pump(create(), format);
    let offset = 0;
    let written = 0;
    try {
      for await (const piece of piecesOf(source, PIECE, options)) {
        for (const chunk of await pump.write(piece, offset)) {
          written += chunk.length;
          yield chunk;
        }
        if (pump.failure !== undefined) break;
        offset += piece.length;
      }
      if (pump.failure === undefined) yield* await pump.end(offset);
    } finally {
      pump.destroy();
    }
    if (pump.failure === undefined) return;
    // The engine gives nothing of the write in which it fails: what it fails in is narrowed down to a byte.
    if (offset < source.size) {
      const near = await narrow(new Pump(create(), format), source, offset, options);
      yield* salvage(new Pump(create(), format), source, near, written, options);
    }
    throw pump.failure;
  };
}

/** Unpacks again what lies before `offset`, then goes on in short steps; the offset of the one that fails, in bytes. */
async function narrow(
  pump: Pump,
  source: ByteSource,
  offset: number,
  options: PiecesOptions,
): Promise<number> {
  try {
    for (let at = 0; at < offset; at += PIECE)
      await pump.write(await source.read(at, PIECE, options.signal), at);
    let at = offset;
    while (at + STEP < source.size) {
      await pump.write(await source.read(at, STEP, options.signal), at);
      if (pump.failure !== undefined) break;
      at += STEP;
    }
    return at;
  } finally {
    pump.destroy();
  }
}

/** Unpacks again what lies before `offset`, drops the `known` bytes of it, then goes on byte by byte until the damage. */
async function* salvage(
  pump: Pump,
  source: ByteSource,
  offset: number,
  known: number,
  options: PiecesOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  let toDrop = known;
  const feed = async (bytes: Uint8Array): Promise<Uint8Array[]> => {
    const chunks = await pump.write(bytes, 0);
    return chunks.flatMap((chunk) => {
      const rest = chunk.subarray(Math.min(toDrop, chunk.length));
      toDrop -= chunk.length - rest.length;
      return rest.length === 0 ? [] : [rest];
    });
  };
  try {
    for (let at = 0; at < offset; at += PIECE)
      yield* await feed(await source.read(at, Math.min(PIECE, offset - at), options.signal));
    const last = await source.read(offset, STEP, options.signal);
    for (let at = 0; at < last.length && pump.failure === undefined; at++)
      yield* await feed(last.subarray(at, at + 1));
  } finally {
    pump.destroy();
  }
}

/** Drives an engine one write at a time, and takes what each gave before the next. */
class Pump {
  failure: ExhibitError | undefined;
  readonly #engine: Engine;
  readonly #format: string;
  #output: Uint8Array[] = [];
  #wake: () => void = () => undefined;

  constructor(engine: Engine, format: string) {
    this.#engine = engine;
    this.#format = format;
    engine.on('data', (chunk: Uint8Array) => this.#output.push(chunk));
    engine.on('error', (cause: NodeJS.ErrnoException) => {
      this.failure ??= this.#failureOf(cause);
      this.#wake();
    });
    engine.on('end', () => this.#wake());
  }

  async write(bytes: Uint8Array, offset: number): Promise<Uint8Array[]> {
    this.#offset = offset;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#engine.write(bytes, () => resolve());
    });
    return this.#take();
  }

  async end(offset: number): Promise<Uint8Array[]> {
    this.#offset = offset;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#engine.end();
    });
    return this.#take();
  }

  destroy(): void {
    this.#engine.destroy();
  }

  #offset = 0;

  #take(): Uint8Array[] {
    const output = this.#output;
    this.#output = [];
    return output;
  }

  #failureOf(cause: NodeJS.ErrnoException): ExhibitError {
    const isCut = cause.code === 'Z_BUF_ERROR' || cause.code === 'ZSTD_error_srcSize_wrong';
    const what = isCut ? 'is cut short' : 'is damaged';
    const message = `the ${this.#format} data ${what} at or after offset ${this.#offset} (${cause.message})`;
    return new ExhibitError(isCut ? 'CUT_SHORT' : 'MALFORMED', message, { offset: this.#offset, cause });
  }
}
