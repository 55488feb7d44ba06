import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import type { ByteSource, PiecesOptions } from './byte-source.ts';
import type { Decoders } from './decoder.ts';
import { ExhibitError } from './exhibit-error.ts';
import { startSystemZstd } from './node-zstd.ts';

/** Fed in one go, in bytes: each time costs a change of threads. */
const PIECE = 128 * 1024;

/** Measured against 64 to 256 KiB on 1 GiB: half the time of the processor, as fewer fresh buffers are asked of the system. */
const OUTPUT_CHUNK = 1024 * 1024;

/** How damaged data is fed again, in bytes: the last one loses nothing, the one before spares it work. */
const SALVAGE_STEPS = [512, 1] as const;

/** One that copies all that comes out. */
type UnstoredDecoder = (source: ByteSource, options: PiecesOptions) => AsyncIterable<Uint8Array>;

type Engine = Transform & zlib.Zlib;
type EngineOptions = zlib.ZlibOptions & { readonly readableHighWaterMark: number };

/** Node's own decoders, compiled and two to three times as fast as the portable ones. zstd: the system's, and from Node 22.15 on Node's. */
export function nodeDecoders(): Decoders & {
  readonly gzip: UnstoredDecoder;
  readonly zstd: UnstoredDecoder | undefined;
} {
  const { createZstdDecompress } = zlib as unknown as {
    createZstdDecompress?: (options: EngineOptions) => Engine;
  };
  // An engine waits when a reader has not taken so much: one piece of zeros unpacks to a thousand times its length.
  const options: EngineOptions = { chunkSize: OUTPUT_CHUNK, readableHighWaterMark: OUTPUT_CHUNK };
  return {
    gzip: atOnceWhenSmall(decoderOf(() => new Pump(zlib.createGunzip(options) as Engine, 'gzip'))),
    zstd: createZstdDecompress && decoderOf(() => new Pump(createZstdDecompress(options), 'zstd')),
    startZstd: startSystemZstd,
  };
}

/** An engine and its thread cost more than what is this small: most tmpfs of a container are nearly empty. Bytes. */
const SMALL = 64 * 1024;

/** `decode` is for what is not small, or damaged. */
function atOnceWhenSmall(decode: UnstoredDecoder): UnstoredDecoder {
  return async function* (source, options) {
    const bytes = source.size <= SMALL ? await source.read(0, source.size, options.signal) : undefined;
    const unpacked = bytes && tryGunzip(bytes);
    if (unpacked === undefined) return yield* decode(source, options);
    options.onProgress?.(source.size);
    if (unpacked.length > 0) yield unpacked;
  };
}

function tryGunzip(bytes: Uint8Array): Uint8Array | undefined {
  try {
    return zlib.gunzipSync(bytes, { maxOutputLength: OUTPUT_CHUNK });
  } catch {
    return undefined;
  }
}

function decoderOf(startPump: () => Pump): UnstoredDecoder {
  return async function* (source, options) {
    const pump = startPump();
    let written = 0;
    let offset = 0;
    try {
      const chunks = feed(pump, source, { start: 0, end: source.size, step: PIECE }, options);
      for (let next = await chunks.next(); ; next = await chunks.next()) {
        if (next.done) {
          offset = next.value;
          break;
        }
        written += next.value.length;
        yield next.value;
      }
      if (pump.failure === undefined) yield* pump.end(offset);
    } finally {
      pump.destroy();
    }
    if (pump.failure === undefined) return;
    const found = offset < source.size && (yield* salvage(startPump, source, offset, written, options));
    throw found || pump.failure;
  };
}

interface FeedRange {
  readonly start: number;
  readonly end: number;
  /** Bytes fed in one go. */
  readonly step: number;
}

/** Unpacks a range and returns where the piece begins in which it failed, otherwise the end. */
async function* feed(
  pump: Pump,
  source: ByteSource,
  { start, end, step }: FeedRange,
  { signal, onProgress }: PiecesOptions,
): AsyncGenerator<Uint8Array, number, undefined> {
  for (let at = start; at < end; at += step) {
    signal?.throwIfAborted();
    const piece = await source.read(at, Math.min(step, end - at), signal);
    yield* pump.write(piece, at);
    if (pump.failure !== undefined) return at;
    onProgress?.(at + piece.length);
  }
  return end;
}

/**
 * An engine gives nothing of the last write before it fails, so the piece at `failed` is fed again in smaller steps, behind
 * all that comes before it. The first `known` bytes that come out are dropped. Returns the failure with its exact place.
 */
async function* salvage(
  startPump: () => Pump,
  source: ByteSource,
  failed: number,
  known: number,
  { signal }: PiecesOptions,
): AsyncGenerator<Uint8Array, ExhibitError | undefined, undefined> {
  let failure: ExhibitError | undefined;
  let start = failed;
  let length = PIECE;
  let written = known;
  for (const step of SALVAGE_STEPS) {
    const pump = startPump();
    const end = Math.min(source.size, start + length);
    let toDrop = written;
    try {
      for (const range of [
        { start: 0, end: start, step: PIECE },
        { start, end, step },
      ]) {
        const chunks = feed(pump, source, range, { signal });
        let next = await chunks.next();
        for (; !next.done; next = await chunks.next()) {
          const rest = next.value.subarray(Math.min(toDrop, next.value.length));
          toDrop -= next.value.length - rest.length;
          written += rest.length;
          if (rest.length > 0) yield rest;
        }
        start = next.value;
      }
    } finally {
      pump.destroy();
    }
    failure = pump.failure;
    length = step;
  }
  return failure;
}

/** Drives an engine one write at a time, and takes what comes out while it works. */
class Pump {
  failure: ExhibitError | undefined;
  readonly #engine: Engine;
  readonly #format: string;
  #offset = 0;
  #wake: () => void = () => undefined;

  constructor(engine: Engine, format: string) {
    this.#engine = engine;
    this.#format = format;
    engine.on('readable', () => this.#wake());
    engine.on('end', () => this.#wake());
    engine.on('error', (cause: NodeJS.ErrnoException) => {
      this.failure ??= this.#failureOf(cause);
      this.#wake();
    });
  }

  /** What comes out of `bytes`, which lie at `offset`. */
  async *write(bytes: Uint8Array, offset: number): AsyncGenerator<Uint8Array, void, undefined> {
    yield* this.#drain(offset, (done) => this.#engine.write(bytes, done));
  }

  async *end(offset: number): AsyncGenerator<Uint8Array, void, undefined> {
    yield* this.#drain(offset, (done) => {
      this.#engine.once('end', done);
      this.#engine.end();
    });
  }

  destroy(): void {
    this.#engine.destroy();
  }

  async *#drain(
    offset: number,
    start: (done: () => void) => void,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    this.#offset = offset;
    let isDone = false;
    start(() => {
      isDone = true;
      this.#wake();
    });
    for (;;) {
      const chunk: Uint8Array | null = this.#engine.read();
      if (chunk !== null) yield chunk;
      else if (isDone || this.failure !== undefined) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  #failureOf(cause: NodeJS.ErrnoException): ExhibitError {
    const isCut = cause.code === 'Z_BUF_ERROR' || cause.code === 'ZSTD_error_srcSize_wrong';
    const what = isCut ? 'is cut short' : 'is damaged';
    const message = `the ${this.#format} data ${what} at or after offset ${this.#offset} (${cause.message})`;
    return new ExhibitError(isCut ? 'CUT_SHORT' : 'MALFORMED', message, { offset: this.#offset, cause });
  }
}
