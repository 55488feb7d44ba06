import { describe, expect, test } from 'vitest';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { ContainerRuntime } from './cri/runtime.ts';
import { chooseWays, NEEDS_POD, type Reach, type RouteWish } from './route-choice.ts';

const nothing: Reach = {
  given: undefined,
  found: undefined,
  cluster: undefined,
  runtime: new ExhibitError('NO_ROUTE', 'no socket here'),
  isRoot: false,
};
const found = { cert: 'c', key: 'k', origin: 'the certificate of the node' };
const given = { token: 't', origin: 'the given token' };
const withCertificate = { origin: 'config', credentials: { cert: 'c', key: 'k', origin: 'its user' } };
const withToken = { origin: 'config', credentials: { token: 't', origin: 'its user' } };
const runtime = { name: 'containerd', socket: '/s' } as ContainerRuntime;

const names = (wish: RouteWish, reach: Partial<Reach>): readonly string[] =>
  chooseWays(wish, { ...nothing, ...reach }).ways.map(({ name }) => name);

function refusal(wish: RouteWish, reach: Partial<Reach>): ExhibitError {
  try {
    chooseWays(wish, { ...nothing, ...reach });
  } catch (error) {
    if (error instanceof ExhibitError) return error;
  }
  throw new Error('it was not refused');
}

describe('the ways without --via', () => {
  test.each<[string, Partial<Reach>, readonly string[]]>([
    ['everything', { found, cluster: withCertificate, runtime }, ['kubelet', 'cri', 'proxy']],
    ['a node', { found, runtime }, ['kubelet', 'cri']],
    ['a node without certificates', { runtime }, ['cri']],
    ['root on a node without a runtime', { isRoot: true }, ['node']],
    ['root on a node', { found, runtime, isRoot: true }, ['kubelet', 'cri', 'node']],
    ['a kubeconfig with a certificate', { cluster: withCertificate }, ['kubelet', 'proxy']],
    ['a kubeconfig with a token, which no node gets to see', { cluster: withToken }, ['proxy']],
  ])('of %s', (_what, reach, expected) => {
    expect(names({}, reach)).toEqual(expected);
  });

  test('leave a reason for each that is not gone', () => {
    const { notTaken } = chooseWays({}, { ...nothing, cluster: withToken });
    expect(notTaken).toEqual([
      {
        name: 'kubelet',
        reason: "the kubeconfig's token is not shown to a node; --via kubelet does it nevertheless",
      },
      { name: 'cri', reason: 'no socket here' },
      {
        name: 'node',
        reason: NEEDS_POD,
      },
    ]);
    const { ways } = chooseWays({ via: 'node' }, { ...nothing, cluster: withToken });
    expect(ways.map(({ name }) => name)).toEqual(['node']);
  });

  test('end with a pod on the node where one may be made', () => {
    const [cert, token] = [{ cluster: withCertificate }, { cluster: withToken }];
    expect(names({ mayMakePod: true }, cert)).toEqual(['kubelet', 'proxy', 'node']);
    expect(names({ mayMakePod: false }, cert)).toEqual(['kubelet', 'proxy']);
    expect(names({ mayMakePod: true, via: 'proxy' }, cert)).toEqual(['proxy']);
    expect(names({ mayMakePod: true, node: 'n1' }, cert)).toEqual(['kubelet']);
    expect(refusal({ mayMakePod: false, via: 'node' }, token).message).toContain('--no-pod forbids');
  });

  test('of nothing: what is needed is said', () => {
    const { code, help } = refusal({}, {});
    expect(code).toBe('NO_ROUTE');
    expect(help.join()).toMatch(/kubeconfig.*certificate.*token.*root shell on the node/);
  });
});

describe('what was asked for is the only way', () => {
  test.each<[string, RouteWish, Partial<Reach>, string, string]>([
    ['--via', { via: 'proxy' }, { cluster: withToken, found, runtime }, 'proxy', '--via proxy was asked for'],
    ['--via', { via: 'kubelet' }, { cluster: withToken, runtime }, 'kubelet', '--via kubelet was asked for'],
    [
      'credentials',
      {},
      { given, cluster: withToken, runtime },
      'kubelet',
      'credentials for the kubelet were given',
    ],
    ['--node', { node: 'n1' }, { cluster: withToken, runtime }, 'kubelet', '--node was given'],
    ['a fingerprint', { fingerprint: 'ab' }, { found, runtime }, 'kubelet', '--fingerprint was given'],
    ['--via', { via: 'node' }, { found, runtime, isRoot: true }, 'node', '--via node was asked for'],
    ['a socket', { runtimeEndpoint: '/s' }, { found, runtime }, 'cri', '--runtime-endpoint was given'],
  ])('by %s', (_what, wish, reach, name, why) => {
    const { ways, notTaken } = chooseWays(wish, { ...nothing, ...reach });
    expect(ways).toEqual([{ name, reason: expect.stringContaining(why) }]);
    expect(notTaken.map(({ reason }) => reason)).toEqual([why, why, why]);
  });

  test.each([
    [{ via: 'cri' }, 'no socket here'],
    [{ via: 'kubelet' }, 'no credentials for a kubelet'],
    [{ via: 'proxy' }, 'needs a kubeconfig'],
    [{ via: 'node' }, 'run it as root'],
  ] as const)('and what is missing for it is said: %j', (wish, message) => {
    expect(refusal(wish, {}).message).toContain(message);
  });
});
