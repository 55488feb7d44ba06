import { ExhibitError } from '../../bytes/exhibit-error.ts';
import {
  type CharacterSet,
  codePoints,
  foldCase,
  negate,
  negateCharacters,
  PERL_CLASSES,
  POSIX_CLASSES,
  singleByte,
  toNode,
  unicodeClass,
  union,
} from './character-set.ts';
import { type Assertion, byteSet, complement, EMPTY, type RegexNode } from './node.ts';

/*
 * RE2's syntax (the one of Go, and of checkpointctl) for bytes: https://github.com/google/re2/wiki/Syntax.
 *
 *   x|y xy  x* x+ x? x{n,m} and lazy forms   (x) (?:x) (?P<name>x) (?flags) (?flags:x), flags i m s U
 *   [abc] [^a-z] [[:alpha:]] . \d \s \w \pL \p{Greek} \C   ^ $ \A \z \b \B   \a \f \t \n \r \v \123 \x7F \x{10FFFF} \Q…\E
 *
 * Where it differs from RE2 on text, because memory is not text: `.` and a negated class match one byte, and `\xNN` is
 * the byte NN; `\x{NN}` is the character, in UTF-8. Backreferences and lookaround do not exist, as in RE2: they cannot
 * be matched in linear time.
 */

/** No pattern that a person writes is longer. */
const MAX_PATTERN_LENGTH = 16_384;
/** Groups in groups: RE2's own limit. It bounds the recursion here and in the compiler. */
const MAX_DEPTH = 1_000;
/** `x{n}` is n copies of x: RE2's own limit. */
const MAX_REPEAT = 1_000;

interface Flags {
  readonly ignoreCase: boolean;
  readonly multiLine: boolean;
  readonly dotAll: boolean;
  readonly ungreedy: boolean;
}

const FLAG_NAMES: Readonly<Record<string, keyof Flags>> = {
  i: 'ignoreCase',
  m: 'multiLine',
  s: 'dotAll',
  U: 'ungreedy',
};
const CONTROL_ESCAPES: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };
const ASSERTION_ESCAPES: Readonly<Record<string, Assertion>> = {
  A: 'text-start',
  z: 'text-end',
  b: 'word-boundary',
  B: 'no-word-boundary',
};
const REPEATS: Readonly<Record<string, readonly [min: number, max: number]>> = {
  '*': [0, Number.POSITIVE_INFINITY],
  '+': [1, Number.POSITIVE_INFINITY],
  '?': [0, 1],
};

export interface ParseOptions {
  /** As if the pattern began with `(?i)`. */
  readonly ignoreCase?: boolean;
}

/** Reads a pattern in RE2's syntax. Throws `BAD_PATTERN` with the place in the pattern. */
export function parseRegex(pattern: string, options: ParseOptions = {}): RegexNode {
  if (pattern.length > MAX_PATTERN_LENGTH) {
    throw new ExhibitError('BAD_PATTERN', `the pattern is longer than ${MAX_PATTERN_LENGTH} characters`);
  }
  return new Parser(pattern, options.ignoreCase === true).parse();
}

class Parser {
  readonly #characters: readonly string[];
  #at = 0;
  #depth = 0;
  #flags: Flags;

  constructor(pattern: string, ignoreCase: boolean) {
    this.#characters = Array.from(pattern);
    this.#flags = { ignoreCase, multiLine: false, dotAll: false, ungreedy: false };
  }

  parse(): RegexNode {
    const node = this.#choice();
    if (this.#at < this.#characters.length) throw this.#error('a ) without its (');
    return node;
  }

  #error(what: string): ExhibitError {
    return new ExhibitError('BAD_PATTERN', `the pattern has ${what} at character ${this.#at + 1}`, {
      offset: this.#at,
    });
  }

