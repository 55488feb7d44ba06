import stringWidth from 'string-width';
import { escapeText } from './escape.ts';
import { paint, type Style } from './style.ts';

/**
 * A line of output, made of spans. Views build lines and never strings, so that every text of an archive passes
 * `escapeText` in one place, and so that widths are measured before colours are added.
 */
export type Line = readonly Span[];
export type Span = string | { readonly text: string; readonly style: Style };

const ELLIPSIS = '…';
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;
/** UTF-16 units looked at per column: a base with its marks (escaping leaves four) is not longer; keeps wrapping linear. */
const SEGMENTED = 12;
/** Kept: the segmenter costs milliseconds to make. Grapheme clusters are never cut in two. */
let segmenter: Intl.Segmenter | undefined;

export const styled = (text: string, style: Style): Span => ({ text, style });

/** Columns that `text`, already escaped, takes on a terminal; East Asian wide characters take two. */
export const textWidth = (text: string): number =>
  PRINTABLE_ASCII.test(text) ? text.length : stringWidth(text);

/** Columns that the line takes. */
export function lineWidth(line: Line): number {
  return line.reduce((width, span) => width + textWidth(escapeText(textOf(span))), 0);
}

/** The line as text for a terminal (or, without colour, for a file). */
export function renderLine(line: Line, color: boolean): string {
  return line.map((span) => paint(escapeText(textOf(span)), styleOf(span), color)).join('');
}

/** The line cut to `width` columns, its last column an ellipsis where something was left out. */
export function fitLine(line: Line, width: number): Line {
  return lineWidth(line) <= width ? line : [...splitLine(escapeLine(line), width - 1)[0], ELLIPSIS];
}

/** The line broken after `first` columns and then after every `rest` columns; nothing of it is left out. */
export function wrapLine(line: Line, first: number, rest = first): readonly Line[] {
  const lines: Line[] = [];
  let remaining = escapeLine(line);
  let width = first;
  do {
    const [head, tail] = splitAtWord(remaining, width);
    lines.push(head);
    remaining = tail;
    width = rest;
  } while (remaining.length > 0);
  return lines;
}

const escapeLine = (line: Line): Line => line.map((span) => withText(span, escapeText(textOf(span))));

/** Like `splitLine`, but behind the last space when that does not make the line much shorter. */
function splitAtWord(line: Line, width: number): readonly [Line, Line] {
  const [head, tail] = splitLine(line, width);
  const last = head.at(-1);
  if (tail.length === 0 || last === undefined) return [head, tail];
  const text = textOf(last);
  const end = text.lastIndexOf(' ') + 1;
  if (end === 0 || text.length - end > width / 3) return [head, tail];
  return [
    [...head.slice(0, -1), withText(last, text.slice(0, end))],
    [withText(last, text.slice(end)), ...tail],
  ];
}

/** Splits an escaped line before the first character that does not fit; at least one goes to the head. */
function splitLine(line: Line, width: number): readonly [Line, Line] {
  const head: Span[] = [];
  let room = width;
  for (const [index, span] of line.entries()) {
    const text = textOf(span);
    const taken = prefixThatFits(text, room, head.length === 0);
    if (taken !== '') head.push(withText(span, taken));
    if (taken.length < text.length) {
      return [head, [withText(span, text.slice(taken.length)), ...line.slice(index + 1)]];
    }
    room -= textWidth(taken);
  }
  return [head, []];
}

function prefixThatFits(text: string, width: number, atLeastOne: boolean): string {
  const count = Math.max(width, atLeastOne ? 1 : 0);
  if (count >= text.length && PRINTABLE_ASCII.test(text)) return text;
  // One character more than fits, because it could be a mark that belongs to the last one that does.
  if (PRINTABLE_ASCII.test(text.slice(0, count + 1))) return text.slice(0, count);
  segmenter ??= new Intl.Segmenter();
  let length = 0;
  let room = width;
  for (const { segment } of segmenter.segment(text.slice(0, SEGMENTED * (count + 1)))) {
    room -= textWidth(segment);
    if (room < 0 && !(atLeastOne && length === 0)) break;
    length += segment.length;
  }
  return text.slice(0, length);
}

const textOf = (span: Span): string => (typeof span === 'string' ? span : span.text);
const styleOf = (span: Span): Style | undefined => (typeof span === 'string' ? undefined : span.style);
const withText = (span: Span, text: string): Span =>
  typeof span === 'string' ? text : { text, style: span.style };
