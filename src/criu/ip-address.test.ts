import { describe, expect, it } from 'vitest';
import { formatIpv4, formatIpv6 } from './ip-address.ts';

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
