import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatTarget, parseTarget } from './target.ts';

const badTarget = expect.objectContaining({ code: 'BAD_TARGET' });

describe('parseTarget', () => {
  test.each([
    ['shop/web', {}, { namespace: 'shop', pod: 'web' }],
    ['shop/web/app', {}, { namespace: 'shop', pod: 'web', container: 'app' }],
    ['shop/web', { container: 'app' }, { namespace: 'shop', pod: 'web', container: 'app' }],
    [
      'shop/web/app',
      { namespace: 'shop', container: 'app' },
      { namespace: 'shop', pod: 'web', container: 'app' },
    ],
    ['web', {}, { namespace: 'default', pod: 'web' }],
    ['web', { defaultNamespace: 'shop' }, { namespace: 'shop', pod: 'web' }],
    ['web', { namespace: 'shop', defaultNamespace: 'other' }, { namespace: 'shop', pod: 'web' }],
    ['pod/web', { namespace: 'shop', container: 'app' }, { namespace: 'shop', pod: 'web', container: 'app' }],
    ['pods/web', {}, { namespace: 'default', pod: 'web' }],
    ['pod/web/app', {}, { namespace: 'pod', pod: 'web', container: 'app' }],
    ['kube-system/etcd-node1.example.com', {}, { namespace: 'kube-system', pod: 'etcd-node1.example.com' }],
  ])('%s with %j', (text, options, expected) => {
    expect(parseTarget(text, options)).toEqual(expected);
  });

  test.each([
    ['', {}],
    ['shop/', {}],
    ['/web', {}],
    ['shop/web/app/more', {}],
    ['shop/web', { namespace: 'other' }],
    ['shop/web/app', { container: 'other' }],
    ['shop/Web', {}],
    ['../x', {}],
    ['shop/..', {}],
    ['shop/web/a%2fb', {}],
    ['shop/web/app?timeout=1', {}],
    ['shop/web', { container: 'a b' }],
    [`shop/${'a'.repeat(254)}`, {}],
    [`${'a'.repeat(64)}/web`, {}],
    ['web', { namespace: 'a.b' }],
  ])('refuses %s with %j', (text, options) => {
    expect(() => parseTarget(text, options)).toThrow(badTarget);
  });

  test('whatever is typed, no part can leave its place in a URL', () => {
    fc.assert(
      fc.property(fc.string(), fc.option(fc.string(), { nil: undefined }), (text, container) => {
        try {
          const target = parseTarget(text, { container });
          expect(encodeURI(formatTarget(target))).toBe(formatTarget(target));
          expect(formatTarget(target)).not.toMatch(/\.\.|[?#%]/);
        } catch (error) {
          expect(error).toEqual(badTarget);
        }
      }),
    );
  });
});
