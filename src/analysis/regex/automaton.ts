import type { Assertion, ByteSet } from './node.ts';
import { isWordByte } from './node.ts';
import type { Instruction, Program } from './program.ts';

/*
 * A deterministic automaton that is built while it runs: a state is the ordered list of steps at which a match can be,
 * and a transition is computed when a byte first needs it. Each byte then costs one table look-up, whatever the pattern,
 * which is what makes a search linear. (R. Cox, "Regular Expression Matching in the Wild", 2010.)
 *
 * A transition is a number: the next state's place in the table, or, when something is special about it, less than 0, so
 * that one comparison tells: not yet computed, no match can come any more, or a match ends BEFORE the byte: what stands
 * behind a byte decides about `$` and `\b`, so a match is known one byte late. The end of the text is a symbol of its own.
 */

/** The table is thrown away and begun again when it has this many states: it bounds memory, at the cost of time. */
const MAX_STATES = 4_096;
/** The same for the step lists of the states, counted in steps. */
const MAX_STEPS_HELD = 2_000_000;

export const UNKNOWN = -1;
/** No match can come any more. */
export const DEAD = -2;
/** A match ended before the byte, and the automaton goes on at the place that `placeAfterMatch` gives. */
const MATCHED = -3;
/** The place of the state without steps. */
export const DEAD_PLACE = 0;

export const isMatched = (transition: number): boolean => transition <= MATCHED;
export const placeAfterMatch = (transition: number): number => MATCHED - transition;

/** What stands before the next byte. */
export type Before = 'text-start' | 'newline' | 'word' | 'other';
const BEFORE: readonly Before[] = ['text-start', 'newline', 'word', 'other'];

export class Automaton {
  /** Transitions of each state: one for each class of bytes, and the last for the end of the text. */
  table: Int32Array;
  /** The class of each byte: bytes that no step tells apart share one. */
  readonly classes: Uint8Array;
  readonly endClass: number;
  readonly #program: Program;
  /** Cuts what is less preferred than a match: the leftmost match and the end that the pattern prefers. */
  readonly #preferring: boolean;
  readonly #hasAssertions: boolean;
  readonly #stride: number;
  readonly #examples: readonly number[];
  readonly #states: { readonly steps: readonly number[]; readonly before: Before }[] = [];
  /** Where a match, or a search for one, begins after each kind of byte; begun again with the table. */
  readonly #startPlaces = new Map<Before, number>();
  readonly #searchPlaces = new Map<Before, number>();
  readonly #places = new Map<string, number>();
  readonly #marks: Uint32Array;
  #mark = 0;
  #stepsHeld = 0;

