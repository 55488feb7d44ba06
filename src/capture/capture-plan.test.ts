import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { Access } from './access.ts';
import { planCapture } from './capture-plan.ts';
import type { ContainerRuntime, RuntimeContainer } from './cri/runtime.ts';
import type { PodSummary } from './pod.ts';
import { buildRoutes } from './pod-routes.ts';
import { askFirst, type PodSource } from './pod-source.ts';
import { ServerTrust } from './server-trust.ts';
import { type DeafServer, startDeafServer } from './testing/deaf-server.ts';

const ID = 'ab'.repeat(32);
const target = { namespace: 'shop', pod: 'web', container: 'app' };
const api = { url: new URL('https://api:6443'), options: {}, trustHelp: [] };
const pod: PodSummary = {
  namespace: 'shop',
  pod: 'web',
  uid: 'u1',
  node: 'n1',
  node_address: '192.0.2.7',
  phase: 'Running',
  labels: {},
  containers: [],
};
const container: RuntimeContainer = {
  id: ID,
  podId: 'p1',
  name: 'app',
  attempt: 0,
  image: 'i',
  imageRef: 'i',
  state: 'running',
  created: 1n,
};
const runtimePod = {
  id: 'p1',
  name: 'web',
  namespace: 'shop',
  uid: 'u1',
  isReady: true,
  created: 1n,
  labels: {},
};

const runtimeWith = (...containers: readonly RuntimeContainer[]): ContainerRuntime => ({
  socket: '/run/containerd/containerd.sock',
  name: 'containerd',
  version: '2.1.9',
  pods: async () => [runtimePod],
  containers: async () => containers,
  checkpoint: () => Promise.reject(new Error('nothing is to be checkpointed')),
});

const access = (changes: Partial<Access>): Access => ({
  cluster: undefined,
  kubelet: { token: 't', origin: 'a test' },
  trust: new ServerTrust({}),
  runtime: runtimeWith(container),
  ways: [
    { name: 'kubelet', reason: 'a' },
    { name: 'cri', reason: 'b' },
    { name: 'proxy', reason: 'c' },
  ],
  notTaken: [],
  notes: [],
  ...changes,
});
const cluster = { origin: 'config', namespace: undefined, api, credentials: { origin: 'its user' } };
const options = { target, timeoutSeconds: 60, pod, containerId: ID };

describe('the ways to a container', () => {
  test('are made in their order, each to where the container is', async () => {
    const { routes, notTaken, containerId } = await buildRoutes(access({ cluster }), options);
    expect(routes.map(({ name, endpoint }) => [name, endpoint])).toEqual([
      ['kubelet', 'https://192.0.2.7:10250'],
      ['cri', 'unix:///run/containerd/containerd.sock'],
      ['proxy', 'https://api:6443/api/v1/nodes/n1/proxy'],
    ]);
    expect([notTaken, containerId]).toEqual([[], ID]);
  });

  test.each([
    ['of another cluster', 'cd'.repeat(32), runtimeWith(container)],
    ['that has ended', undefined, runtimeWith({ ...container, state: 'exited' })],
    ['of another node', undefined, runtimeWith()],
  ])(
    'do not lead through this runtime to a container of those names %s',
    async (_what, containerId, runtime) => {
      const { routes, notTaken } = await buildRoutes(access({ runtime }), { ...options, containerId });
      expect(routes.map(({ name }) => name)).toEqual(['kubelet']);
      expect(notTaken).toEqual([
        { name: 'cri', reason: 'it does not run in containerd on this machine' },
        { name: 'proxy', reason: 'there is no kubeconfig' },
      ]);
    },
  );

  test('that are closed have their reasons', async () => {
    const ways = [{ name: 'cri', reason: '' }] as const;
    const failing = {
      ...runtimeWith(),
      containers: () => Promise.reject(new ExhibitError('API_FAILED', 'it said no')),
    };
    const built = await buildRoutes(access({ runtime: failing, ways }), options);
    expect(built).toMatchObject({ routes: [], notTaken: [{ name: 'cri', reason: 'it said no' }] });
  });
});

describe('a kubelet behind a firewall that drops packets', () => {
  let server: DeafServer;
  beforeAll(async () => {
    server = await startDeafServer();
  });
  afterAll(() => server.close());

  const taken = async (open: Access, how: string) => {
    const { routes } = await buildRoutes(open, { ...options, node: server.address });
    const error: unknown = await routes[0]?.take().catch((cause: unknown) => cause);
    return { how, error };
  };

  test('is given up early where another way is open, and waited for where it is the only one', async () => {
    const alone = access({ ways: [{ name: 'kubelet', reason: 'a' }] });
    const first = await Promise.race([taken(alone, 'alone'), taken(access({ cluster }), 'with others')]);
    expect(first).toMatchObject({
      how: 'with others',
      error: {
        code: 'CONNECTION_FAILED',
        message: expect.stringMatching(/no answer: a firewall may be in between/),
      },
    });
  });
});

describe('a plan', () => {
  const ways = [{ name: 'cri', reason: 'b' }] as const;

  test('of what only the runtime knows', async () => {
    const wanted = { namespace: 'shop', pod: 'web' };
    const plan = await planCapture(wanted, access({ kubelet: undefined, ways }), {});
    expect(plan).toMatchObject({ target, containerId: ID, pod: { uid: 'u1' }, routes: [{ name: 'cri' }] });
    expect(await plan.look()).toMatchObject({ podUid: 'u1', status: { id: ID, state: 'running' } });
  });

  test('without any way to the container', async () => {
    const plan = planCapture(
      target,
      access({ kubelet: undefined, ways: [{ name: 'proxy', reason: '' }] }),
      {},
    );
    await expect(plan).rejects.toMatchObject({ code: 'NO_ROUTE', help: ['proxy: there is no kubeconfig'] });
  });

  test('of a pod that is not there', async () => {
    const runtime = { ...runtimeWith(), pods: async () => [] };
    const plan = planCapture(target, access({ kubelet: undefined, ways, runtime }), {});
    await expect(plan).rejects.toMatchObject({ code: 'POD_NOT_FOUND' });
  });
});

describe('sources of pods', () => {
  const source = (origin: string, get: PodSource['get']): PodSource => ({
    origin,
    get,
    list: async () => [],
  });
  const refusing = (message: string) =>
    source(message, () => Promise.reject(new ExhibitError('KUBELET_FORBIDDEN', message)));
  const ask = ({ get }: PodSource) => get('shop', 'web');

  test('are asked until one answers, and it is told why not the others', async () => {
    const answer = await askFirst([refusing('no'), source('b', async () => pod), refusing('not asked')], ask);
    expect(answer).toMatchObject({ source: { origin: 'b' }, value: pod, notes: ['no'] });
  });

  test('that know no such pod have answered', async () => {
    expect((await askFirst([source('a', async () => undefined), refusing('no')], ask)).value).toBeUndefined();
  });

  test('that all refuse: the first one is the one to mend', async () => {
    await expect(askFirst([refusing('first'), refusing('second')], ask)).rejects.toThrow('first');
    await expect(askFirst([], ask)).rejects.toMatchObject({ code: 'NO_ROUTE' });
  });
});
