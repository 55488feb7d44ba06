import { type Command, InvalidArgumentError } from 'commander';
import { parseMemoryRange } from '../../analysis/memory-range.ts';
import { MAX_CONTEXT } from '../../analysis/memory-search.ts';
import type { MemoryFilter } from '../../analysis/memory-selection.ts';
import { parsePermissions } from '../../analysis/memory-selection.ts';
import { DEFAULT_MINIMUM, MAX_MINIMUM, STRING_ENCODINGS } from '../../analysis/memory-strings.ts';
import { parseSearchTerm, type SearchQuery } from '../../analysis/pattern.ts';
import type { StringEncoding } from '../../analysis/strings/string-query.ts';
import { ExhibitError } from '../../bytes/exhibit-error.ts';

/** The options of a search, which `memory` and `memparse` have in common. */
export interface SearchOptions {
  readonly search?: string;
  readonly searchRegex?: string;
  readonly context: number;
  readonly ignoreCase?: true;
  readonly utf16?: true;
  readonly hex?: true;
  readonly limit?: number;
}

export interface FilterOptions {
  readonly pid?: readonly number[];
  readonly prot?: string;
  readonly range?: string;
  readonly vma?: string;
}

export function addSearchOptions(command: Command): Command {
  return command
    .option('-s, --search <text>', 'a text, or hex: and bytes')
    .option('-r, --search-regex <pattern>', 'a regular expression (RE2 syntax, linear time)')
    .option('-c, --context <bytes>', 'bytes to show on both sides of a match', parseContext, 0)
    .option('-i, --ignore-case', 'match upper and lower case alike')
    .option('--utf16', 'look for the text as UTF-16LE too')
    .option('--limit <matches>', 'stop after so many matches', parseCount)
    .option('--hex', 'show matches as a hex dump');
}

export function addStringOptions(command: Command): Command {
  return command
    .option('--strings', 'print what reads as text, with its address')
    .option('-n, --min-length <characters>', 'of a string, at least', parseMinimum, DEFAULT_MINIMUM)
    .option('--encoding <encoding>', 'only ascii, utf-8 or utf-16le; may be given again', collectEncoding);
}

function collectEncoding(text: string, before: readonly StringEncoding[] = []): readonly StringEncoding[] {
  const encoding = STRING_ENCODINGS.find((each) => each === text);
  if (encoding === undefined) throw new InvalidArgumentError(`It must be ${STRING_ENCODINGS.join(', ')}.`);
  return [...before, encoding];
}

function parseMinimum(text: string): number {
  const characters = parseCount(text);
  if (characters > MAX_MINIMUM) throw new InvalidArgumentError(`It must be at most ${MAX_MINIMUM}.`);
  return characters;
}

export function collectPid(text: string, before: readonly number[] = []): readonly number[] {
  return [...before, parseCount(text)];
}

export function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d{1,10}$/.test(text) || count === 0) throw new InvalidArgumentError('It must be a number above 0.');
  return count;
}

function parseContext(text: string): number {
  const bytes = Number(text);
  if (!/^\d{1,6}$/.test(text) || bytes > MAX_CONTEXT) {
    throw new InvalidArgumentError(`It must be a number of bytes, at most ${MAX_CONTEXT}.`);
  }
  return bytes;
}

/** Undefined where nothing is searched for. Throws `BAD_PATTERN`. */
export function toQuery(options: SearchOptions): SearchQuery | undefined {
  const { search: text, searchRegex: pattern, ignoreCase, utf16 } = options;
  if (text !== undefined && pattern !== undefined) {
    throw new ExhibitError('BAD_PATTERN', '--search and --search-regex exclude each other');
  }
  if (utf16 && text === undefined) throw new ExhibitError('BAD_PATTERN', '--utf16 goes with --search');
  if (text !== undefined) return parseSearchTerm(text, { ignoreCase, utf16 });
  return pattern === undefined ? undefined : { kind: 'regex', pattern, ignoreCase };
}

/** Throws `BAD_PATTERN` or `BAD_RANGE`. */
export function toFilter({ pid, prot, range, vma }: FilterOptions): MemoryFilter {
  return {
    pids: pid,
    permissions: prot === undefined ? undefined : parsePermissions(prot),
    range: range === undefined ? undefined : parseMemoryRange(range),
    vma,
  };
}
