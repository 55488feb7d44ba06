/**
 * Text of an archive made safe to print. Whatever the captured machine wrote, nothing of it can move the cursor, change
 * colours or titles, hide text, reverse its order or look like a line of ours: such characters are shown as `\x1b` or
 * `\u{202e}` instead. A backslash stays one backslash, so that paths and regular expressions read as they are; the JSON
 * outputs are the exact ones.
 */

/**
 * Categories and properties are Unicode's (UAX #44): controls, formats (bidi, zero-width, tags), lone surrogates,
 * private-use and unassigned characters, line and paragraph separators, spaces that are not U+0020, and everything that
 * a renderer may draw as nothing. U+2800 is a blank that has no such property.
 */
const UNSAFE = /(?! )[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/** Nearly all text is this, and known to be safe without the expressions, whose making alone takes some milliseconds. */
const PLAIN = /^[\n -~]*$/;

/** Marks without a base would sit on what we printed before; more than four on one base draw over the lines around. */
const UNSAFE_MARKS = /^\p{M}+|\p{M}{5,}/gu;

const SHORT_FORMS: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

export interface EscapeOptions {
  /** Leaves line feeds in place: for text that is lines, such as a log. */
  readonly keepNewlines?: boolean;
}

/** Returns `text` with every character that could disturb a terminal or deceive its reader in a visible form. */
export function escapeText(text: string, options: EscapeOptions = {}): string {
  if (PLAIN.test(text) && (options.keepNewlines === true || !text.includes('\n'))) return text;
  const safe = text.replace(UNSAFE, (character) =>
    options.keepNewlines && character === '\n' ? character : visibleForm(character),
  );
  return safe.replace(UNSAFE_MARKS, (marks) => Array.from(marks, visibleForm).join(''));
}

function visibleForm(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  return SHORT_FORMS[character] ?? (code < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u{${hex}}`);
}

/**
 * The JSON that every `--json` prints. Strings keep their exact value, but the characters that `escapeText` would show
 * are written as `\uXXXX`, so that JSON on a terminal is as safe as text. A bigint is a number where JavaScript holds it
 * exactly, otherwise a string of decimal digits; addresses never come here as bigint (they are `0x…` strings).
 */
export function toJson(value: unknown, indent = 2): string {
  const json = JSON.stringify(
    value,
    (_key, item: unknown) => (typeof item === 'bigint' ? plainBigint(item) : item),
    indent,
  );
  if (PLAIN.test(json)) return json;
  return json.replace(UNSAFE, (character) => (character === '\n' ? character : jsonForm(character)));
}

function plainBigint(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

function jsonForm(character: string): string {
  let form = '';
  for (let at = 0; at < character.length; at++) {
    form += `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`;
  }
  return form;
}
