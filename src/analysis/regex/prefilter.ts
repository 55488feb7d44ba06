import { byteString, finder } from '../byte-search.ts';
import type { ByteSet, RegexNode } from './node.ts';
import type { Program } from './program.ts';

/*
 * What a match must begin with, as sets of bytes for its first places, lets a search jump over memory at the speed of
 * memchr or of the JavaScript engine's regular expressions (which skip with SIMD). It says "perhaps" or "certainly not";
 * the automaton decides. Only a fixed number of places is ever compared, so that no memory can make it slow.
 */

/** Finds the first offset at or after `from` where a match may begin, or -1. */
export type CandidateFinder = (from: number) => number;
/** Makes the finder of one window of memory. */
export type Prefilter = (window: Uint8Array) => CandidateFinder;

const MAX_PREFIX = 8;
/** More bytes than this in every place: nearly all memory would be a candidate. */
const MAX_SELECTIVE_MEMBERS = 128;
/** Bytes turned into a string at once; measured: larger strings are allocated page by page and are four times slower. */
const PIECE = 64 * 1024;

/** Undefined when the beginning of a match tells nothing. */
export function prefilterOf(program: Program): Prefilter | undefined {
  const sets = prefixSets(program);
  const members = sets.map((set) => set.reduce((sum, member) => sum + member, 0));
  if (!members.some((count) => count <= MAX_SELECTIVE_MEMBERS)) return undefined;
  if (members.every((count) => count === 1))
    return literalPrefilter(Uint8Array.from(sets, (set) => set.indexOf(1)));
  return setsPrefilter(sets);
}

/** Which bytes can stand in each of the first places of a match; as many places as the shortest match has. */
export function prefixSets(program: Program): readonly ByteSet[] {
  const sets: ByteSet[] = [];
  let steps = new Set([program.start]);
  while (sets.length < MAX_PREFIX) {
    const reached = reachWithoutByte(program, steps);
    if (reached === undefined) break;
    const set = new Uint8Array(256);
    steps = new Set();
    for (const { set: members, next } of reached) {
      for (const [byte, member] of members.entries()) if (member) set[byte] = 1;
      steps.add(next);
    }
    sets.push(set);
  }
  return sets;
}

/** Undefined when a match can end here. Assertions count as holding: the answer may be too wide, never too narrow. */
function reachWithoutByte(
  program: Program,
  from: Iterable<number>,
): { set: ByteSet; next: number }[] | undefined {
  const seen = new Set(from);
  const reached: { set: ByteSet; next: number }[] = [];
  for (const step of seen) {
    const instruction = program.instructions[step];
    if (instruction === undefined || instruction.kind === 'match') return undefined;
    if (instruction.kind === 'bytes') reached.push(instruction);
    else if (instruction.kind === 'split') for (const next of instruction.next) seen.add(next);
    else seen.add(instruction.next);
  }
  return reached;
}

function literalPrefilter(prefix: Uint8Array): Prefilter {
  return (window) => finder(window, prefix);
}

function setsPrefilter(sets: readonly ByteSet[]): Prefilter {
  const source = sets.map(classSource).join('');
  return (window) => {
    const pattern = new RegExp(source, 'g');
    let piece = '';
    let pieceStart = 0;
    return (from) => {
      for (let at = from; at + sets.length <= window.length; at = pieceStart + PIECE) {
        if (at < pieceStart || at >= pieceStart + PIECE || piece === '') {
          pieceStart = at;
          piece = byteString(window, at, at + PIECE + sets.length - 1);
        }
        pattern.lastIndex = at - pieceStart;
        const found = pattern.exec(piece);
        if (found !== null) return pieceStart + found.index;
      }
      return -1;
    };
  };
}

function classSource(set: ByteSet): string {
  const escapeByte = (byte: number): string => `\\x${byte.toString(16).padStart(2, '0')}`;
  let members = '';
  for (let byte = 0; byte < 256; byte++) if (set[byte]) members += escapeByte(byte);
  return `[${members}]`;
}

/** Longest bytes that stand in every match, wherever in it; empty where there are none. */
export function requiredLiteral(node: RegexNode): Uint8Array {
  let longest: readonly number[] = [];
  let run: number[] = [];
  const endRun = (): void => {
    if (run.length > longest.length) longest = run;
    run = [];
  };
  const visit = (part: RegexNode): void => {
    if (part.kind === 'bytes' && part.set.indexOf(1) === part.set.lastIndexOf(1) && part.set.includes(1)) {
      run.push(part.set.indexOf(1));
    } else if (part.kind === 'sequence') part.parts.forEach(visit);
    else if (part.kind === 'repeat' && part.min > 0) {
      visit(part.part);
      if (part.max > 1) endRun();
    } else if (part.kind !== 'assertion') endRun();
  };
  visit(node);
  endRun();
  return Uint8Array.from(longest);
}
