/** A part of an image, in bytes from its beginning. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}
