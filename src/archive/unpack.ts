import type { ByteSource } from '../bytes/byte-source.ts';
import type { Decoder } from '../bytes/decoder.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { Note } from '../bytes/note.ts';
import { memorySpill, type Spill, type SpillFactory } from '../bytes/spill.ts';
import { HEAD_LENGTH } from './content-kind.ts';
import { UnpackedBytes } from './unpacked-bytes.ts';

/** Up to here an unpacked archive stays in memory, in bytes: while it grows there are two copies of it. */
export const MEMORY_LIMIT = 16 * 1024 * 1024;

/** The largest archive that is unpacked unasked, in bytes: four times the largest that Exhibit is built for. */
export const UNPACKED_LIMIT = 256 * 1024 * 1024 * 1024;

/** Memory packs well, so a high ratio alone means nothing; from here on it is taken for a bomb. In bytes. */
export const RATIO_FREE_BYTES = 4 * 1024 * 1024 * 1024;

/** Unpacked bytes for one packed byte. Memory images have 2 to 20; gzip's own limit is 1032, zstd has none near. */
export const RATIO_LIMIT = 200;

export interface UnpackOptions {
  /** Where to put what exceeds `memoryLimit`. Without one that is an error with code `LIMIT_EXCEEDED`. */
  readonly spill?: SpillFactory | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Hears how many bytes of the packed file are done, and of how many. */
  readonly onProgress?: ((bytesDone: number, bytesTotal: number) => void) | undefined;
  /** Default MEMORY_LIMIT. */
  readonly memoryLimit?: number | undefined;
  /** The most bytes that may come out. Default UNPACKED_LIMIT, and RATIO_LIMIT beside it; whoever sets it is not asked about the ratio. */
  readonly unpackedLimit?: number | undefined;
  /** Bytes that were unpacked before of archives within the same archive; they count towards all limits. Default 0. */
  readonly unpackedBefore?: number | undefined;
}

export interface Unpacked {
  readonly bytes: UnpackedBytes;
  /** What was wrong with the packed data. */
  readonly notes: readonly Note[];
}

/**
 * Unpacks `source` once, front to back. It is read later too, where it holds bytes as they are: it stays open as long. Damage is a note: what came out before it is kept. `checkStart` sees the first
 * HEAD_LENGTH bytes as soon as they are there, and throws when it is not worth going on.
 */
export async function unpack(
  source: ByteSource,
  decoder: Decoder,
  options: UnpackOptions,
  checkStart?: (head: Uint8Array) => void,
): Promise<Unpacked> {
  const room = new UnpackedBytes(source, new GrowingSpill(options));
  const notes: Note[] = [];
  let progress = 0;
  const onProgress = (done: number): void => {
    progress = done;
    options.onProgress?.(done, source.size);
  };
  try {
    for await (const piece of decoder(source, { signal: options.signal, onProgress })) {
      checkLimits(room.size + piece.length, progress, options);
      const isStart = room.size < HEAD_LENGTH;
      await room.append(piece);
      if (isStart && room.size >= HEAD_LENGTH) checkStart?.(await room.read(0, HEAD_LENGTH));
    }
  } catch (error) {
    if (!isDamage(error)) {
      await room.close();
      throw error;
    }
    const message = `${error.message}; ${room.size} bytes could be unpacked, and only they are shown`;
    notes.push({ severity: 'warning', message, offset: error.offset });
  }
  return { bytes: room, notes };
}

function isDamage(error: unknown): error is ExhibitError {
  return error instanceof ExhibitError && (error.code === 'MALFORMED' || error.code === 'CUT_SHORT');
}

function checkLimits(unpacked: number, packed: number, options: UnpackOptions): void {
  const limit = options.unpackedLimit ?? UNPACKED_LIMIT;
  const all = unpacked + (options.unpackedBefore ?? 0);
  const isBomb =
    options.unpackedLimit === undefined && all > RATIO_FREE_BYTES && unpacked > packed * RATIO_LIMIT;
  if (all <= limit && !isBomb) return;
  const reason = isBomb
    ? `${packed} bytes became ${unpacked}, as in a decompression bomb`
    : `the limit is ${limit} bytes`;
  const advice = 'to unpack more, set EXHIBIT_UNPACK_LIMIT to the number of bytes that it may become';
  throw new ExhibitError('LIMIT_EXCEEDED', `unpacking was stopped: ${reason}; ${advice}`);
}

/** Memory first; when that is full everything moves to a spill of the factory. */
class GrowingSpill implements Spill {
  readonly #options: UnpackOptions;
  readonly #memoryLimit: number;
  #spill: Spill;
  #isInMemory = true;

  constructor(options: UnpackOptions) {
    this.#options = options;
    this.#memoryLimit = Math.max(0, (options.memoryLimit ?? MEMORY_LIMIT) - (options.unpackedBefore ?? 0));
    this.#spill = memorySpill(this.#memoryLimit);
  }

  get size(): number {
    return this.#spill.size;
  }

  async append(bytes: Uint8Array): Promise<void> {
    if (this.#isInMemory && this.size + bytes.length > this.#memoryLimit) await this.#move();
    await this.#spill.append(bytes);
  }

  async #move(): Promise<void> {
    const { spill } = this.#options;
    if (spill === undefined) {
      const message = `the archive needs more than ${this.#memoryLimit} bytes when unpacked, and there is nowhere to put them; unpack it first, or pass \`spill\``;
      throw new ExhibitError('LIMIT_EXCEEDED', message);
    }
    const full = this.#spill;
    this.#spill = await spill();
    this.#isInMemory = false;
    await this.#spill.append(await full.read(0, full.size));
    await full.close();
  }

  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#spill.read(offset, length, signal);
  }

  /** Of the spill that it has when the archive is complete. */
  get readInto(): Spill['readInto'] {
    return this.#spill.readInto;
  }

  /** As above. */
  get place(): Spill['place'] {
    return this.#spill.place;
  }

  close(): Promise<void> {
    return this.#spill.close();
  }
}
