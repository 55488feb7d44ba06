import { finder } from '../byte-search.ts';
import {
  Automaton,
  type Before,
  contextOf,
  DEAD,
  DEAD_PLACE,
  isMatched,
  placeAfterMatch,
  UNKNOWN,
} from './automaton.ts';
import type { RegexNode } from './node.ts';
import { type ParseOptions, parseRegex } from './parser.ts';
import { type CandidateFinder, type Prefilter, prefilterOf, requiredLiteral } from './prefilter.ts';
import { compile } from './program.ts';

/**
 * Longest match that is found whole; longer ones are cut to it. It bounds what a search must keep in memory and what one
 * match can cost. A private key has 4 KiB, a large web token 16 KiB.
 */
export const MAX_MATCH_LENGTH = 64 * 1024;

/** Work on failed candidates, in bytes, beyond which the automaton takes over from the prefilter. */
const CANDIDATE_ALLOWANCE = 1_024;
/** What finding a candidate costs, in bytes that the automaton reads in that time. */
const CANDIDATE_COST = 32;
/** How often the automaton looks whether the prefilter could take over again. */
const QUIET_INTERVAL = 8_192;

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
  return new AutomatonRegex(forward, backward, prefilterOf(program), requiredLiteral(node), options);
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
  /** Bytes without which there is no match. */
  readonly #required: Uint8Array;
  readonly #overlapping: boolean;

  constructor(
    forward: Automaton,
    backward: Automaton,
    prefilter: Prefilter | undefined,
    required: Uint8Array,
    options: RegexOptions,
  ) {
    this.#forward = forward;
    this.#backward = backward;
    this.#prefilter = prefilter;
    this.#required = required;
    this.maxMatchLength = options.maxMatchLength ?? MAX_MATCH_LENGTH;
    this.#overlapping = options.overlapping === true;
  }

  *matches(bytes: Uint8Array, from: number, limit: number, isEnd: boolean): Generator<ByteRange, number> {
    const text: Text = { bytes, isEnd };
    const candidate = this.#prefilter?.(bytes);
    const nextGround = this.#groundFinder(bytes);
    let ground: ByteRange = { start: from, end: from };
    let resume = limit;
    let at = from;
    while (at < limit) {
      if (at >= ground.end) {
        ground = nextGround(at);
        at = ground.start;
        continue;
      }
      const match =
        candidate === undefined
          ? this.#search(text, at, ground.end)
          : this.#findFrom(text, at, ground.end, candidate);
      if (match === undefined) at = ground.end;
      else if (match.start >= limit) break;
      else {
        if (match.end > match.start) yield match;
        at = this.#overlapping ? match.start + 1 : Math.max(match.end, match.start + 1);
        resume = Math.max(limit, at);
      }
    }
    return resume;
  }

  /**
   * The next range in which a match can begin: not farther than the longest match before the required bytes. It goes on
   * behind them, so that bytes that stand everywhere cost one look at each length of memory.
   */
  #groundFinder(bytes: Uint8Array): (from: number) => ByteRange {
    const { length } = bytes;
    if (this.#required.length === 0) return (from) => ({ start: from, end: length });
    const find = finder(bytes, this.#required);
    return (from) => {
      const found = find(from);
      if (found < 0) return { start: length, end: length };
      return {
        start: Math.max(from, found - this.maxMatchLength),
        end: Math.min(length, found + this.maxMatchLength),
      };
    };
  }

  /**
   * The leftmost match that begins in `[from, limit)`. Jumps from candidate to candidate; where too many fail, the
   * automaton goes on until the ground is quiet again.
   */
  #findFrom(text: Text, from: number, limit: number, candidate: CandidateFinder): ByteRange | undefined {
    let base = from;
    let spent = 0;
    let start = candidate(from);
    while (start >= 0 && start < limit) {
      const { end, at } = this.#run(text, start, limit, 'here');
      if (end >= 0) return { start, end };
      spent += at - start + CANDIDATE_COST;
      let next = start + 1;
      if (spent > 2 * (start - base) + CANDIDATE_ALLOWANCE) {
        const found = this.#run(text, next, limit, 'until-quiet');
        if (found.end >= 0) return this.#toRange(text, next, limit, found.end);
        next = found.at;
        base = next;
        spent = 0;
      }
      start = next < limit ? candidate(next) : -1;
    }
    return undefined;
  }

  /** Forwards for the end of the leftmost match, then backwards from there for its beginning. */
  #search(text: Text, from: number, limit: number): ByteRange | undefined {
    const { end } = this.#run(text, from, limit, 'anywhere');
    return end < 0 ? undefined : this.#toRange(text, from, limit, end);
  }

  #run(text: Text, from: number, limit: number, where: Where): ForwardRun {
    return runForward(this.#forward, text, from, limit, this.maxMatchLength, where);
  }

  #toRange(text: Text, from: number, limit: number, end: number): ByteRange | undefined {
    const start = runBackward(this.#backward, text, end, Math.max(from, end - this.maxMatchLength));
    return start < limit ? { start, end } : undefined;
  }
}

function contextBefore(bytes: Uint8Array, at: number): Before {
  return at === 0 ? 'text-start' : contextOf(bytes[at - 1] ?? 0);
}

/** Where a match must begin. `until-quiet`: anywhere, but it may stop where no match is under way. */
type Where = 'here' | 'anywhere' | 'until-quiet';

interface ForwardRun {
  /** Where the preferred match ends, or -1. */
  readonly end: number;
  /** How far was read. */
  readonly at: number;
}

/** Reads only so far as a match that begins before `limit` can reach. */
function runForward(
  automaton: Automaton,
  { bytes, isEnd }: Text,
  from: number,
  limit: number,
  maxLength: number,
  where: Where,
): ForwardRun {
  const { classes, endClass } = automaton;
  let place = automaton.begin(contextBefore(bytes, from), where !== 'here');
  let table = automaton.table;
  let last = Math.min(bytes.length, (where === 'here' ? from : limit) + maxLength + 1);
  let stop = where === 'until-quiet' ? Math.min(last, from + QUIET_INTERVAL) : last;
  let end = -1;
  let at = from;
  while (true) {
    let transition = place;
    while (at < stop) {
      transition = table[place + (classes[bytes[at] as number] as number)] as number;
      if (transition < 0) break;
      place = transition;
      at++;
    }
    if (at >= stop) {
      if (at >= last) break;
      if (end < 0 && automaton.begin(contextBefore(bytes, at), true) === place) return { end, at };
      stop = Math.min(last, at + QUIET_INTERVAL);
      continue;
    }
    if (transition === UNKNOWN) {
      transition = automaton.extend(place, classes[bytes[at] as number] as number);
      table = automaton.table;
    }
    if (isMatched(transition)) {
      if (end < 0) last = Math.min(last, at + maxLength + 1);
      stop = Math.min(stop, last);
      end = at;
      transition = placeAfterMatch(transition);
      if (transition === DEAD_PLACE) return { end, at };
    }
    if (transition === DEAD) return { end, at };
    place = transition;
    at++;
  }
  if (at === bytes.length && isEnd && isMatched(automaton.extend(place, endClass))) end = at;
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
    let transition = automaton.table[place + symbol] as number;
    if (transition === UNKNOWN) transition = automaton.extend(place, symbol);
    if (isMatched(transition)) {
      start = at + 1;
      transition = placeAfterMatch(transition);
    }
    if (transition === DEAD || transition === DEAD_PLACE) break;
    place = transition;
  }
  return start;
}