  constructor(program: Program, preferring: boolean) {
    this.#program = program;
    this.#preferring = preferring;
    this.#hasAssertions = program.instructions.some(({ kind }) => kind === 'assertion');
    const { classes, examples } = classifyBytes(program.instructions, this.#hasAssertions);
    this.classes = classes;
    this.#examples = examples;
    this.endClass = examples.length;
    this.#stride = examples.length + 1;
    this.#marks = new Uint32Array(program.instructions.length);
    this.table = new Int32Array(64 * this.#stride);
    this.#reset();
  }

  #reset(): void {
    this.#states.length = 0;
    this.#places.clear();
    this.#startPlaces.clear();
    this.#searchPlaces.clear();
    this.#stepsHeld = 0;
    this.table.fill(UNKNOWN);
    this.#intern([], 'other');
    this.table.fill(DEAD, 0, this.#stride);
  }

  /** The place in the table of the state in which a match must begin here (or, with `search`, here or later). */
  begin(before: Before, search: boolean): number {
    const places = search ? this.#searchPlaces : this.#startPlaces;
    let place = places.get(before);
    if (place === undefined) {
      place = this.#intern([search ? this.#program.searchStart : this.#program.start], before);
      places.set(before, place);
    }
    return place;
  }

  /** Computes and keeps the transition. The table may be begun again: places from before the call are void after it. */
  extend(place: number, symbolClass: number): number {
    const state = this.#states[place / this.#stride];
    if (state === undefined) throw new RangeError('a place that is not in the table');
    const byte = this.#examples[symbolClass];
    const { steps, matched } = this.#close(state.steps, state.before, byte);
    const next: number[] = [];
    this.#mark++;
    if (byte !== undefined) for (const step of steps) this.#advance(step, byte, next);
    const isFull = this.#states.length >= MAX_STATES || this.#stepsHeld >= MAX_STEPS_HELD;
    if (isFull) this.#reset();
    const target = this.#intern(next, byte === undefined ? 'other' : contextOf(byte));
    const transition = matched ? MATCHED - target : target === DEAD_PLACE ? DEAD : target;
    if (!isFull) this.table[place + symbolClass] = transition;
    return transition;
  }

  #advance(step: number, byte: number, next: number[]): void {
    const instruction = this.#program.instructions[step];
    if (
      instruction?.kind !== 'bytes' ||
      !instruction.set[byte] ||
      this.#marks[instruction.next] === this.#mark
    )
      return;
    this.#marks[instruction.next] = this.#mark;
    next.push(instruction.next);
  }

  /** The byte steps that are reached from `steps` without a byte, in order of preference. */
  #close(
    steps: readonly number[],
    before: Before,
    byte: number | undefined,
  ): { readonly steps: readonly number[]; readonly matched: boolean } {
    const reached: number[] = [];
    const pending = [...steps].reverse();
    let matched = false;
    this.#mark++;
    for (let step = pending.pop(); step !== undefined; step = pending.pop()) {
      if (this.#marks[step] === this.#mark) continue;
      this.#marks[step] = this.#mark;
      const instruction = this.#program.instructions[step];
      if (instruction === undefined) continue;
      if (instruction.kind === 'bytes') reached.push(step);
      else if (instruction.kind === 'split') {
        for (let index = instruction.next.length - 1; index >= 0; index--)
          pending.push(instruction.next[index] ?? 0);
      } else if (instruction.kind === 'assertion') {
        if (holds(instruction.assertion, before, byte)) pending.push(instruction.next);
      } else {
        matched = true;
        if (this.#preferring) break;
      }
    }
    return { steps: reached, matched };
  }

  #intern(steps: readonly number[], context: Before): number {
    const before = this.#hasAssertions && steps.length > 0 ? context : 'other';
    const key = BEFORE.indexOf(before) + keyOf(steps);
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const place = this.#states.length * this.#stride;
    if (place + this.#stride > this.table.length) {
      const larger = new Int32Array(this.table.length * 2).fill(UNKNOWN);
      larger.set(this.table);
      this.table = larger;
    }
    this.#states.push({ steps, before });
    this.#stepsHeld += steps.length;
    this.#places.set(key, place);
    return place;
  }
}

export function contextOf(byte: number): Before {
  if (byte === 0x0a) return 'newline';
  return isWordByte(byte) ? 'word' : 'other';
}

function holds(assertion: Assertion, before: Before, byte: number | undefined): boolean {
  switch (assertion) {
    case 'text-start':
      return before === 'text-start';
    case 'text-end':
      return byte === undefined;
    case 'line-start':
      return before === 'text-start' || before === 'newline';
    case 'line-end':
      return byte === undefined || byte === 0x0a;
    case 'word-boundary':
      return (before === 'word') !== (byte !== undefined && isWordByte(byte));
    case 'no-word-boundary':
      return (before === 'word') === (byte !== undefined && isWordByte(byte));
  }
}

/** In pieces: an argument list has a length limit of its own. */
function keyOf(steps: readonly number[]): string {
  let key = '';
  for (let at = 0; at < steps.length; at += 4_096) key += String.fromCharCode(...steps.slice(at, at + 4_096));
  return key;
}

function classifyBytes(
  instructions: readonly Instruction[],
  hasAssertions: boolean,
): { readonly classes: Uint8Array; readonly examples: readonly number[] } {
  const sets = new Set<ByteSet>();
  for (const instruction of instructions) if (instruction.kind === 'bytes') sets.add(instruction.set);
  if (hasAssertions) {
    sets.add(Uint8Array.from({ length: 256 }, (_, byte) => (byte === 0x0a ? 1 : 0)));
    sets.add(Uint8Array.from({ length: 256 }, (_, byte) => (isWordByte(byte) ? 1 : 0)));
  }
  return partition(sets);
}

/** Splits the bytes into classes so that each set is a union of classes. */
function partition(sets: Iterable<ByteSet>): {
  readonly classes: Uint8Array;
  readonly examples: readonly number[];
} {
  let classes = new Uint8Array(256);
  let examples: number[] = [0];
  for (const set of sets) {
    if (examples.length === 256) break;
    const numbers = new Map<number, number>();
    const finer = new Uint8Array(256);
    examples = [];
    for (let byte = 0; byte < 256; byte++) {
      const key = (classes[byte] ?? 0) * 2 + (set[byte] ?? 0);
      let number = numbers.get(key);
      if (number === undefined) {
        number = numbers.size;
        numbers.set(key, number);
        examples.push(byte);
      }
      finer[byte] = number;
    }
    classes = finer;
  }
  return { classes, examples };
}
