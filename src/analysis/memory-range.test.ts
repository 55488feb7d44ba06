import { describe, expect, it } from 'vitest';
import { parseMemoryRange } from './memory-range.ts';

describe('parseMemoryRange', () => {
  it.each([
    ['0x7f0000001000-0x7f0000002000', 0x7f00_0000_1000n, 0x7f00_0000_2000n],
    ['7f0000001000-7f0000002000', 0x7f00_0000_1000n, 0x7f00_0000_2000n],
    ['400000+16', 0x40_0000n, 0x40_0010n],
    ['0x400000+0x10', 0x40_0000n, 0x40_0010n],
    ['0+4K', 0n, 4096n],
    ['ffffffffffffff00+1M', 2n ** 64n - 256n, 2n ** 64n],
  ])('takes %s', (text, start, end) => {
    expect(parseMemoryRange(text)).toEqual({ start, end });
  });

  it('adds the length that is meant where none is said', () => {
    expect(parseMemoryRange('0x400000', 256)).toEqual({ start: 0x40_0000n, end: 0x40_0100n });
  });

  it.each([
    '',
    '-',
    '400000',
    '400000-',
    '400000-400000',
    '2-1',
    '400000+',
    '400000+0',
    'xyz-zz',
    '0x-1',
    '1-2-3',
  ])('refuses %j', (text) => {
    expect(() => parseMemoryRange(text)).toThrow(expect.objectContaining({ code: 'BAD_RANGE' }));
  });

  it('refuses addresses of more than 64 bits', () => {
    expect(() => parseMemoryRange('0-10000000000000000')).toThrow(/no range of memory/);
  });
});
