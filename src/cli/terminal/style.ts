/** What a piece of output means, not how it looks: `odd` and `alarm` are for what an examiner should stop at. */
export type Style = 'name' | 'structure' | 'good' | 'odd' | 'alarm';

/** SGR codes (ECMA-48 §8.3.117): on, off. Only attributes that every terminal theme keeps readable. */
const CODES: Readonly<Record<Style, readonly [number, number]>> = {
  name: [1, 22],
  structure: [2, 22],
  good: [32, 39],
  odd: [33, 39],
  alarm: [31, 39],
};

/** Wraps `text`, which must be escaped already, in the style's codes; without colour it comes back as it is. */
export function paint(text: string, style: Style | undefined, color: boolean): string {
  if (!color || style === undefined || text === '') return text;
  const [on, off] = CODES[style];
  return `\x1b[${on}m${text}\x1b[${off}m`;
}
