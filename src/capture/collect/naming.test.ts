import fc from 'fast-check';
import { expect, test } from 'vitest';
import { localName } from './naming.ts';

test('has no colon', () => {
  const name = 'checkpoint-web_shop-app-2026-11-24T10:45:18+01:00.tar';
  expect(localName(name)).toBe('checkpoint-web_shop-app-2026-11-24T10-45-18+01-00.tar');
});

test.each([
  '',
  '.',
  '..',
  '.bashrc',
  '-rf',
  '../a.tar',
  'a/b.tar',
  'a\\b',
  'a\u001b[2J',
  'a\nb',
  'a\n',
  'a'.repeat(251),
])('refuses %j', (name) => {
  expect(() => localName(name)).toThrow(expect.objectContaining({ code: 'UNSAFE_PATH' }));
});

test('takes the longest name that leaves room for the suffix', () => {
  expect(localName('a'.repeat(250))).toHaveLength(250);
});

test('never leads out of the folder, whatever a node tells', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) => {
      let local: string;
      try {
        local = localName(name);
      } catch (error) {
        expect(error).toMatchObject({ code: 'UNSAFE_PATH' });
        return;
      }
      expect(local).toMatch(/^[A-Za-z0-9][\w.+-]*$/);
    }),
  );
});
