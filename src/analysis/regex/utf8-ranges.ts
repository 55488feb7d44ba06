import { byteSet, type RegexNode } from './node.ts';

/** Code points, both ends included. */
export type CodePointRange = readonly [first: number, last: number];

const SURROGATES: CodePointRange = [0xd800, 0xdfff];
/** The last code point of each encoded length (RFC 3629 §3). */
const LAST_OF_LENGTH = [0x7f, 0x7ff, 0xffff, 0x10ffff];

/**
 * The UTF-8 texts of the code points in `ranges`, as a choice of byte sequences. A range is cut until each piece is a
 * product of byte ranges: every piece has one encoded length, and all continuation bytes behind the first one that
 * varies run from 0x80 to 0xBF.
 */
export function utf8Choice(ranges: readonly CodePointRange[]): RegexNode {
  const parts = ranges.flatMap(([first, last]) => splitAtSurrogates(first, last)).flatMap(sequencesOf);
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: 'choice', parts };
}

function splitAtSurrogates(first: number, last: number): CodePointRange[] {
  const below: CodePointRange = [first, Math.min(last, SURROGATES[0] - 1)];
  const above: CodePointRange = [Math.max(first, SURROGATES[1] + 1), last];
  return [below, above].filter(([from, to]) => from <= to);
}

function sequencesOf([first, last]: CodePointRange): RegexNode[] {
  const cut = findCut(first, last);
  if (cut !== undefined) return [...sequencesOf([first, cut]), ...sequencesOf([cut + 1, last])];
  const from = encode(first);
  const to = encode(last);
  const parts = from.map(
    (byte, index): RegexNode => ({ kind: 'bytes', set: byteSet([byte, to[index] ?? byte]) }),
  );
  return [parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: 'sequence', parts }];
}

/** Where a range must be cut next, as the last code point of its first piece; undefined when it is a product. */
function findCut(first: number, last: number): number | undefined {
  for (const end of LAST_OF_LENGTH) if (first <= end && end < last) return end;
  if (last < 0x80) return undefined;
  for (const bits of [6, 12, 18]) {
    const low = 2 ** bits - 1;
    if (Math.floor(first / 2 ** bits) === Math.floor(last / 2 ** bits)) break;
    if ((first & low) !== 0) return first | low;
    if ((last & low) !== low) return (last & ~low) - 1;
  }
  return undefined;
}

function encode(codePoint: number): readonly number[] {
  if (codePoint < 0x80) return [codePoint];
  if (codePoint < 0x800) return [0xc0 | (codePoint >> 6), 0x80 | (codePoint & 0x3f)];
  if (codePoint < 0x10000) {
    return [0xe0 | (codePoint >> 12), 0x80 | ((codePoint >> 6) & 0x3f), 0x80 | (codePoint & 0x3f)];
  }
  return [
    0xf0 | (codePoint >> 18),
    0x80 | ((codePoint >> 12) & 0x3f),
    0x80 | ((codePoint >> 6) & 0x3f),
    0x80 | (codePoint & 0x3f),
  ];
}
