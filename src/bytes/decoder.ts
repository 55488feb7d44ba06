import type { ByteSource, PiecesOptions } from './byte-source.ts';

/**
 * Unpacks a compressed source from its beginning, in bounded pieces, each valid until the next is asked for. Damage throws `MALFORMED` or `CUT_SHORT`, but only
 * after everything before the damage has come out. `onProgress` hears how many bytes of the source have been read.
 */
export type Decoder = (source: ByteSource, options: PiecesOptions) => AsyncIterable<Uint8Array>;

/** Decoders that are faster than the portable ones. Undefined: the portable one is used. */
export interface Decoders {
  readonly gzip?: Decoder | undefined;
  readonly zstd?: Decoder | undefined;
}