  #peek(): string | undefined {
    return this.#characters[this.#at];
  }

  #startsWith(text: string): boolean {
    return this.#characters.slice(this.#at, this.#at + text.length).join('') === text;
  }

  #accept(text: string): boolean {
    if (!this.#startsWith(text)) return false;
    this.#at += text.length;
    return true;
  }

  /** The characters up to `end`, which is skipped. */
  #until(end: string, what: string): string {
    const start = this.#at;
    while (!this.#startsWith(end)) {
      if (this.#at >= this.#characters.length) throw this.#error(what);
      this.#at++;
    }
    const text = this.#characters.slice(start, this.#at).join('');
    this.#at += end.length;
    return text;
  }

  #choice(): RegexNode {
    const parts = [this.#sequence()];
    while (this.#accept('|')) parts.push(this.#sequence());
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: 'choice', parts };
  }

  #sequence(): RegexNode {
    const parts: RegexNode[] = [];
    for (let next = this.#peek(); next !== undefined && next !== '|' && next !== ')'; next = this.#peek()) {
      if (this.#accept('\\Q')) parts.push(...this.#quoted());
      else parts.push(this.#repeated(this.#atom()));
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: 'sequence', parts };
  }

  /** `\Q…` without `\E` runs to the end of the pattern. A repetition behind it is of its last character. */
  #quoted(): RegexNode[] {
    const parts: RegexNode[] = [];
    while (!this.#accept('\\E') && this.#at < this.#characters.length)
      parts.push(this.#literal(this.#next()));
    const last = parts.pop();
    return last === undefined ? parts : [...parts, this.#repeated(last)];
  }

  #next(): string {
    const character = this.#peek();
    if (character === undefined) throw this.#error('an unfinished end');
    this.#at++;
    return character;
  }

  #repeated(part: RegexNode): RegexNode {
    const range = this.#repetition();
    if (range === undefined) return part;
    const [min, max] = range;
    const greedy = this.#accept('?') === this.#flags.ungreedy;
    if (this.#repetition() !== undefined) throw this.#error('a repetition of a repetition');
    return { kind: 'repeat', part, min, max, greedy };
  }

  #repetition(): readonly [min: number, max: number] | undefined {
    const simple = REPEATS[this.#peek() ?? ''];
    if (simple !== undefined) {
      this.#at++;
      return simple;
    }
    const counted = /^\{(\d{1,9})(,?)(\d{0,9})\}/.exec(
      this.#characters.slice(this.#at, this.#at + 24).join(''),
    );
    if (counted === null) return undefined;
    const [text, first, comma, second] = counted;
    if (comma === '' && second !== '') return undefined;
    const min = Number(first);
    const max = comma === '' ? min : second === '' ? Number.POSITIVE_INFINITY : Number(second);
    if (min > MAX_REPEAT || (max !== Number.POSITIVE_INFINITY && max > MAX_REPEAT)) {
      throw this.#error(`a repetition above the limit of ${MAX_REPEAT}`);
    }
    if (max < min) throw this.#error('a repetition whose bounds are the wrong way round');
    this.#at += text.length;
    return [min, max];
  }

  #atom(): RegexNode {
    if (this.#repetition() !== undefined) throw this.#error('a repetition of nothing');
    const character = this.#next();
    switch (character) {
      case '(':
        return this.#group();
      case '[':
        return toNode(this.#folded(this.#characterClass()));
      case '.':
        return {
          kind: 'bytes',
          set: this.#flags.dotAll ? byteSet([0, 255]) : complement(byteSet([0x0a, 0x0a])),
        };
      case '^':
        return { kind: 'assertion', assertion: this.#flags.multiLine ? 'line-start' : 'text-start' };
      case '$':
        return { kind: 'assertion', assertion: this.#flags.multiLine ? 'line-end' : 'text-end' };
      case '\\':
        return this.#escape();
      default:
        return this.#literal(character);
    }
  }

  #literal(character: string): RegexNode {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0xd800 && code <= 0xdfff) throw this.#error('half of a surrogate pair');
    return toNode(this.#folded(codePoints(code, code)));
  }

  #folded(set: CharacterSet): CharacterSet {
    return this.#flags.ignoreCase ? foldCase(set) : set;
  }

  #group(): RegexNode {
    if (++this.#depth > MAX_DEPTH) throw this.#error(`groups nested deeper than ${MAX_DEPTH}`);
    const outer = this.#flags;
    if (this.#accept('?')) {
      if (this.#acceptFlags()) {
        this.#depth--;
        return EMPTY;
      }
    }
    const node = this.#choice();
    if (!this.#accept(')')) throw this.#error('a ( without its )');
    this.#flags = outer;
    this.#depth--;
    return node;
  }

  /** What stands behind `(?`. True when the group is flags alone, which hold to the end of the group around it. */
  #acceptFlags(): boolean {
    for (const lookaround of ['=', '!', '<=', '<!']) {
      if (this.#startsWith(lookaround))
        throw this.#error('lookaround, which cannot be matched in linear time,');
    }
    if (this.#accept('P<') || this.#accept('<')) {
      if (!/^\w+$/.test(this.#until('>', 'an unfinished group name'))) throw this.#error('a bad group name');
      return false;
    }
    let enable = true;
    for (let character = this.#next(); ; character = this.#next()) {
      const flag = FLAG_NAMES[character];
      if (flag !== undefined) this.#flags = { ...this.#flags, [flag]: enable };
      else if (character === '-' && enable) enable = false;
      else if (character === ':') return false;
      else if (character === ')') return true;
      else throw this.#error(`an unknown kind of group, (?${character}`);
    }
  }

  #escape(): RegexNode {
    const character = this.#next();
    const assertion = ASSERTION_ESCAPES[character];
    if (assertion !== undefined) return { kind: 'assertion', assertion };
    if (character === 'C') return { kind: 'bytes', set: byteSet([0, 255]) };
    return toNode(this.#folded(this.#escapedSet(character)));
  }

  /** What an escape stands for inside and outside of brackets. */
  #escapedSet(character: string): CharacterSet {
    const perl = PERL_CLASSES[character];
    if (perl !== undefined) return perl;
    if (character === 'p' || character === 'P') return this.#unicodeClass(character === 'P');
    if (character === 'x') return this.#hexadecimal();
    const control = CONTROL_ESCAPES[character];
    if (control !== undefined) return singleByte(control);
    if (/[0-7]/.test(character)) return this.#octal(character);
    if (/[\da-zA-Z]/.test(character)) throw this.#error(`the unknown escape \\${character}`);
    const code = character.codePointAt(0) ?? 0;
    return codePoints(code, code);
  }

  /** A single digit above 0 would be a backreference. */
  #octal(first: string): CharacterSet {
    let digits = first;
    while (digits.length < 3 && /[0-7]/.test(this.#peek() ?? '')) digits += this.#next();
    if (first !== '0' && digits.length === 1) {
      throw this.#error('a backreference, which cannot be matched in linear time,');
    }
    const byte = Number.parseInt(digits, 8);
    if (byte > 0xff) throw this.#error('an octal number above \\377');
    return singleByte(byte);
  }

  #hexadecimal(): CharacterSet {
    if (this.#accept('{')) {
      const digits = this.#until('}', 'an unfinished \\x{');
      const code = /^[\da-f]{1,6}$/i.test(digits) ? Number.parseInt(digits, 16) : Number.NaN;
      if (!(code <= 0x10ffff) || (code >= 0xd800 && code <= 0xdfff))
        throw this.#error('a bad character number');
      return codePoints(code, code);
    }
    const digits = this.#next() + this.#next();
    if (!/^[\da-f]{2}$/i.test(digits)) throw this.#error('\\x without two hexadecimal digits');
    return singleByte(Number.parseInt(digits, 16));
  }

  #unicodeClass(isNegated: boolean): CharacterSet {
    const named = this.#accept('{') ? this.#until('}', 'an unfinished \\p{') : this.#next();
    const isInverse = named.startsWith('^');
    const set = unicodeClass(isInverse ? named.slice(1) : named);
    return isNegated === isInverse ? set : negateCharacters(set);
  }

  #characterClass(): CharacterSet {
    const isNegated = this.#accept('^');
    const sets: CharacterSet[] = [];
    while (sets.length === 0 || this.#peek() !== ']') sets.push(this.#classMember());
    this.#at++;
    const set = union(sets);
    if (!isNegated) return set;
    const folded = this.#folded(set);
    if (folded.wide.length > 0) {
      throw this.#error('a negated class with characters beyond ASCII, which are several bytes,');
    }
    return negate(folded);
  }

  #classMember(): CharacterSet {
    if (this.#accept('[:')) return this.#posixClass();
    const first = this.#classEdge();
    if (this.#peek() !== '-' || this.#characters[this.#at + 1] === ']') return first;
    this.#at++;
    return this.#range(first, this.#classEdge());
  }

  #classEdge(): CharacterSet {
    const character = this.#next();
    if (character === '\\') return this.#escapedSet(this.#next());
    const code = character.codePointAt(0) ?? 0;
    return codePoints(code, code);
  }

  #range(first: CharacterSet, last: CharacterSet): CharacterSet {
    const from = onlyMember(first);
    const to = onlyMember(last);
    if (from === undefined || to === undefined) throw this.#error('a range whose ends are not characters');
    if (from.isByte !== to.isByte && (to.isByte || from.code > 0x7f)) {
      throw this.#error('a range between a byte and a character');
    }
    if (from.code > to.code) throw this.#error('a range whose ends are the wrong way round');
    if (from.isByte && to.isByte) return { bytes: byteSet([from.code, to.code]), wide: [] };
    if (to.isByte || (from.isByte && from.code > 0x7f))
      throw this.#error('a range between a byte and a character');
    return codePoints(from.code, to.code);
  }

  #posixClass(): CharacterSet {
    const isNegated = this.#accept('^');
    const name = this.#until(':]', 'an unfinished [:');
    const set = Object.hasOwn(POSIX_CLASSES, name) ? POSIX_CLASSES[name] : undefined;
    if (set === undefined) throw this.#error(`the unknown class [:${name}:]`);
    return isNegated ? negate(set) : set;
  }
}

function onlyMember(set: CharacterSet): { readonly code: number; readonly isByte: boolean } | undefined {
  const byte = set.bytes.indexOf(1);
  const range = set.wide[0];
  if (byte >= 0)
    return set.bytes.indexOf(1, byte + 1) < 0 && range === undefined
      ? { code: byte, isByte: true }
      : undefined;
  if (range === undefined || set.wide.length > 1 || range[0] !== range[1]) return undefined;
  return { code: range[0], isByte: false };
}
