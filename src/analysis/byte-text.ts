import type { HitEncoding } from './pattern.ts';

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/**
 * Bytes as text for a person: UTF-8 (or UTF-16LE) where it is that, and `\xNN` for each byte that is not. It may still
 * hold control characters, which whoever prints it must escape; the exact bytes are elsewhere.
 */
export function toText(bytes: Uint8Array, encoding: HitEncoding): string {
  if (encoding === 'utf-16le') return new TextDecoder('utf-16le').decode(bytes);
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = characterLength(bytes, at);
    if (length === 0) text += `\\x${HEX[bytes[at] ?? 0]}`;
    else text += decode(bytes.subarray(at, at + length));
    at += Math.max(1, length);
  }
  return text;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const decode = (bytes: Uint8Array): string =>
  bytes.length === 1 ? String.fromCharCode(bytes[0] ?? 0) : decoder.decode(bytes);

/** Bytes of the UTF-8 character at `at`; 0 where there is none (RFC 3629 §4: no overlong forms, no surrogates). */
export function characterLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  const second = bytes[at + 1] ?? 0;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  if (lead === 0xe0 && second < 0xa0) return 0;
  if (lead === 0xed && second > 0x9f) return 0;
  if (lead === 0xf0 && second < 0x90) return 0;
  if (lead === 0xf4 && second > 0x8f) return 0;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  for (let index = 1; index < length; index++) if (((bytes[at + index] ?? 0) & 0xc0) !== 0x80) return 0;
  return length;
}
