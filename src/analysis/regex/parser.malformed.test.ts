import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { compileRegex } from './regex.ts';

const refusal = (pattern: string): ExhibitError => {
  try {
    compileRegex(pattern);
  } catch (error) {
    if (error instanceof ExhibitError) return error;
    throw error;
  }
  throw new Error(`${pattern} was accepted`);
};

describe('a malformed pattern', () => {
  it.each([
    ['(a', /without its \)/],
    ['a)', /without its \(/],
    ['[a', /unfinished/],
    ['*a', /repetition of nothing/],
    ['a**', /repetition of a repetition/],
    ['a{2}{3}', /repetition of a repetition/],
    ['a{1001}', /limit of 1000/],
    ['a{3,2}', /wrong way round/],
    ['(a)\\1', /backreference/],
    ['(?=a)', /lookaround/],
    ['(?<!a)b', /lookaround/],
    ['(?z)a', /unknown kind of group/],
    ['(?P<1 2>a)', /group name/],
    ['\\', /unfinished/],
    ['\\xz1', /hexadecimal/],
    ['\\x{110000}', /character number/],
    ['\\777', /377/],
    ['\\y', /unknown escape/],
    ['[z-a]', /wrong way round/],
    ['[\\d-z]', /not characters/],
    ['[\\xff-é]', /byte and a character/],
    ['[^é]', /negated class/],
    ['[[:nope:]]', /unknown class/],
    ['[[:constructor:]]', /unknown class/],
    ['\\p{Nope}', /Unicode class/],
    ['\ud800', /surrogate/],
    ['a{1000}{2}', /repetition/],
    ['((((a{100}){100}){100}){100})', /too large/],
    ['((((){1000}){1000}){1000})', /too large/],
    ['('.repeat(5_000), /nested deeper/],
    ['a'.repeat(20_000), /longer/],
  ])('refuses pattern %#', (pattern, message) => {
    const error = refusal(pattern as string);
    expect(error.code).toBe('BAD_PATTERN');
    expect(error.message).toMatch(message as RegExp);
  });

  it('gives a regex or BAD_PATTERN, whatever the text', () => {
    const unit = fc.constantFrom(...'()[]{}*+?|\\^$.-:<>=!PQExpaz019,imsU[:alpha:]é');
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 25 }), (pattern) => {
        try {
          const text = new TextEncoder().encode('az019 é a-z');
          for (const { start, end } of compileRegex(pattern).matches(text, 0, text.length, true)) {
            expect(end).toBeGreaterThan(start);
          }
        } catch (error) {
          expect(error).toMatchObject({ code: 'BAD_PATTERN' });
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
