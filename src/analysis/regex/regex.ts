import { Automaton, type Before, contextOf, DEAD } from './automaton.ts';
import type { RegexNode } from './node.ts';
import { type ParseOptions, parseRegex } from './parser.ts';
import { type Prefilter, prefilterOf } from './prefilter.ts';
import { compile } from './program.ts';

/**
 * Longest match that is found whole; longer ones are cut to it. It bounds what a search must keep in memory and what one
 * match can cost. A private key has 4 KiB, a large web token 16 KiB.
 */
export const MAX_MATCH_LENGTH = 64 * 1024;

/** Work on failed candidates, in bytes, beyond which the automaton takes over from the prefilter. */
const CANDIDATE_ALLOWANCE = 4_096;

/** Half-open, in bytes from the beginning of the window. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface RegexOptions extends ParseOptions {
  /** Default MAX_MATCH_LENGTH. */
  readonly maxMatchLength?: number;
  /** Every byte at which a match begins, also inside of another match. */
  readonly overlapping?: boolean;
}

/** A compiled pattern. It is found in time linear in the memory, whatever the pattern and whatever the memory. */
export interface Regex {
  readonly maxMatchLength: number;
  /**
   * The matches that begin in `[from, limit)`, leftmost first, not empty and (unless asked for) not overlapping; of those that begin at one
   * byte, the one that the pattern prefers (as Perl and RE2). `window[from - 1]` is what stands before; where `from` is 0
   * the text begins. `isEnd`: the text ends where the window ends; otherwise `limit` must lie `maxMatchLength` before it.
   */
  matches(window: Uint8Array, from: number, limit: number, isEnd: boolean): Generator<ByteRange, number>;
}

/** Compiles a pattern in RE2's syntax (parser.ts). Throws `BAD_PATTERN`. */
export function compileRegex(pattern: string, options: RegexOptions = {}): Regex {
  return compileNode(parseRegex(pattern, options), options);
}

/** Compiles a tree that was made otherwise than from a text. */
export function compileNode(node: RegexNode, options: Omit<RegexOptions, 'ignoreCase'> = {}): Regex {
  const program = compile(node, false);
  const forward = new Automaton(program, true);
  const backward = new Automaton(compile(node, true), false);
  return new AutomatonRegex(forward, backward, prefilterOf(program), options);
}

/** A window and whether the text ends with it. */
interface Text {
  readonly bytes: Uint8Array;
  readonly isEnd: boolean;
}

class AutomatonRegex implements Regex {
  readonly maxMatchLength: number;
  readonly #forward: Automaton;
  readonly #backward: Automaton;
  readonly #prefilter: Prefilter | undefined;
  readonly #overlapping: boolean;

  constructor(
    forward: Automaton,
    backward: Automaton,
    prefilter: Prefilter | undefined,
    options: RegexOptions,
  ) {
    this.#forward = forward;
    this.#backward = backward;
    this.#prefilter = prefilter;
    this.maxMatchLength = options.maxMatchLength ?? MAX_MATCH_LENGTH;
    this.#overlapping = options.overlapping === true;
  }

  *matches(bytes: Uint8Array, from: number, limit: number, isEnd: boolean): Generator<ByteRange, number> {
    const text: Text = { bytes, isEnd };
    const find = this.#finder(text);
    let at = from;
    while (at < limit) {
      const match = find(at);
      if (match === undefined || match.start >= limit) break;
      if (match.end > match.start) yield match;
      at = this.#overlapping ? match.start + 1 : Math.max(match.end, match.start + 1);
    }
    return Math.max(at, limit);
  }

  #finder(text: Text): (from: number) => ByteRange | undefined {
    if (this.#prefilter === undefined) return (from) => this.#search(text, from);
    const candidate = this.#prefilter(text.bytes);
    return (from) => {
      let spent = 0;
      for (let start = candidate(from); start >= 0; start = candidate(start + 1)) {
        const { end, at } = runForward(this.#forward, text, start, this.maxMatchLength, false);
        if (end !== undefined) return { start, end };
        spent += at - start;
        if (spent > 2 * (start - from) + CANDIDATE_ALLOWANCE) return this.#search(text, start + 1);
      }
      return undefined;
    };
  }

  /** Forwards for the end of the leftmost match, then backwards from there for its beginning. */
  #search(text: Text, from: number): ByteRange | undefined {
    const { end } = runForward(this.#forward, text, from, this.maxMatchLength, true);
    if (end === undefined) return undefined;
    const start = runBackward(this.#backward, text, end, Math.max(from, end - this.maxMatchLength));
    return { start, end };
  }
}

function contextBefore(bytes: Uint8Array, at: number): Before {
  return at === 0 ? 'text-start' : contextOf(bytes[at - 1] ?? 0);
}

/** `end`: where the preferred match ends. `at`: how far was read. */
function runForward(
  automaton: Automaton,
  { bytes, isEnd }: Text,
  from: number,
  maxLength: number,
  search: boolean,
): { readonly end: number | undefined; readonly at: number } {
  const { classes, endClass } = automaton;
  let place = automaton.begin(contextBefore(bytes, from), search);
  let table = automaton.table;
  let stop = search ? bytes.length : Math.min(bytes.length, from + maxLength + 1);
  let end: number | undefined;
  let at = from;
  for (; at < stop; at++) {
    const symbol = classes[bytes[at] as number] as number;
    let transition = table[place + symbol] as number;
    if (transition < 0) {
      transition = automaton.extend(place, symbol);
      table = automaton.table;
    }
    if (transition & 1) {
      if (end === undefined) stop = Math.min(stop, at + maxLength + 1);
      end = at;
    }
    place = transition >> 1;
    if (place === DEAD) return { end, at };
  }
  if (at === bytes.length && isEnd && automaton.extend(place, endClass) & 1) end = at;
  return { end, at };
}

/** Where the longest match that ends at `end` begins, not before `lowest`. */
function runBackward(automaton: Automaton, { bytes, isEnd }: Text, end: number, lowest: number): number {
  const { classes, endClass } = automaton;
  const behind: Before = end < bytes.length ? contextOf(bytes[end] ?? 0) : isEnd ? 'text-start' : 'other';
  let place = automaton.begin(behind, false);
  let start = end;
  for (let at = end - 1; at >= lowest - 1; at--) {
    const symbol = at < 0 ? endClass : (classes[bytes[at] as number] as number);
    const known = automaton.table[place + symbol] as number;
    const transition = known < 0 ? automaton.extend(place, symbol) : known;
    if (transition & 1) start = at + 1;
    place = transition >> 1;
    if (place === DEAD) break;
  }
  return start;
}
