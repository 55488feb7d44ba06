import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteString } from '../byte-search.ts';
import { compileRegex, type RegexOptions } from './regex.ts';

const encoder = new TextEncoder();
const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

function matchesIn(pattern: string, bytes: Uint8Array | string, options: RegexOptions = {}): string[] {
  const text = typeof bytes === 'string' ? encoder.encode(bytes) : bytes;
  const regex = compileRegex(pattern, options);
  return [...regex.matches(text, 0, text.length, true)].map(({ start, end }) => byteString(text, start, end));
}

describe('compileRegex', () => {
  it.each([
    ['a|ab', 'ab', ['a']],
    ['(a|ab)(c|bcd)', 'abcd', ['abcd']],
    ['a+?', 'aaa', ['a', 'a', 'a']],
    ['(?U)a+', 'aa', ['a', 'a']],
    ['a{2,3}', 'aaaaa', ['aaa', 'aa']],
    ['a{,3}', 'a{,3}', ['a{,3}']],
    ['(?i)PassWord=\\w+', 'password=hunter2', ['password=hunter2']],
    ['a(?i)b|c', 'aB C', ['aB', 'C']],
    ['(?i:a)b', 'AB Ab', ['Ab']],
    ['(?P<user>\\w+)@(?<host>[a-z.]+)', 'x me@a.b y', ['me@a.b']],
    ['^a|b$', 'aab b', ['a', 'b']],
    ['(?m)^b$', 'a\nb\nbc', ['b']],
    ['\\Aa\\z', 'a', ['a']],
    ['\\bcat\\b', 'cat concat cat', ['cat', 'cat']],
    ['\\Bcat', 'cat concat', ['cat']],
    ['a.b', 'a\nb a-b', ['a-b']],
    ['(?s)a.b', 'a\nb', ['a\nb']],
    ['\\Qa.b*\\E+', 'a.b** a.b', ['a.b**']],
    ['[[:digit:]]+[^[:space:]]', '12x', ['12x']],
    ['[]a]+', ']a]', [']a]']],
    ['[a-]+', 'a-', ['a-']],
    ['\\x41\\x{42}\\103', 'ABC', ['ABC']],
    ['abcd|bc', 'abcd abce', ['abcd', 'bc']],
    ['', 'abc', []],
    ['a*', 'baab', ['aa']],
    ['(a*)*b', 'aab', ['aab']],
    ['(|a)+c', 'ac', ['ac']],
  ])('finds %j in %j', (pattern, text, expected) => {
    expect(matchesIn(pattern, text)).toEqual(expected);
  });

  it('matches characters beyond ASCII by their UTF-8 bytes', () => {
    const utf8 = (text: string): string => byteString(encoder.encode(text), 0, 1_000);
    expect(matchesIn('Schlüssel', 'der Schlüssel')).toEqual([utf8('Schlüssel')]);
    expect(matchesIn('[äöü]+x', 'äüx')).toEqual([utf8('äüx')]);
    expect(matchesIn('(?i)ÄRGER', 'ärger')).toEqual([utf8('ärger')]);
    expect(matchesIn('\\p{Greek}+', 'abc αβγ')).toEqual([utf8('αβγ')]);
    expect(matchesIn('\\pL+', 'καλό1')).toEqual([utf8('καλό')]);
    expect(matchesIn('\\P{L}+', 'aé12é')).toEqual(['12']);
    expect(matchesIn('[Ѐ-ӿ]+', 'xпарольx')).toEqual([utf8('пароль')]);
    expect(matchesIn('[\\x{10000}-\\x{10ffff}]', '😀')).toEqual([utf8('😀')]);
  });

  it('matches single bytes that are no UTF-8', () => {
    expect(matchesIn('\\xff\\xfe[\\x00-\\x10]', latin1('\xff\xfe\x05'))).toEqual(['\xff\xfe\x05']);
    expect(matchesIn('a[^b]c', latin1('a\x80c'))).toEqual(['a\x80c']);
    expect(matchesIn('\\C{3}', latin1('\x00\n\xff'))).toEqual(['\x00\n\xff']);
  });

  it('agrees with the engine of JavaScript', () => {
    const atom = fc.constantFrom('a', 'b', 'c', '[ab]', '[^a]', '.', '\\b', '^', '$', '\\w', 'bc');
    const pattern = fc.letrec<{ tree: string }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        atom,
        fc.tuple(tie('tree'), tie('tree')).map(([a, b]) => a + b),
        fc.tuple(tie('tree'), tie('tree')).map(([a, b]) => `(?:${a}|${b})`),
        fc
          .tuple(
            fc.constantFrom('a', '[bc]', '(?:ab|b)', '(?:a|ab)', '\\w'),
            fc.constantFrom('*', '+', '?', '{2,3}', '*?', '+?'),
          )
          .map(([a, repeat]) => a + repeat),
      ),
    })).tree;
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '\n', ' '), maxLength: 30 });
    fc.assert(
      fc.property(pattern, text, (source, subject) => {
        const expected = [...subject.matchAll(new RegExp(source, 'g'))]
          .map(([match]) => match)
          .filter(Boolean);
        expect(matchesIn(source, subject)).toEqual(expected);
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    '(a+)+$',
    '(a|aa)+$',
    '(?:a?){50}a{50}b',
    '[^\\n]*secret',
    '(x+x+)+y',
    '(a{1,30})+$',
    '(.*)(.*)(.*)(.*)=!',
  ])('is linear for %s', (pattern) => {
    const text = new Uint8Array(2_000_000).fill(0x61);
    text[text.length - 1] = 0x21;
    const began = performance.now();
    expect(matchesIn(pattern, text)).toEqual([]);
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  it('finds a match in more states than the table may hold', () => {
    const text = new Uint8Array(200_000);
    let seed = 7;
    for (let at = 0; at < text.length; at++) {
      seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
      text[at] = (seed >> 16) & 1 ? 0x61 : 0x62;
    }
    const subject = byteString(text, 0, text.length);
    const expected = [...subject.matchAll(/a[ab]{14}a[ab]{3}bbbb/g)].map(([match]) => match);
    expect(matchesIn('a[ab]{14}a[ab]{3}bbbb', text)).toEqual(expected);
    expect(expected.length).toBeGreaterThan(10);
  });

  it('cuts a match at the longest length', () => {
    expect(matchesIn('a[^!]*', `a${'x'.repeat(100)}`, { maxMatchLength: 10 })[0]).toHaveLength(10);
  });
});

describe('a regex over windows', () => {
  it('finds the same whatever the windows', () => {
    const pattern = fc.constantFrom(
      'ab+',
      '[ab]+c',
      'a.*?c',
      '\\bab',
      '(a|bc)+c',
      'c$',
      'b[^c]*=',
      '[ab]{2}=\\w',
    );
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '=', ' '), maxLength: 60, size: 'max' });
    fc.assert(
      fc.property(
        pattern,
        text,
        fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 4 }),
        (source, subject, cuts) => {
          const bytes = encoder.encode(subject);
          const maxMatchLength = 60;
          const regex = compileRegex(source, { maxMatchLength });
          const whole = [...regex.matches(bytes, 0, bytes.length, true)];
          const pieces: typeof whole = [];
          let from = 0;
          for (const limit of [
            ...cuts.filter((cut) => cut <= bytes.length).sort((a, b) => a - b),
            bytes.length,
          ]) {
            if (from >= limit) continue;
            const matches = regex.matches(bytes, from, limit, true);
            let next = matches.next();
            for (; next.done !== true; next = matches.next()) pieces.push(next.value);
            from = next.value;
          }
          expect(pieces).toEqual(whole);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('finds what begins long before the bytes that it must hold, and between them', () => {
    const text = new Uint8Array(500_000).fill(0x2e);
    for (const at of [100_000, 165_000, 400_000]) text.set(encoder.encode('key'), at);
    for (const at of [100_100, 165_020, 300_000, 464_000, 470_000]) text.set(encoder.encode('=END'), at);
    const regex = compileRegex('key[^k]*?=END');
    const starts = [...regex.matches(text, 0, text.length, true)].map(({ start }) => start);
    expect(starts).toEqual([100_000, 165_000, 400_000]);
    const lengths = [...compileRegex('[^=]*=END').matches(text, 0, text.length, true)].map(
      ({ start, end }) => end - start,
    );
    expect(Math.max(...lengths)).toBe(64 * 1024);
    expect(lengths).toHaveLength(5);
  });
});
