import { ExhibitError } from './exhibit-error.ts';

/**
 * Bytes that can be read at any offset: a file, a buffer, a browser File, an HTTP range, an object in S3.
 * Nobody above knows which. A source never changes while it is open: evidence is read, not written.
 */
export interface ByteSource {
  /** Length in bytes. */
  readonly size: number;
  /**
   * Reads `length` bytes at `offset`, both in bytes. Fewer bytes come back only where the source ends.
   * The result may be a view of memory that others see too: do not write to it.
   */
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>;
  /**
   * As `read`, but fills `target`, and returns how many bytes it has of the source. Who reads much uses one target again and
   * again: fresh memory costs as much as the reading. Undefined where the bytes are in memory anyway.
   */
  readonly readInto?:
    | ((target: Uint8Array, offset: number, signal?: AbortSignal) => Promise<number>)
    | undefined;
  /** Where the bytes lie in an open file, so that other threads of the program can read them too; undefined elsewhere. */
  readonly place?: FilePlace | undefined;
}

/** A place in an open file. The number is the system's and is valid in all threads of a program. */
export interface FilePlace {
  readonly descriptor: number;
  /** Of the source's first byte in the file. */
  readonly offset: number;
}

/** No single read asks for more than this many bytes; whoever needs more reads in pieces. */
export const MAX_READ_LENGTH = 64 * 1024 * 1024;

/** Refuses offsets and lengths that no honest caller asks for; sources call it before they read. */
export function checkRange(offset: number, length: number): void {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
    throw new ExhibitError('BAD_RANGE', `cannot read ${length} bytes at offset ${offset}`);
  }
  if (length > MAX_READ_LENGTH) {
    throw new ExhibitError('BAD_RANGE', `a read of ${length} bytes exceeds the limit of ${MAX_READ_LENGTH}`);
  }
}

/** Bytes in memory as a source. */
export function bufferSource(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    read: async (offset, length) => {
      checkRange(offset, length);
      return bytes.subarray(offset, offset + length);
    },
  };
}

/** The part of `parent` from `offset`, `length` bytes long, or shorter where the parent ends. */
export function sliceSource(parent: ByteSource, offset: number, length: number): ByteSource {
  const size = Math.max(0, Math.min(length, parent.size - offset));
  const { readInto, place } = parent;
  return {
    size,
    place: place && { ...place, offset: place.offset + offset },
    read: async (at, count, signal) => {
      checkRange(at, count);
      const available = Math.max(0, Math.min(count, size - at));
      return available === 0 ? new Uint8Array(0) : parent.read(offset + at, available, signal);
    },
    readInto:
      readInto &&
      (async (target, at, signal) => {
        checkRange(at, target.length);
        const available = Math.max(0, Math.min(target.length, size - at));
        return available === 0 ? 0 : readInto(target.subarray(0, available), offset + at, signal);
      }),
  };
}

/** `readInto` of any source: how many bytes of `target` it filled, which are fewer only where the source ends. */
export async function fillFromSource(
  source: ByteSource,
  target: Uint8Array,
  offset: number,
  signal?: AbortSignal,
): Promise<number> {
  if (source.readInto !== undefined) return source.readInto(target, offset, signal);
  const bytes = await source.read(offset, target.length, signal);
  target.set(bytes);
  return bytes.length;
}

export interface PiecesOptions {
  readonly signal?: AbortSignal | undefined;
  /** Hears, before each piece is handed on, how many bytes have been read. */
  readonly onProgress?: ((bytesRead: number) => void) | undefined;
}

/** The source from beginning to end, in pieces of `pieceLength` bytes; it ends early where a read finds nothing. */
export async function* piecesOf(
  source: ByteSource,
  pieceLength: number,
  options: PiecesOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let offset = 0; offset < source.size; ) {
    options.signal?.throwIfAborted();
    const piece = await source.read(offset, Math.min(pieceLength, source.size - offset), options.signal);
    if (piece.length === 0) return;
    offset += piece.length;
    options.onProgress?.(offset);
    yield piece;
  }
}
