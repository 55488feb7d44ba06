/** A CRIU image that a capture of our own has made, to lie in `checkpoint/` of its archive. */
export interface LiveImage {
  /** `core-1.img` */
  readonly name: string;
  readonly bytes: Uint8Array;
}
