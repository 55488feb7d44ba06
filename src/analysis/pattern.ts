import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { MatchRange, MemoryScanner } from '../checkpoint/scan/memory-scanner.ts';
import { finder } from './byte-search.ts';
import { byteSet, type RegexNode } from './regex/node.ts';
import { compileNode, compileRegex, type Regex } from './regex/regex.ts';

/** What to look for in memory. */
export type SearchQuery =
  | {
      readonly kind: 'text';
      readonly text: string;
      readonly ignoreCase?: boolean | undefined;
      /** Also in UTF-16LE, as Windows, Java and JavaScript hold text. */
      readonly utf16?: boolean | undefined;
    }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** In RE2's syntax; see regex/parser.ts. */
  | { readonly kind: 'regex'; readonly pattern: string; readonly ignoreCase?: boolean | undefined };

/** How the bytes of a hit are to be read. */
export type HitEncoding = 'ascii' | 'utf-8' | 'utf-16le' | 'bytes';

export interface CompiledScanner {
  readonly encoding: HitEncoding;
  readonly scanner: MemoryScanner;
}

/** Nobody types more; it bounds what is kept of one window for the next. */
const MAX_NEEDLE_LENGTH = 64 * 1024;
const HEX_PREFIX = 'hex:';

/** A search term as users type it: `hex:` and pairs of digits (spaces between them are allowed) are bytes. */
export function parseSearchTerm(
  term: string,
  options: { readonly ignoreCase?: boolean | undefined; readonly utf16?: boolean | undefined } = {},
): SearchQuery {
  if (!term.startsWith(HEX_PREFIX)) return { kind: 'text', text: term, ...options };
  const digits = term.slice(HEX_PREFIX.length).replaceAll(/[\s:]/g, '');
  if (!/^([\da-f]{2})+$/i.test(digits)) {
    throw new ExhibitError(
      'BAD_PATTERN',
      `${term} is not hex: and pairs of hexadecimal digits, as in hex:deadbeef`,
    );
  }
  if (options.ignoreCase || options.utf16) {
    throw new ExhibitError(
      'BAD_PATTERN',
      'bytes (hex:) have no case and no encoding; leave those options out',
    );
  }
  return {
    kind: 'bytes',
    bytes: Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)),
  };
}

/** Compiles a query into what `scanMemory` takes. Throws `BAD_PATTERN`. */
export function compileQuery(query: SearchQuery): readonly CompiledScanner[] {
  switch (query.kind) {
    case 'bytes':
      return [{ encoding: 'bytes', scanner: literalScanner(query.bytes) }];
    case 'regex': {
      const regex = compileRegex(query.pattern, { ignoreCase: query.ignoreCase === true });
      return [{ encoding: 'utf-8', scanner: regexScanner(regex) }];
    }
    case 'text': {
      const scanners = [textScanner(query.text, 'utf-8', query.ignoreCase === true)];
      if (query.utf16) scanners.push(textScanner(query.text, 'utf-16le', query.ignoreCase === true));
      return scanners;
    }
  }
}

function textScanner(text: string, encoding: 'utf-8' | 'utf-16le', ignoreCase: boolean): CompiledScanner {
  const encode = encoding === 'utf-8' ? encodeUtf8 : encodeUtf16;
  checkNeedle(encode(text));
  if (!ignoreCase) return { encoding, scanner: literalScanner(encode(text)) };
  const parts = Array.from(text, (character): RegexNode => anyOf(casesOf(character).map(encode)));
  const maxMatchLength = Array.from(text, (character) =>
    Math.max(...casesOf(character).map((one) => encode(one).length)),
  );
  const length = maxMatchLength.reduce((sum, one) => sum + one, 0);
  const regex = compileNode({ kind: 'sequence', parts }, { maxMatchLength: length, overlapping: true });
  return { encoding, scanner: regexScanner(regex) };
}

/** Both cases of a character where the other case is one character too. */
function casesOf(character: string): readonly string[] {
  const others = [character.toLowerCase(), character.toUpperCase()].filter(
    (one) => Array.from(one).length === 1,
  );
  return [...new Set([character, ...others])];
}

function anyOf(texts: readonly Uint8Array[]): RegexNode {
  const parts = texts.map(
    (bytes): RegexNode => ({
      kind: 'sequence',
      parts: Array.from(bytes, (byte): RegexNode => ({ kind: 'bytes', set: byteSet([byte, byte]) })),
    }),
  );
  return { kind: 'choice', parts };
}

const encodeUtf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

function encodeUtf16(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 2);
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    bytes[at * 2] = unit & 0xff;
    bytes[at * 2 + 1] = unit >> 8;
  }
  return bytes;
}

function checkNeedle(needle: Uint8Array): void {
  if (needle.length === 0)
    throw new ExhibitError('BAD_PATTERN', 'there is nothing to search for: the term is empty');
  if (needle.length > MAX_NEEDLE_LENGTH) {
    throw new ExhibitError('BAD_PATTERN', `the term is longer than ${MAX_NEEDLE_LENGTH} bytes`);
  }
}

/** Finds every place at which the bytes stand, also where they overlap. */
export function literalScanner(needle: Uint8Array): MemoryScanner {
  checkNeedle(needle);
  return {
    overlap: needle.length - 1,
    *matches(window, from, limit): Generator<MatchRange, number> {
      const find = finder(window, needle);
      for (let at = find(from); at >= 0 && at < limit; at = find(at + 1)) {
        yield { start: at, end: at + needle.length };
      }
      return limit;
    },
  };
}

export function regexScanner(regex: Regex): MemoryScanner {
  return {
    overlap: regex.maxMatchLength,
    matches: (window, from, limit, isEnd) => regex.matches(window, from, limit, isEnd),
  };
}
