import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canBeOf, localName, readArchiveName } from './naming.ts';

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

test('reads pod, time and what else a name of a kubelet tells', () => {
  expect(readArchiveName('checkpoint-web_shop-app-2026-11-24T10:45:18+01:00.tar')).toEqual({
    pod: 'web',
    time: '2026-11-24T09:45:18.000Z',
    readings: [{ namespace: 'shop', container: 'app' }],
  });
});

test('tells every way to read a name that does not say where the namespace ends', () => {
  const name = readArchiveName('checkpoint-web-1_shop-eu-app-2026-11-24T10:45:18Z.tar');
  expect(name?.readings).toEqual([
    { namespace: 'shop', container: 'eu-app' },
    { namespace: 'shop-eu', container: 'app' },
  ]);
  if (name === undefined) return;
  expect(canBeOf(name, { namespace: 'shop', pod: 'web-1' })).toBe(true);
  expect(canBeOf(name, { namespace: 'shop-eu', pod: 'web-1', container: 'app' })).toBe(true);
  expect(canBeOf(name, { namespace: 'shop', pod: 'web-1', container: 'app' })).toBe(false);
  expect(canBeOf(name, { namespace: 'shop', pod: 'web' })).toBe(false);
  expect(canBeOf(name, { namespace: 'shop', pod: 'web-1' }, ['app'])).toBe(false);
  expect(canBeOf(name, { namespace: 'shop-eu', pod: 'web-1' }, ['app'])).toBe(true);
});

test.each([
  '',
  'checkpoint.tar',
  'checkpoint-web_shop-2026-11-24T10:45:18Z.tar',
  'checkpoint-web_-app-2026-11-24T10:45:18Z.tar',
  'checkpoint-web_shop-app-2026-11-24T10:45:18Z.tar.gz',
  'checkpoint-web_shop-app-2026-13-45T99:99:99Z.tar',
  'checkpoint-web_shop-app-2026-11-24T10:45:18Z.tar\n',
  `checkpoint-${'w'.repeat(250)}_shop-app-2026-11-24T10:45:18Z.tar`,
])('knows %j for no name of a kubelet', (name) => {
  expect(readArchiveName(name)).toBeUndefined();
});

test('finds in a name what it was made of', () => {
  const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/);
  fc.assert(
    fc.property(label, label, label, (pod, namespace, container) => {
      const name = readArchiveName(`checkpoint-${pod}_${namespace}-${container}-2026-11-24T10:45:18Z.tar`);
      expect(name?.pod).toBe(pod);
      expect(name?.readings).toContainEqual({ namespace, container });
    }),
  );
});
