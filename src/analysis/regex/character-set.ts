import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { byteSet, complement, type RegexNode } from './node.ts';
import { type CodePointRange, utf8Choice } from './utf8-ranges.ts';

/** What one place of a pattern may be: single bytes, and characters beyond ASCII, which are several bytes of UTF-8. */
export interface CharacterSet {
  readonly bytes: Uint8Array;
  /** At or above U+0080. */
  readonly wide: readonly CodePointRange[];
}

const LAST_CODE_POINT = 0x10ffff;
const DIGIT = byteSet([0x30, 0x39]);
const SPACE = byteSet([0x09, 0x0a], [0x0c, 0x0d], [0x20, 0x20]);
const WORD = byteSet([0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]);

const bytesOnly = (bytes: Uint8Array): CharacterSet => ({ bytes, wide: [] });

/** `\d`, `\s`, `\w` and their complements, as RE2 defines them: ASCII only, and the complements hold all other bytes. */
export const PERL_CLASSES: Readonly<Record<string, CharacterSet>> = {
  d: bytesOnly(DIGIT),
  D: bytesOnly(complement(DIGIT)),
  s: bytesOnly(SPACE),
  S: bytesOnly(complement(SPACE)),
  w: bytesOnly(WORD),
  W: bytesOnly(complement(WORD)),
};

/** The names between `[:` and `:]`. */
export const POSIX_CLASSES: Readonly<Record<string, CharacterSet>> = {
  alnum: bytesOnly(byteSet([0x30, 0x39], [0x41, 0x5a], [0x61, 0x7a])),
  alpha: bytesOnly(byteSet([0x41, 0x5a], [0x61, 0x7a])),
  ascii: bytesOnly(byteSet([0, 0x7f])),
  blank: bytesOnly(byteSet([0x09, 0x09], [0x20, 0x20])),
  cntrl: bytesOnly(byteSet([0, 0x1f], [0x7f, 0x7f])),
  digit: bytesOnly(DIGIT),
  graph: bytesOnly(byteSet([0x21, 0x7e])),
  lower: bytesOnly(byteSet([0x61, 0x7a])),
  print: bytesOnly(byteSet([0x20, 0x7e])),
  punct: bytesOnly(byteSet([0x21, 0x2f], [0x3a, 0x40], [0x5b, 0x60], [0x7b, 0x7e])),
  space: bytesOnly(byteSet([0x09, 0x0d], [0x20, 0x20])),
  upper: bytesOnly(byteSet([0x41, 0x5a])),
  word: bytesOnly(WORD),
  xdigit: bytesOnly(byteSet([0x30, 0x39], [0x41, 0x46], [0x61, 0x66])),
};

export const singleByte = (byte: number): CharacterSet => bytesOnly(byteSet([byte, byte]));

export function codePoints(first: number, last: number): CharacterSet {
  return {
    bytes: first < 0x80 ? byteSet([first, Math.min(last, 0x7f)]) : new Uint8Array(256),
    wide: last < 0x80 ? [] : [[Math.max(first, 0x80), last]],
  };
}

export function union(sets: readonly CharacterSet[]): CharacterSet {
  const bytes = new Uint8Array(256);
  for (const set of sets) for (const [byte, member] of set.bytes.entries()) if (member) bytes[byte] = 1;
  return { bytes, wide: sets.flatMap((set) => set.wide) };
}

/**
 * Every single byte outside the set: memory is not text, so `[^a]` also matches bytes that are no UTF-8. A set that holds
 * characters of several bytes has no such complement; its callers refuse it.
 */
export const negate = (set: CharacterSet): CharacterSet => bytesOnly(complement(set.bytes));

/** Adds the other case of each letter: ASCII, and beyond it the letters whose other case is one character. */
export function foldCase(set: CharacterSet): CharacterSet {
  const folded: CharacterSet[] = [set];
  for (let byte = 0x41; byte <= 0x5a; byte++) {
    if (set.bytes[byte] || set.bytes[byte + 0x20])
      folded.push(bytesOnly(byteSet([byte, byte], [byte + 0x20, byte + 0x20])));
  }
  for (const [first, last] of set.wide) {
    for (let code = first; code <= last; code++) folded.push(...otherCases(code));
  }
  return union(folded);
}

function otherCases(code: number): CharacterSet[] {
  const character = String.fromCodePoint(code);
  return [character.toLowerCase(), character.toUpperCase()]
    .filter(
      (other) =>
        other !== character && other.length === String.fromCodePoint(other.codePointAt(0) ?? 0).length,
    )
    .map((other) => other.codePointAt(0) ?? 0)
    .map((other) => codePoints(other, other));
}

/** A general category (`L`, `Lu`) or a script (`Greek`), by the tables of the JavaScript engine. */
export function unicodeClass(name: string): CharacterSet {
  const test = propertyTest(name);
  const ranges: CodePointRange[] = [];
  let first: number | undefined;
  for (let code = 0; code <= LAST_CODE_POINT + 1; code++) {
    const isMember = code <= LAST_CODE_POINT && test.test(String.fromCodePoint(code));
    if (isMember) first ??= code;
    else if (first !== undefined) {
      ranges.push([first, code - 1]);
      first = undefined;
    }
  }
  return union(ranges.map(([from, to]) => codePoints(from, to)));
}

function propertyTest(name: string): RegExp {
  for (const property of /^[A-Za-z_]+$/.test(name) ? [name, `Script=${name}`] : []) {
    try {
      return new RegExp(`^\\p{${property}}$`, 'u');
    } catch {
      // Not a property of this kind: the next form may be.
    }
  }
  throw new ExhibitError(
    'BAD_PATTERN',
    `the pattern names the unknown Unicode class ${name}; known are categories such as L and Lu, and scripts such as Greek`,
  );
}

/** The complement among characters, for `\P{…}`: single bytes above 0x7F are no characters and stay outside. */
export function negateCharacters(set: CharacterSet): CharacterSet {
  const wide: CodePointRange[] = [];
  let next = 0x80;
  for (const [first, last] of [...set.wide].sort((a, b) => a[0] - b[0])) {
    if (first > next) wide.push([next, first - 1]);
    next = Math.max(next, last + 1);
  }
  if (next <= LAST_CODE_POINT) wide.push([next, LAST_CODE_POINT]);
  const bytes = complement(set.bytes);
  bytes.fill(0, 0x80);
  return { bytes, wide };
}

export function toNode(set: CharacterSet): RegexNode {
  if (set.wide.length === 0) return { kind: 'bytes', set: set.bytes };
  const wide = utf8Choice(set.wide);
  return set.bytes.includes(1) ? { kind: 'choice', parts: [{ kind: 'bytes', set: set.bytes }, wide] } : wide;
}
