import type { ByteSource } from './byte-source.ts';

/**
 * Unpacks a compressed source from its beginning, in bounded pieces. Damage throws `MALFORMED` or `CUT_SHORT`, but only
 * after everything before the damage has come out. `onProgress` hears how many bytes of the source have been read.
 */
export type Decoder = (source: ByteSource, options: DecodeOptions) => AsyncIterable<Uint8Array>;

export interface DecodeOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((bytesRead: number) => void) | undefined;
}

/** Decoders that are faster than the portable ones. Undefined: the portable one is used. */
export interface Decoders {
  readonly gzip?: Decoder | undefined;
  readonly zstd?: Decoder | undefined;
}

/** The source from `offset` to its end, in pieces of `pieceLength` bytes. */
export async function* piecesOf(
  source: ByteSource,
  pieceLength: number,
  options: DecodeOptions,
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
