import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { type FindOptions, type FoundBytes, findBytes } from './memory-search.ts';
import type { StringEncoding } from './strings/string-query.ts';

export const STRING_ENCODINGS: readonly StringEncoding[] = ['ascii', 'utf-8', 'utf-16le'];

/** Shorter than what people look for, longer than most of what random bytes look like. */
export const DEFAULT_MINIMUM = 8;
/** A scanner must be able to see a whole string of this length behind the one it looks at. */
export const MAX_MINIMUM = 1024;

export interface StringOptions extends FindOptions {
  /** Characters of a string at least, up to MAX_MINIMUM. Default DEFAULT_MINIMUM. */
  readonly minimum?: number | undefined;
  /** Default UTF-8, which ASCII is a part of, and UTF-16LE. */
  readonly encodings?: readonly StringEncoding[] | undefined;
}

/**
 * The strings in the memory of a checkpoint's processes, as they are found: in the order of the archive, whatever their
 * encoding. A string longer than MAX_STRING_LENGTH comes in pieces. One that crosses from shared into
 * private memory is told whole, after its parts. Throws `BAD_PATTERN` and `NO_SUCH_PROCESS`.
 */
export function findStrings(
  checkpoint: Checkpoint,
  options: StringOptions = {},
): AsyncGenerator<readonly FoundBytes[]> {
  const { minimum = DEFAULT_MINIMUM, encodings = ['utf-8', 'utf-16le'] } = options;
  if (!Number.isSafeInteger(minimum) || minimum < 1 || minimum > MAX_MINIMUM) {
    throw new ExhibitError(
      'BAD_PATTERN',
      `a string has from 1 to ${MAX_MINIMUM} characters at least, not ${minimum}`,
    );
  }
  return findBytes(checkpoint, { kind: 'strings', encodings: [...new Set(encodings)], minimum }, options);
}
