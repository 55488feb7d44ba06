import type { ImageKind } from '../../criu/image-kinds.ts';
import { type WrittenEntry, writeImage } from '../../criu/write-image.ts';

/** A CRIU image that a capture of our own has made, to lie in `checkpoint/` of its archive. */
export interface LiveImage {
  /** `core-1.img` */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** An image of entries that are all alike, with nothing behind them. */
export function listImage<T>(name: string, kind: ImageKind<T>, messages: readonly T[]): LiveImage {
  return { name, bytes: writeImage(kind, toEntries(messages.map((message) => ({ message })))) };
}

/** Entries that are all alike, as `writeImage` takes them. */
export function toEntries<T>(
  entries: readonly WrittenEntry<T>[],
): readonly [WrittenEntry<T>, ...WrittenEntry<T>[]] | readonly [] {
  const [first, ...rest] = entries;
  return first === undefined ? [] : [first, ...rest];
}

/** The same, where CRIU writes no image that would be empty. */
export const listImageIfAny = <T>(
  name: string,
  kind: ImageKind<T>,
  messages: readonly T[],
): readonly LiveImage[] => (messages.length === 0 ? [] : [listImage(name, kind, messages)]);
