import { type ByteKind, linkedRunSet, type RunSet, runSet } from '../../bytes/kernels.ts';
import type { MatchRange, MemoryScanner } from '../../checkpoint/scan/memory-scanner.ts';
import { characterLength } from '../byte-text.ts';
import { RunFinder } from '../run-search.ts';
import { isPrintable } from './printable.ts';

/** A longer string comes in pieces. It bounds what is kept of one window for the next. */
export const MAX_STRING_LENGTH = 64 * 1024;

/** What a byte may be in a string. */
const NONE = 0;
const ONE_BYTE = 1;
const LEAD = 2;
const CONTINUATION = 3;

const isAscii = (byte: number): boolean => (byte >= 0x20 && byte < 0x7f) || byte === 0x09;
const ASCII = Uint8Array.from({ length: 256 }, (_, byte) => (isAscii(byte) ? ONE_BYTE : NONE));
/** RFC 3629 §3: no UTF-8 holds c0, c1 and f5 to ff. */
const UTF_8 = ASCII.map((kind, byte) => {
  if (byte >= 0x80 && byte < 0xc0) return CONTINUATION;
  return byte >= 0xc2 && byte < 0xf5 ? LEAD : kind;
});

/** Whether bytes of two kinds can follow each other in a string: `[first * 4 + second]`. */
const FOLLOWS = Uint8Array.from({ length: 16 }, (_, pair) => {
  const first = pair >> 2;
  const second = pair & 3;
  if (first === NONE || second === NONE) return 0;
  if (first === LEAD) return second === CONTINUATION ? 1 : 0;
  return first === ONE_BYTE && second === CONTINUATION ? 0 : 1;
});

/**
 * Finds runs of at least `minimum` printable characters: of ASCII (space to tilde, and the tab, as GNU strings has it) or
 * of UTF-8. Only where so many bytes that may be in a string stand together is looked at more closely; there a run of
 * `minimum` characters covers one of every `minimum` bytes.
 */
export function byteStringScanner(encoding: 'ascii' | 'utf-8', minimum: number): MemoryScanner {
  const kinds = encoding === 'ascii' ? ASCII : UTF_8;
  const runs = runsOf(kinds, minimum);
  return {
    overlap: MAX_STRING_LENGTH,
    *matches(window, from, limit): Generator<MatchRange, number> {
      const finder = new RunFinder(window, runs, minimum);
      let runEnd = from;
      let at = from;
      while (at < limit) {
        if (at >= runEnd) {
          const next = finder.find(at);
          if (next === undefined || next.start >= limit) return limit;
          at = Math.max(at, next.start);
          runEnd = next.end;
        }
        const probe = at + minimum - 1;
        if (probe >= window.length) return limit;
        if (kinds[window[probe] as number] === NONE) {
          at = probe + 1;
          continue;
        }
        const start = runStart(window, kinds, at, probe);
        if (start >= limit) return start;
        const run = runFrom(window, kinds, start);
        if (run.characters >= minimum) yield { start, end: run.end };
        at = Math.max(run.end, start + 1);
      }
      return at;
    },
  };
}

const KIND_NAMES: readonly ByteKind[] = ['none', 'one-byte', 'lead', 'continuation'];

/** Where a string can be: in UTF-8 nearly all bytes are of some kind, so there it counts which follow each other. */
function runsOf(kinds: Uint8Array, minimum: number): RunSet {
  if (kinds === ASCII || minimum < 2) return runSet((byte) => kinds[byte] !== NONE);
  return linkedRunSet((byte) => KIND_NAMES[kinds[byte] ?? NONE] ?? 'none');
}

/** Where the bytes that reach to `probe` and may be one string begin, at `from` or behind. */
function runStart(window: Uint8Array, kinds: Uint8Array, from: number, probe: number): number {
  let start = probe;
  let kind = kinds[window[probe] as number] as number;
  while (start > from) {
    const before = kinds[window[start - 1] as number] as number;
    if (FOLLOWS[before * 4 + kind] === 0) break;
    kind = before;
    start--;
  }
  return start;
}

function runFrom(window: Uint8Array, kinds: Uint8Array, start: number) {
  const last = Math.min(window.length, start + MAX_STRING_LENGTH);
  let end = start;
  let characters = 0;
  while (end < last) {
    const kind = kinds[window[end] as number];
    const length = kind === ONE_BYTE ? 1 : kind === LEAD ? printableLength(window, end) : 0;
    if (length === 0 || end + length > last) break;
    end += length;
    characters++;
  }
  return { end, characters };
}

/** Bytes of the printable character at `at`; 0 where there is none. */
function printableLength(window: Uint8Array, at: number): number {
  const length = characterLength(window, at);
  if (length < 2) return 0;
  let code = (window[at] as number) & (0x7f >> length);
  for (let index = 1; index < length; index++) code = (code << 6) | ((window[at + index] as number) & 0x3f);
  return isPrintable(code) ? length : 0;
}
