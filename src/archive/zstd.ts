/**
 * Zstandard (RFC 8878) by fzstd, one frame at a time. The frames and blocks are walked here, because a decoder must not
 * be given sizes that nobody has checked:
 *
 *   frame = magic u32 0xFD2FB528, frame header, blocks, checksum u32 (if its flag is set)
 *   frame header = descriptor u8 (bits 7-6 content size code, 5 single segment, 2 checksum, 1-0 dictionary id code),
 *     window descriptor u8 (none if single segment), dictionary id 0, 1, 2 or 4 bytes, content size 0 (1 if single segment), 2, 4 or 8 bytes
 *   block header = u24: bit 0 last, bits 2-1 type (0 raw, 1 one repeated byte, 2 compressed), bits 23-3 size
 *   skippable frame = magic u32 0x184D2A50 to …5F, size u32, that many bytes
 *
 * Content checksums are not verified: fzstd has no XXH64. Nothing depends on them but the certainty that the bytes are
 * those that were packed; Node's own decoder, where there is one, verifies them.
 */
import { Decompress } from 'fzstd';
import { Cursor } from '../bytes/cursor.ts';
import type { Decoder } from '../bytes/decoder.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { PieceReader } from './piece-reader.ts';

export const ZSTD_MAGIC = 0xfd2fb528;

/** What zstd itself accepts unasked (`ZSTD_WINDOWLOG_LIMIT_DEFAULT` 27), in bytes: the memory that a frame may claim. */
export const MAX_WINDOW = 128 * 1024 * 1024;

/**
 * Reserving a window costs time, and a frame of 14 bytes may ask for the largest. What frames reserve without filling it
 * may add up to this many bytes, about a second of work.
 */
export const UNUSED_WINDOW_LIMIT = 2 * 1024 * 1024 * 1024;

/** Of the format, RFC 8878 3.1.1.2.4. */
const MAX_BLOCK = 128 * 1024;

const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;

/** In bytes, magic and content size included; a frame's checksum, which fzstd wants to see but does not look at. */
const MAX_FRAME_HEADER = 18;
const BLOCK_HEADER = 3;
const CHECKSUM = 4;

/** fzstd keeps what it is given, without a copy, until it has this many bytes of a frame. */
const FZSTD_HOLDS_BACK = 18;

export const isSkippableMagic = (magic: number): boolean => magic >>> 4 === 0x184d2a5;

export const unzstd: Decoder = async function* (source, options) {
  const reader = new PieceReader(source, options);
  const room = new Uint8Array(MAX_FRAME_HEADER + BLOCK_HEADER + MAX_BLOCK + CHECKSUM);
  let unused = 0;
  while (!(await reader.isAtEnd())) {
    const { offset } = reader;
    const magic = await reader.take(4);
    const value = new Cursor(magic).u32();
    if (value === ZSTD_MAGIC) {
      unused += yield* frame(reader, magic, room);
      if (unused > UNUSED_WINDOW_LIMIT) {
        throw new ExhibitError('LIMIT_EXCEEDED', 'the zstd frames ask for far more memory than they fill', {
          offset,
        });
      }
    } else if (isSkippableMagic(value)) await reader.skip(new Cursor(await reader.take(4)).u32());
    else throw malformed('there is no zstd frame', offset);
  }
};

/**
 * Yields the content of a frame and returns how much of its window it left unused. Blocks pass through `room`, which is used
 * again: fzstd 0.1.1 keeps an empty view of all that it was ever given, and with it the memory behind.
 */
async function* frame(
  reader: PieceReader,
  magic: Uint8Array,
  room: Uint8Array,
): AsyncGenerator<Uint8Array, number, undefined> {
  const { bytes: header, window, hasChecksum } = await frameHeader(reader);
  let produced = 0;
  let output: Uint8Array[] = [];
  const decoder = new Decompress((chunk) => {
    output.push(chunk);
    produced += chunk.length;
  });
  let length = put(room, 0, magic, header);
  let fed = 0;
  for (let last = false; !last; length = 0) {
    const { offset } = reader;
    const block = await nextBlock(reader);
    last = block.last;
    length = put(room, length, block.header, block.content);
    if (last && hasChecksum) length = put(room, length, new Uint8Array(CHECKSUM));
    try {
      const bytes = room.subarray(0, length);
      fed += length;
      decoder.push(fed < FZSTD_HOLDS_BACK ? bytes.slice() : bytes, last);
    } catch (cause) {
      throw malformed('a zstd block is damaged', offset, cause);
    }
    yield* output;
    output = [];
  }
  if (hasChecksum) await reader.take(CHECKSUM);
  return Math.max(0, window - produced);
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
  return { bytes: join(descriptor, rest), window, hasChecksum: (flags & 4) !== 0 };
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

interface Block {
  readonly header: Uint8Array;
  readonly content: Uint8Array;
  readonly last: boolean;
}

async function nextBlock(reader: PieceReader): Promise<Block> {
  const { offset } = reader;
  const header = await reader.take(BLOCK_HEADER);
  const value = littleEndian(header);
  const type = (value >> 1) & 3;
  const size = value >>> 3;
  if (type === 3 || size > MAX_BLOCK) throw malformed('a zstd block header is damaged', offset);
  const content = await reader.take(type === 1 ? 1 : size);
  return { header, content, last: (value & 1) !== 0 };
}

/** Writes `parts` into `room` one behind the other and returns where they end. */
function put(room: Uint8Array, start: number, ...parts: readonly Uint8Array[]): number {
  let end = start;
  for (const part of parts) {
    room.set(part, end);
    end += part.length;
  }
  return end;
}

function littleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}

function malformed(what: string, offset: number, cause?: unknown): ExhibitError {
  return new ExhibitError('MALFORMED', `${what} at offset ${offset} of the compressed data`, {
    offset,
    cause,
  });
}
