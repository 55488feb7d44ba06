/** From text back to bytes: the inverse of text-encodings.ts. What is not of the form is undefined, never guessed at. */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const NONE = 255;
const SEXTETS = new Uint8Array(128).fill(NONE);
for (let at = 0; at < ALPHABET.length; at++) SEXTETS[ALPHABET.charCodeAt(at)] = at;

/** Base64 with its padding (RFC 4648, section 4), in lines or not. Bits that no byte uses must be zero. */
export function parseBase64(text: string): Uint8Array | undefined {
  const compact = text.replaceAll(/[\r\n]/g, '');
  if (compact.length % 4 !== 0) return undefined;
  const padding = compact.endsWith('==') ? 2 : compact.endsWith('=') ? 1 : 0;
  const letters = compact.length - padding;
  const bytes = new Uint8Array((compact.length / 4) * 3);
  for (let at = 0, written = 0; at < compact.length; at += 4) {
    let bits = 0;
    for (let index = at; index < at + 4; index++) {
      const sextet = index < letters ? (SEXTETS[compact.charCodeAt(index)] ?? NONE) : 0;
      if (sextet === NONE) return undefined;
      bits = (bits << 6) | sextet;
    }
    bytes[written++] = bits >>> 16;
    bytes[written++] = bits >>> 8;
    bytes[written++] = bits;
  }
  const end = bytes.length - padding;
  return bytes.subarray(end).every((byte) => byte === 0) ? bytes.subarray(0, end) : undefined;
}

/** Quoted-printable (RFC 2045, section 6.7): `=XX` is a byte, `=` before a line break is nothing. */
export function parseQuotedPrintable(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 126) return undefined;
    if (code !== 0x3d) {
      bytes.push(code);
      continue;
    }
    const softBreak = /^\r?\n/.exec(text.slice(at + 1, at + 3))?.[0];
    const digits = text.slice(at + 1, at + 3);
    if (softBreak !== undefined) at += softBreak.length;
    else if (/^[0-9A-Fa-f]{2}$/.test(digits)) {
      bytes.push(Number.parseInt(digits, 16));
      at += 2;
    } else return undefined;
  }
  return Uint8Array.from(bytes);
}

/** UTF-8, with lone surrogates U+DC80 … U+DCFF as the bytes that they stand for (PEP 383). */
export function parseSurrogateEscaped(text: string): Uint8Array | undefined {
  if (isWellFormed(text)) return utf8.encode(text);
  const parts: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const isLone = code >= 0xd800 && code <= 0xdfff;
    if (!isLone) for (const byte of utf8.encode(character)) parts.push(byte);
    else if (code >= 0xdc80 && code <= 0xdcff) parts.push(code - 0xdc00);
    else return undefined;
  }
  return Uint8Array.from(parts);
}

const utf8 = new TextEncoder();
const LONE_SURROGATE = /\p{Surrogate}/u;

const isWellFormed = (text: string): boolean => !LONE_SURROGATE.test(text);
