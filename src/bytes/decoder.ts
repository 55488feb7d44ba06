import type { ByteSource, PiecesOptions } from './byte-source.ts';
import type { ZstdEngine } from './zstd-engine.ts';

/** Unpacked bytes that stand in the packed source as they are, and so need neither be copied nor kept. In bytes. */
export interface StoredPiece {
  /** Where the first of them lies in the source. */
  readonly storedAt: number;
  readonly length: number;
}

/**
 * Unpacks a compressed source from its beginning, in bounded pieces, each valid until the next is asked for. Damage throws `MALFORMED` or `CUT_SHORT`, but only
 * after everything before the damage has come out. `onProgress` hears how many bytes of the source have been read.
 */
export type Decoder = (source: ByteSource, options: PiecesOptions) => AsyncIterable<Uint8Array | StoredPiece>;

/** Decoders that are faster than the portable ones. Undefined: the portable one is used. */
export interface Decoders {
  readonly gzip?: Decoder | undefined;
  readonly zstd?: Decoder | undefined;
  /**
   * Starts a libzstd that is fed the blocks of frames whose sizes have been looked at; it goes before `zstd`. `inputRoom`: the
   * most bytes in one go. Undefined where there is none: that is known only when it is asked for.
   */
  readonly startZstd?: ((inputRoom: number) => ZstdEngine | undefined) | undefined;
}
