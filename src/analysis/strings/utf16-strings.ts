import type { MatchRange, MemoryScanner } from '../../checkpoint/scan/memory-scanner.ts';
import { MAX_STRING_LENGTH } from './byte-strings.ts';

const NONE = 0;
const OTHER = 1;
const ASCII = 2;

/**
 * Code units that make strings: ASCII, Latin-1, Greek and Cyrillic letters, dashes and quotation marks. Nearly every pair
 * of bytes is some ideograph, so more scripts would find strings everywhere; `--search --utf16` finds those.
 */
const RANGES: readonly (readonly [first: number, last: number, kind: number])[] = [
  [0x09, 0x09, ASCII],
  [0x20, 0x7e, ASCII],
  [0xa0, 0xac, OTHER],
  [0xae, 0xff, OTHER],
  [0x386, 0x3ce, OTHER],
  [0x400, 0x481, OTHER],
  [0x48a, 0x4ff, OTHER],
  [0x2010, 0x2027, OTHER],
  [0x2030, 0x203a, OTHER],
  [0x20ac, 0x20ac, OTHER],
];

/** The kind of each code unit. */
const kinds = new Uint8Array(0x1_0000);
for (const [first, last, kind] of RANGES) kinds.fill(kind, first, last + 1);

/**
 * Finds runs of at least `minimum` code units, at even and odd addresses. One of them must be ASCII: a row of the bytes
 * 04 04 is no word.
 */
export function utf16StringScanner(minimum: number): MemoryScanner {
  return {
    overlap: MAX_STRING_LENGTH,
    *matches(window, from, limit): Generator<MatchRange, number> {
      // At even and at odd offsets: where the last run ends that was too short.
      const shortEnds: [number, number] = [from, from];
      let at = from;
      while (at < limit) {
        const probe = at + 2 * (minimum - 1);
        if (probe + 1 >= window.length) return limit;
        // A run from here on that is long enough holds the unit at one of these two, whichever its alignment.
        if (kindAt(window, probe) === NONE && kindAt(window, probe + 1) === NONE) {
          at = probe + 2;
          continue;
        }
        const parity = at % 2 === 0 ? 0 : 1;
        if (at < shortEnds[parity]) {
          at++;
          continue;
        }
        const { end, isText } = runFrom(window, at);
        if (isText && end - at >= 2 * minimum) {
          yield { start: at, end };
          at = end;
        } else {
          // Another run may begin one byte on.
          shortEnds[parity] = end;
          at++;
        }
      }
      return at;
    },
  };
}

function runFrom(window: Uint8Array, start: number) {
  const last = start + MAX_STRING_LENGTH;
  let end = start;
  let isText = false;
  while (end < last) {
    const kind = kindAt(window, end);
    if (kind === NONE) break;
    isText ||= kind === ASCII;
    end += 2;
  }
  return { end, isText };
}

/** `NONE` behind the end of the window. */
function kindAt(window: Uint8Array, at: number): number {
  if (at + 1 >= window.length) return NONE;
  return kinds[(window[at] as number) | ((window[at + 1] as number) << 8)] as number;
}
