import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatIpv4, formatIpv6, parseIpAddress } from './ip-address.ts';

const groups = (...words: number[]): number[] => words.flatMap((word) => [word >>> 8, word & 255]);

describe('formatIpv6', () => {
  it.each([
    [groups(0, 0, 0, 0, 0, 0, 0, 0), '::'],
    [groups(0, 0, 0, 0, 0, 0, 0, 1), '::1'],
    [groups(0x2001, 0xdb8, 0, 0, 1, 0, 0, 1), '2001:db8::1:0:0:1'],
    [groups(0x2001, 0xdb8, 0, 1, 1, 1, 1, 1), '2001:db8:0:1:1:1:1:1'],
    [groups(0xfe80, 0, 0, 0, 0, 0, 0, 0), 'fe80::'],
    [groups(0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201), '::ffff:192.0.2.1'],
  ])('%j is %s', (bytes, text) => {
    expect(formatIpv6(bytes)).toBe(text);
  });
});

describe('formatIpv4', () => {
  it('joins bytes', () => expect(formatIpv4([192, 0, 2, 1])).toBe('192.0.2.1'));
});

describe('parseIpAddress', () => {
  it('reads back what is formatted', () => {
    const address = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    // Zero bytes make the runs that are written as ::
    const sparse = fc
      .tuple(address(16), address(16))
      .map(([a, b]) => a.map((byte, at) => byte * ((b[at] ?? 0) & 1)));
    fc.assert(
      fc.property(address(4), sparse, (ipv4, ipv6) => {
        expect(parseIpAddress(formatIpv4([...ipv4]))).toEqual(ipv4);
        expect(parseIpAddress(formatIpv6([...ipv6]))).toEqual(ipv6);
      }),
    );
  });

  it.each([
    '',
    '1.2.3',
    '1.2.3.256',
    '1.2.3.04',
    '::1::',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8::',
    'fe80::1%eth0',
    '1.2.3.4::',
    '::12345',
  ])('%j is none', (text) => expect(parseIpAddress(text)).toBeUndefined());
});
