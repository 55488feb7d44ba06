import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64Lines, pythonBytes, quotedPrintable } from './text-encodings.ts';

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

/** What Python's quopri.encodestring gives, and repr() of bytes. */
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

describe('pythonBytes', () => {
  it.each([
    ['/tmp/\xff\0\n\\', String.raw`b'/tmp/\xff\x00\n\\'`],
    ["it's", String.raw`b"it's"`],
    ['both\'"', String.raw`b'both\'"'`],
  ])('writes %j as Python does', (bytes, text) => {
    expect(pythonBytes(latin1(bytes))).toBe(text);
  });
});
