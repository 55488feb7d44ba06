/** Categories of Unicode: controls, formats, surrogates, private-use and unassigned characters, and all separators but spaces. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u;

const YES = 1;
const NO = 2;
/** Filled as characters are met: to ask the expression each time is a hundred times slower, to ask it for all takes long. */
const known = new Uint8Array(0x11_0000);

/** Whether a person would see something of the character, or a space. */
export function isPrintable(code: number): boolean {
  const answer = known[code];
  if (answer !== 0) return answer === YES;
  const isUnprintable = UNPRINTABLE.test(String.fromCodePoint(code));
  known[code] = isUnprintable ? NO : YES;
  return !isUnprintable;
}
