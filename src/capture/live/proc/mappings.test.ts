import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMappings } from './mappings.ts';

describe('parseMappings', () => {
  it('reads a line of maps', () => {
    const [mapping] = parseMappings(
      '7f00-8f00 r-xs 00001000 fd:0a 123456                 /a b\\012c (deleted)\n',
    );
    expect(mapping).toEqual({
      start: 0x7f00n,
      end: 0x8f00n,
      readable: true,
      writable: false,
      executable: true,
      shared: true,
      offset: 0x1000n,
      major: 0xfd,
      minor: 0x0a,
      inode: 123_456n,
      path: '/a b\nc (deleted)',
      flags: new Set(),
    });
  });

  it('reads as many mappings from smaps as from maps, with their flags', () => {
    const starts = (text: string) => parseMappings(text).map(({ path }) => path);
    const smaps = readFileSync('/proc/self/smaps', 'utf8');
    expect(starts(smaps).filter((path) => path !== '').length).toBeGreaterThan(3);
    expect(parseMappings(smaps).every(({ flags, path }) => flags.has('rd') || path !== '[stack]')).toBe(true);
  });

  it('counts what a mapping holds in memory and in swap', () => {
    const header = '1000-5000 rw-p 00000000 00:00 0 ';
    const [mapping] = parseMappings(
      `${header}\nSize: 16 kB\nRss:                   8 kB\nSwap:                  4 kB\nSwapPss: 4 kB\n`,
    );
    expect(mapping?.held).toBe(12_288n);
  });

  it('reads any text without failing', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => Array.isArray(parseMappings(text))));
  });
});
