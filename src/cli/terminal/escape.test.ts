import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeText, toJson } from './escape.ts';

describe('escapeText', () => {
  it.each([
    ['\x1b[2J\x1b]0;owned\x07', '\\x1b[2J\\x1b]0;owned\\x07'],
    ['\x9b31m', '\\x9b31m'],
    ['\x7f', '\\x7f'],
    ['a\tb\r\nc', 'a\\tb\\r\\nc'],
    ['invoice\u202efdp.exe', 'invoice\\u{202e}fdp.exe'],
    ['\u2066x\u2069', '\\u{2066}x\\u{2069}'],
    ['ad\u200bmin\ufeff', 'ad\\u{200b}min\\u{feff}'],
    ['a\u2028b\u2029', 'a\\u{2028}b\\u{2029}'],
    ['a\u00a0b\u3000c\u2800', 'a\\xa0b\\u{3000}c\\u{2800}'],
    ['\ud800', '\\u{d800}'],
    ['\ue000\u{10ffff}', '\\u{e000}\\u{10ffff}'],
    ['\u{e0041}', '\\u{e0041}'],
    ['\u3164', '\\u{3164}'],
  ])('shows %j', (text, shown) => {
    expect(escapeText(text)).toBe(shown);
  });

  it('leaves text of every script alone', () => {
    for (const text of ['/usr/bin/web --port=80', 'C:\\x1b', 'Grüße Привет 你好 שלום', 'é', '🚀']) {
      expect(escapeText(text)).toBe(text);
    }
  });

  it('shows combining marks that have no base or pile up', () => {
    expect(escapeText('\u0301a')).toBe('\\u{301}a');
    expect(escapeText(`a${'\u0301'.repeat(5)}`)).toBe(`a${'\\u{301}'.repeat(5)}`);
  });

  it('keeps line feeds, and only those, when asked', () => {
    expect(escapeText('a\nb\r\x1b', { keepNewlines: true })).toBe('a\nb\\r\\x1b');
  });

  it('lets no control character through, whatever it gets', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(escapeText(text)).not.toMatch(/[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/);
      }),
    );
  });
});

describe('toJson', () => {
  it('is as safe as text and keeps every value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const json = toJson({ text });
        expect(json).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/);
        expect(JSON.parse(json)).toEqual({ text });
      }),
    );
  });

  it('writes astral characters as surrogate pairs', () => {
    expect(toJson('\u{e0041}')).toBe('"\\udb40\\udc41"');
  });

  it('writes a bigint as a number while that is exact', () => {
    expect(toJson([5n, -1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 64n - 1n], 0)).toBe(
      '[5,-1,9007199254740991,"9007199254740992","18446744073709551615"]',
    );
  });
});
