import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fakeArchive, fakeSpace } from '../../test/support/fake-memory.ts';
import { scanMemory } from '../checkpoint/scan/memory-scan.ts';
import { finder, plainIndexOf } from './byte-search.ts';
import { toHex, toText } from './byte-text.ts';
import { compileQuery, literalScanner, parseSearchTerm, regexScanner, type SearchQuery } from './pattern.ts';
import { compileRegex } from './regex/regex.ts';

const encoder = new TextEncoder();

function find(query: SearchQuery, bytes: Uint8Array): [number, number][] {
  return compileQuery(query).flatMap(({ scanner }) =>
    [...scanner.matches(bytes, 0, bytes.length, true)].map(({ start, end }): [number, number] => [
      start,
      end,
    ]),
  );
}

const utf16 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'utf16le'));

describe('parseSearchTerm', () => {
  it('reads bytes behind hex:', () => {
    expect(parseSearchTerm('hex:de AD:be ef')).toEqual({
      kind: 'bytes',
      bytes: Uint8Array.of(0xde, 0xad, 0xbe, 0xef),
    });
  });

  it.each(['hex:', 'hex:abc', 'hex:zz'])('refuses %s', (term) => {
    expect(() => parseSearchTerm(term)).toThrow(expect.objectContaining({ code: 'BAD_PATTERN' }));
  });

  it('refuses case and encoding for bytes', () => {
    expect(() => parseSearchTerm('hex:00', { ignoreCase: true })).toThrow(/no case/);
  });
});

describe('compileQuery', () => {
  it('finds text by its UTF-8 bytes, also where it overlaps', () => {
    expect(find({ kind: 'text', text: 'ää' }, encoder.encode('xäää'))).toEqual([
      [1, 5],
      [3, 7],
    ]);
  });

  it('finds text in any case', () => {
    const query: SearchQuery = { kind: 'text', text: 'Müsli.1', ignoreCase: true };
    expect(find(query, encoder.encode('MÜSLI.1 müsli.1 mysli.1 müslix1'))).toEqual([
      [0, 8],
      [9, 17],
    ]);
    expect(find({ kind: 'text', text: 'aA', ignoreCase: true }, encoder.encode('AaAa'))).toHaveLength(3);
  });

  it('finds text as UTF-16LE too, in any case when asked', () => {
    const memory = new Uint8Array([...encoder.encode('key'), ...utf16('key'), ...utf16('KÄY')]);
    expect(find({ kind: 'text', text: 'key', utf16: true }, memory)).toEqual([
      [0, 3],
      [3, 9],
    ]);
    expect(find({ kind: 'text', text: 'käy', utf16: true, ignoreCase: true }, memory)).toEqual([[9, 15]]);
  });

  it('refuses a term that is empty or too long', () => {
    for (const text of ['', 'x'.repeat(65_537)]) {
      expect(() => compileQuery({ kind: 'text', text })).toThrow(
        expect.objectContaining({ code: 'BAD_PATTERN' }),
      );
    }
  });

  it('finds every place of any needle, whatever it begins with', () => {
    const byte = fc.constantFrom(0, 0x20, 0xff, 1);
    fc.assert(
      fc.property(
        fc.array(byte, { minLength: 1, maxLength: 4 }),
        fc.array(byte, { maxLength: 60 }),
        fc.nat(60),
        (needle, memory, from) => {
          const expected = memory
            .map((_, at) => at)
            .filter((at) => at >= from && needle.every((one, index) => memory[at + index] === one));
          const scanner = literalScanner(Uint8Array.from(needle));
          const found = [...scanner.matches(Uint8Array.from(memory), from, memory.length, true)];
          expect(found.map(({ start }) => start)).toEqual(expected);
        },
      ),
    );
  });
});

describe('finder', () => {
  it('agrees with its plain twin', () => {
    const bytes = fc.uint8Array({ max: 2, maxLength: 40 });
    fc.assert(
      fc.property(
        bytes,
        fc.uint8Array({ max: 2, minLength: 1, maxLength: 4 }),
        fc.nat(45),
        (memory, needle, from) => {
          expect(finder(memory, needle)(from)).toBe(plainIndexOf(memory, needle, from));
        },
      ),
    );
  });
});

describe('toText', () => {
  it('shows what is text as text and the rest as bytes', () => {
    expect(toText(Uint8Array.of(0x61, 0xff, 0xc3, 0xa9, 0xc3, 0xed, 0xa0, 0x80, 0xf0, 0x9f), 'utf-8')).toBe(
      'a\\xffé\\xc3\\xed\\xa0\\x80\\xf0\\x9f',
    );
    expect(toText(utf16('key'), 'utf-16le')).toBe('key');
    expect(toHex(Uint8Array.of(0, 0xab))).toBe('00ab');
  });

  it('gives valid UTF-8 back as it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(toText(encoder.encode(text), 'utf-8')).toBe(text);
      }),
    );
  });
});

describe('regexScanner', () => {
  it('finds in pages that are read piece by piece what it finds in one text', async () => {
    const patterns = ['\\bab?', 'a+', '\\Bb', '(?m)^a.', 'b$', '[ab]{3}', 'ab|b', 'a[^\\n]*b'];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...patterns),
        fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\n'), minLength: 1, maxLength: 80, size: 'max' }),
        fc.integer({ min: 1, max: 30 }),
        fc.uniqueArray(fc.integer({ min: 1, max: 79 }), { maxLength: 4 }),
        async (pattern, text, windowSize, cuts) => {
          const bytes = encoder.encode(text);
          const regex = compileRegex(pattern, { maxMatchLength: 6 });
          const edges = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
          const mappings = edges.slice(1).map((end, index) => {
            const start = edges[index] ?? 0;
            return { at: 1_000 + start, length: end - start, entry: 'p', offset: start };
          });
          const found: string[] = [];
          const scan = scanMemory(
            [fakeSpace(1, mappings)],
            fakeArchive({ p: bytes }),
            [regexScanner(regex)],
            { windowSize },
          );
          for await (const batch of scan) {
            for (const hit of batch) found.push(`${hit.owners[0].address - 1_000n}+${hit.bytes.length}`);
          }
          const expected = [...regex.matches(bytes, 0, bytes.length, true)];
          expect(found).toEqual(expected.map(({ start, end }) => `${start}+${end - start}`));
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
