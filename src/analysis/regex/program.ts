import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { type Assertion, type ByteSet, byteSet, type RegexNode } from './node.ts';

/** One step of a non-deterministic automaton; numbers are indexes of other steps. */
export type Instruction =
  | { readonly kind: 'match' }
  | { readonly kind: 'bytes'; readonly set: ByteSet; readonly next: number }
  /** Goes on at all of them; earlier ones are preferred. */
  | { readonly kind: 'split'; readonly next: readonly number[] }
  | { readonly kind: 'assertion'; readonly assertion: Assertion; readonly next: number };

export interface Program {
  readonly instructions: readonly Instruction[];
  /** Where a match begins. */
  readonly start: number;
  /** Where a search begins that may skip bytes before the match. */
  readonly searchStart: number;
}

/**
 * Steps of one pattern. A pattern of a person has less than a hundred, a Unicode class two thousand. It must stay below
 * 65,536: the automaton writes step numbers as UTF-16 units.
 */
const MAX_INSTRUCTIONS = 50_000;
/** Nodes that are visited while compiling: repeats of empty parts cost time without making steps. */
const MAX_VISITS = 500_000;

const OPPOSITES: Readonly<Record<Assertion, Assertion>> = {
  'text-start': 'text-end',
  'text-end': 'text-start',
  'line-start': 'line-end',
  'line-end': 'line-start',
  'word-boundary': 'word-boundary',
  'no-word-boundary': 'no-word-boundary',
};

/** Compiles a tree to be run over bytes forwards, or `reversed` over bytes taken from the end to the beginning. */
export function compile(node: RegexNode, reversed: boolean): Program {
  const compiler = new Compiler(reversed);
  const start = compiler.compile(node, compiler.emit({ kind: 'match' }));
  const searchStart = compiler.loop({ kind: 'bytes', set: byteSet([0, 255]) }, (skip) => [start, skip]);
  return { instructions: compiler.instructions, start, searchStart };
}

/** Works from a pattern's end to its start, so that each step knows the next one. */
class Compiler {
  readonly instructions: Instruction[] = [];
  readonly #reversed: boolean;
  #visits = 0;

  constructor(reversed: boolean) {
    this.#reversed = reversed;
  }

  emit(instruction: Instruction): number {
    if (this.instructions.length >= MAX_INSTRUCTIONS) throw tooLarge();
    return this.instructions.push(instruction) - 1;
  }

  /** Returns the step at which `node` begins, given the step that follows it. */
  compile(node: RegexNode, next: number): number {
    if (++this.#visits > MAX_VISITS) throw tooLarge();
    switch (node.kind) {
      case 'bytes':
        return this.emit({ kind: 'bytes', set: node.set, next });
      case 'assertion':
        return this.emit({
          kind: 'assertion',
          assertion: this.#reversed ? OPPOSITES[node.assertion] : node.assertion,
          next,
        });
      case 'choice':
        return this.emit({ kind: 'split', next: node.parts.map((part) => this.compile(part, next)) });
      case 'sequence': {
        const backwards = this.#reversed ? node.parts : [...node.parts].reverse();
        return backwards.reduce((follower, part) => this.compile(part, follower), next);
      }
      case 'repeat':
        return this.#repeat(node, next);
    }
  }

  #repeat(node: Extract<RegexNode, { kind: 'repeat' }>, next: number): number {
    const prefer = (more: number): readonly number[] => (node.greedy ? [more, next] : [next, more]);
    let entry = next;
    let copies = node.min;
    if (node.max === Number.POSITIVE_INFINITY) {
      const loop = this.loop(node.part, prefer);
      const split = this.instructions[loop];
      entry = node.min > 0 && split?.kind === 'split' ? (split.next[node.greedy ? 0 : 1] ?? loop) : loop;
      copies = Math.max(0, node.min - 1);
    } else {
      for (let index = node.min; index < node.max; index++) {
        entry = this.emit({ kind: 'split', next: prefer(this.compile(node.part, entry)) });
      }
    }
    for (let index = 0; index < copies; index++) entry = this.compile(node.part, entry);
    return entry;
  }

  /** A split that comes back to itself behind `part`; `order` puts the way through `part` where it is preferred. */
  loop(part: RegexNode, order: (through: number) => readonly number[]): number {
    const split = this.emit({ kind: 'split', next: [] });
    this.instructions[split] = { kind: 'split', next: order(this.compile(part, split)) };
    return split;
  }
}

const tooLarge = (): ExhibitError =>
  new ExhibitError('BAD_PATTERN', `the pattern is too large: it needs more than ${MAX_INSTRUCTIONS} steps`);
