/**
 * Zstandard (RFC 8878) by libzstd, one block at a time. The frames and blocks are walked here, because a decoder must not
 * be given sizes that nobody has checked, and so that damage has its place:
 *
 *   frame = magic u32 0xFD2FB528, frame header, blocks, checksum u32 (if its flag is set)
 *   frame header = descriptor u8 (bits 7-6 content size code, 5 single segment, 2 checksum, 1-0 dictionary id code),
 *     window descriptor u8 (none if single segment), dictionary id 0, 1, 2 or 4 bytes, content size 0 (1 if single segment), 2, 4 or 8 bytes
 *   block header = u24: bit 0 last, bits 2-1 type (0 raw, 1 one repeated byte, 2 compressed), bits 23-3 size
 *   skippable frame = magic u32 0x184D2A50 to …5F, size u32, that many bytes
 */
import { concat } from '../bytes/concat.ts';
import { Cursor } from '../bytes/cursor.ts';
import type { Decoder, StoredPiece } from '../bytes/decoder.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { ZSTD_BLOCK_LIMIT, type ZstdEngine, ZstdError } from '../bytes/zstd-engine.ts';
import { PieceReader } from './piece-reader.ts';
import { startPortableZstd } from './portable-zstd.ts';

export const ZSTD_MAGIC = 0xfd2fb528;

/** What zstd itself accepts unasked (`ZSTD_WINDOWLOG_LIMIT_DEFAULT` 27), in bytes: the memory that a frame may claim. */
export const MAX_WINDOW = 128 * 1024 * 1024;

/**
 * Reserving a window costs time, and a frame of 14 bytes may ask for the largest. What frames reserve without filling it
 * may add up to this many bytes, about a second of work.
 */
export const UNUSED_WINDOW_LIMIT = 2 * 1024 * 1024 * 1024;

/** Shorter raw blocks are copied: each that is left where it lies costs 16 bytes of memory and a read of its own. In bytes. */
const MIN_STORED = 64 * 1024;

const RAW = 0;
const REPEATED = 1;

const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;

const BLOCK_HEADER = 3;
const CHECKSUM = 4;

export const isSkippableMagic = (magic: number): boolean => magic >>> 4 === 0x184d2a5;

/** zstd by the libzstd that `startEngine` starts; where it has none, by `fallback`, and by default by the libzstd that we bring along. */
export function zstdDecoder(
  startEngine?: (inputRoom: number) => ZstdEngine | undefined,
  fallback?: Decoder,
): Decoder {
  return async function* (source, options) {
    const native = startEngine?.(ZSTD_BLOCK_LIMIT);
    if (native === undefined && fallback !== undefined) {
      yield* fallback(source, options);
      return;
    }
    const engine = native ?? (await startPortableZstd(ZSTD_BLOCK_LIMIT));
    try {
      yield* frames(new PieceReader(source, options), engine);
    } finally {
      engine.close();
    }
  };
}

async function* frames(reader: PieceReader, engine: ZstdEngine): AsyncGenerator<Uint8Array | StoredPiece> {
  let unused = 0;
  while (!(await reader.isAtEnd())) {
    const { offset } = reader;
    const magic = await reader.take(4);
    const value = new Cursor(magic).u32();
    if (value === ZSTD_MAGIC) {
      unused += yield* frame(reader, magic, engine);
      if (unused > UNUSED_WINDOW_LIMIT) {
        throw new ExhibitError('LIMIT_EXCEEDED', 'the zstd frames ask for far more memory than they fill', {
          offset,
        });
      }
    } else if (isSkippableMagic(value)) await reader.skip(new Cursor(await reader.take(4)).u32());
    else throw malformed('there is no zstd frame', offset);
  }
}

/** Yields the content of a frame and returns how much of its window it left unused. */
async function* frame(
  reader: PieceReader,
  magic: Uint8Array,
  engine: ZstdEngine,
): AsyncGenerator<Uint8Array | StoredPiece, number, undefined> {
  const { offset: headerAt } = reader;
  const { bytes: header, window, hasChecksum } = await frameHeader(reader);
  yield* push(engine, [magic, header], headerAt);
  let produced = 0;
  for (let last = false; !last; ) {
    const { offset } = reader;
    const block = await nextBlock(reader);
    last = block.last;
    // Later blocks may refer back to it, and a checksum is of all of them: so the engine gets a stored one too.
    const isStored = block.type === RAW && block.content.length >= MIN_STORED;
    for (const piece of push(engine, [block.header, block.content], offset)) {
      produced += piece.length;
      if (!isStored) yield piece;
    }
    if (isStored) yield { storedAt: offset + BLOCK_HEADER, length: block.content.length };
  }
  const { offset } = reader;
  if (hasChecksum) {
    const checksum = await reader.take(CHECKSUM);
    yield* push(engine, [checksum], offset, 'the content of a zstd frame does not fit its checksum');
  }
  return Math.max(0, window - produced);
}

function* push(
  engine: ZstdEngine,
  parts: readonly Uint8Array[],
  offset: number,
  failure = 'a zstd block is damaged',
): Generator<Uint8Array, void, undefined> {
  try {
    for (const part of parts) yield* engine.push(part);
  } catch (cause) {
    if (!(cause instanceof ZstdError)) throw cause;
    throw malformed(failure, offset, cause);
  }
}

interface FrameHeader {
  readonly bytes: Uint8Array;
  /** In bytes. */
  readonly window: number;
  readonly hasChecksum: boolean;
}

async function frameHeader(reader: PieceReader): Promise<FrameHeader> {
  const { offset } = reader;
  const descriptor = await reader.take(1);
  const flags = descriptor[0] ?? 0;
  const isSingleSegment = (flags & 0x20) !== 0;
  const sizeCode = flags >> 6;
  const sizeBytes = sizeCode === 0 && isSingleSegment ? 1 : (CONTENT_SIZE_BYTES[sizeCode] ?? 0);
  const dictionaryBytes = DICTIONARY_ID_BYTES[flags & 3] ?? 0;
  const rest = await reader.take((isSingleSegment ? 0 : 1) + dictionaryBytes + sizeBytes);
  const window = isSingleSegment ? littleEndian(rest.subarray(dictionaryBytes)) : windowSize(rest[0] ?? 0);
  if (window > MAX_WINDOW) {
    const message = `a zstd frame at offset ${offset} asks for a window of ${window} bytes; the limit is ${MAX_WINDOW}. Unpack it with \`zstd -d --long=31\` first`;
    throw new ExhibitError('LIMIT_EXCEEDED', message, { offset });
  }
  return { bytes: concat([descriptor, rest]), window, hasChecksum: (flags & 4) !== 0 };
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

interface Block {
  readonly type: number;
  readonly header: Uint8Array;
  /** Valid until more is read. */
  readonly content: Uint8Array;
  readonly last: boolean;
}

async function nextBlock(reader: PieceReader): Promise<Block> {
  const { offset } = reader;
  const header = await reader.take(BLOCK_HEADER);
  const value = littleEndian(header);
  const type = (value >> 1) & 3;
  const size = value >>> 3;
  if (type === 3 || size > ZSTD_BLOCK_LIMIT) throw malformed('a zstd block header is damaged', offset);
  const content = await reader.view(type === REPEATED ? 1 : size);
  return { type, header, content, last: (value & 1) !== 0 };
}

function littleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}

function malformed(what: string, offset: number, cause?: unknown): ExhibitError {
  return new ExhibitError('MALFORMED', `${what} at offset ${offset} of the compressed data`, {
    offset,
    cause,
  });
}
