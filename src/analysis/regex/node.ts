/**
 * A regular expression over bytes as a tree. Characters are already UTF-8 here: whatever matches a text of several
 * bytes is a sequence, so that the automaton knows bytes only.
 */
export type RegexNode =
  | { readonly kind: 'bytes'; readonly set: ByteSet }
  | { readonly kind: 'sequence'; readonly parts: readonly RegexNode[] }
  /** Earlier parts are preferred, as in Perl and RE2. */
  | { readonly kind: 'choice'; readonly parts: readonly RegexNode[] }
  | {
      readonly kind: 'repeat';
      readonly part: RegexNode;
      readonly min: number;
      /** Infinity where there is no upper bound. */
      readonly max: number;
      /** Prefers more over fewer. */
      readonly greedy: boolean;
    }
  | { readonly kind: 'assertion'; readonly assertion: Assertion };

/** What must hold between two bytes. Words are ASCII letters, digits and `_`. */
export type Assertion =
  | 'text-start'
  | 'text-end'
  | 'line-start'
  | 'line-end'
  | 'word-boundary'
  | 'no-word-boundary';

/** The bytes that match: 256 entries of 0 or 1. */
export type ByteSet = Uint8Array;

export const EMPTY: RegexNode = { kind: 'sequence', parts: [] };

export function byteSet(...ranges: readonly (readonly [first: number, last: number])[]): ByteSet {
  const set = new Uint8Array(256);
  for (const [first, last] of ranges) set.fill(1, first, last + 1);
  return set;
}

/** Every byte that is not in `set`. */
export const complement = (set: ByteSet): ByteSet => set.map((member) => 1 - member);

export const isWordByte = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) ||
  (byte >= 0x41 && byte <= 0x5a) ||
  byte === 0x5f ||
  (byte >= 0x61 && byte <= 0x7a);
