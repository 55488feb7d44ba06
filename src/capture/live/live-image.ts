import type { ImageKind } from '../../criu/image-kinds.ts';
import { writeImage } from '../../criu/write-image.ts';

/** A CRIU image that a capture of our own has made, to lie in `checkpoint/` of its archive. */
export interface LiveImage {
  /** `core-1.img` */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** An image of entries that are all alike, with nothing behind them. */
export function listImage<T>(name: string, kind: ImageKind<T>, messages: readonly T[]): LiveImage {
  const [first, ...rest] = messages.map((message) => ({ message }));
  return { name, bytes: writeImage(kind, first === undefined ? [] : [first, ...rest]) };
}

/** The same, where CRIU writes no image that would be empty. */
export const listImageIfAny = <T>(
  name: string,
  kind: ImageKind<T>,
  messages: readonly T[],
): readonly LiveImage[] => (messages.length === 0 ? [] : [listImage(name, kind, messages)]);
