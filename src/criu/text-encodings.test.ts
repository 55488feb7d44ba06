import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64Lines, quotedPrintable, surrogateEscaped } from './text-encodings.ts';

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

describe('base64Lines', () => {
  it('breaks lines as Python does and agrees with another encoder', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const text = base64Lines(bytes);
        expect(text.replaceAll('\n', '')).toBe(Buffer.from(bytes).toString('base64'));
        const lines = text.split('\n');
        expect(lines.pop()).toBe('');
        for (const line of lines.slice(0, -1)) expect(line).toHaveLength(76);
      }),
    );
    expect(base64Lines(new Uint8Array(0))).toBe('');
  });
});

/** What Python's quopri.encodestring gives. */
describe('quotedPrintable', () => {
  it.each([
    ['/run/app.sock\0', '/run/app.sock=00'],
    ['\0abstract name', '=00abstract name'],
    ['a b\t', 'a b=09'],
    ['line \nnext\t\r\nend', 'line=20\nnext=09\nend'],
    ['crlf\r\nx\ny', 'crlf\r\nx\r\ny'],
    ['.', '=2E'],
    ['.\0', '=2E=00'],
    ['..', '..'],
    ['a=b', 'a=3Db'],
    ['x'.repeat(76), 'x'.repeat(76)],
    ['x'.repeat(77), `${'x'.repeat(75)}=\nxx`],
    [`${'x'.repeat(73)}\xff`, `${'x'.repeat(73)}=\n=FF`],
    [`${'x'.repeat(76)}\ny`, `${'x'.repeat(76)}\ny`],
    ['lone\rcr', 'lone\rcr'],
  ])('writes %j as Python does', (bytes, text) => {
    expect(quotedPrintable(latin1(bytes))).toBe(text);
  });
});

describe('surrogateEscaped', () => {
  it('gives UTF-8 as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(surrogateEscaped(new TextEncoder().encode(text))).toBe(text);
      }),
    );
  });

  it.each([
    ['caf\xe9', 'caf\udce9'],
    ['\xc0\xaf', '\udcc0\udcaf'],
    ['\xed\xa0\x80', '\udced\udca0\udc80'],
    ['\xf4\x90\x80\x80', '\udcf4\udc90\udc80\udc80'],
    ['a\xe2\x82', 'a\udce2\udc82'],
    ['\xe2\x82\xac\xff', '\u20ac\udcff'],
  ])('writes %j as Python does', (bytes, text) => {
    expect(surrogateEscaped(latin1(bytes))).toBe(text);
  });
});
