/** An API server and kubelets that answer as they are told, wrongly above all: they are as hostile as an archive. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ClusterAccess } from '../../kubeconfig.ts';
import {
  type Certificates,
  type FakeKubelet,
  makeCertificates,
  startFakeKubelet,
} from '../../testing/fake-kubelet.ts';
import { examineCluster } from './examination.ts';

let certificates: Certificates;
let server: FakeKubelet;
beforeAll(() => {
  certificates = makeCertificates('IP:127.0.0.1');
});
afterAll(() => certificates.remove());
afterEach(() => server.close());

const read = (file: string): string => readFileSync(file, 'utf8');

interface Script {
  /** The answer to GET /api/v1/nodes. */
  readonly nodes?: unknown;
  /** What reviews of this user's rights answer. */
  readonly may?: (resource: string) => unknown;
  /** Status and body of every kubelet. */
  readonly kubelet?: readonly [number, string];
}

const NODE_INFO = {
  kubeletVersion: 'v1.36.3',
  containerRuntimeVersion: 'containerd://2.1.9',
  operatingSystem: 'linux',
};

/** A node whose kubelet answers at a port of this machine. */
const node = (name: string, port: number | string, nodeInfo: object = NODE_INFO) => ({
  metadata: { name },
  status: {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
    nodeInfo,
  },
});

/** The server that is API server and kubelet at once; nodes are made when its port is known. */
async function start(script: (port: number) => Script): Promise<void> {
  let told: Script = {};
  server = await startFakeKubelet(certificates, ({ path }, response) => {
    const { nodes, may = () => true, kubelet = [404, 'pod does not exist\n'] } = told;
    const json = (value: unknown) => response.end(typeof value === 'string' ? value : JSON.stringify(value));
    if (path.includes('/checkpoint/')) response.writeHead(kubelet[0]).end(kubelet[1]);
    else if (path.startsWith('/api/v1/nodes?')) json(nodes);
    else if (path.endsWith('/selfsubjectreviews')) json({ status: { userInfo: { username: 'jane' } } });
    else json({ status: { allowed: may(path) } });
  });
  told = script(Number(server.address.split(':')[1]));
}

const cluster = (): ClusterAccess => {
  const ca = read(certificates.ca);
  return {
    origin: 'a test',
    namespace: undefined,
    api: { url: new URL(`https://${server.address}`), options: { ca }, trustHelp: [] },
    credentials: { token: 'abc', ca: [ca], origin: 'a test' },
  };
};

async function findingOf(id: string) {
  return (await examineCluster(cluster())).filter((finding) => finding.id === id);
}

test('what is asked of kubelets can capture nothing', async () => {
  await start((port) => ({ nodes: { items: [node('n1', port)] } }));
  expect(await findingOf('feature-gate')).toMatchObject([{ status: 'ok', nodes: ['n1'] }]);
  const asked = server.seen.filter(({ path }) => path.includes('/checkpoint/'));
  expect(asked).not.toHaveLength(0);
  // No object's name has capitals: RFC 1123.
  for (const { path } of asked) expect(path).toMatch(/\/checkpoint\/default\/[A-Z-]+\/none\?/);
});

test.each([
  ['a page that is not there', [404, '404 page not found\n'], 'failure'],
  ['switched off handlers', [405, 'Debug endpoints are disabled.'], 'failure'],
  [
    'a refusal',
    [403, 'Forbidden (user=jane, verb=create, resource=nodes, subresource=checkpoint)'],
    'unknown',
  ],
  ['an archive, of whatever', [200, '{"items":["/x.tar"]}'], 'unknown'],
  ['a redirect', [302, ''], 'unknown'],
  ['noise', [500, '\u001b[2J\u0000'.repeat(1000)], 'unknown'],
] as const)('a kubelet that answers with %s', async (_, kubelet, status) => {
  await start((port) => ({ nodes: { items: [node('n1', port)] }, kubelet }));
  const [finding] = await findingOf('feature-gate');
  expect(finding?.status).toBe(status);
  expect(finding?.evidence.length).toBeLessThan(3000);
});

test('nodes that cannot be reached cost a few attempts, not one each', async () => {
  const closed = createServer();
  const port = await new Promise<number>((resolve) => {
    closed.listen(0, '127.0.0.1', () => resolve((closed.address() as { readonly port: number }).port));
  });
  await new Promise((resolve) => closed.close(resolve));
  const names = Array.from({ length: 40 }, (_, index) => `n${index}`);
  await start(() => ({
    nodes: { items: names.map((name) => node(name, port)) },
    may: (path) => !path.includes('proxy'),
    kubelet: [503, '{"kind":"Status","message":"no route"}'],
  }));
  const findings = await findingOf('feature-gate');
  expect(findings.flatMap(({ nodes = [] }) => nodes).sort()).toEqual([...names].sort());
  expect(findings.some(({ evidence }) => evidence.includes('not tried'))).toBe(true);
});

describe('an API server that answers nodes with', () => {
  test.each([
    ['nothing', {}],
    ['no list', { items: 'n1' }],
    ['null', null],
    ['a list', [1, 2]],
    ['nodes that are none', { items: [null, 7, 'x', [], {}] }],
    [
      'wrong types',
      { items: [{ metadata: { name: 7 }, status: { addresses: [{ address: 1 }], nodeInfo: 3 } }] },
    ],
    ['an address that is none', { items: [node('n1', 'x', {}), node('n2', -1), node('n3', 1e9)] }],
    ['names that are paths', { items: [node('../../pods/x', 1)] }],
  ])('%s: no finding is ok by mistake, and none is missing', async (_, nodes) => {
    await start(() => ({ nodes, kubelet: [500, 'no'] }));
    const findings = await examineCluster(cluster());
    expect(findings.map(({ id }) => id)).toContain('nodes');
    for (const { id, status } of findings) if (id === 'feature-gate') expect(status).toBe('unknown');
    for (const { path } of server.seen) expect(path).not.toContain('/../');
  });

  test('what is no JSON', async () => {
    await start(() => ({ nodes: '<html>' }));
    await expect(examineCluster(cluster())).rejects.toMatchObject({ code: 'API_FAILED' });
  });
});

test.each([undefined, 'true', 1, {}])(
  'a right is had only where the answer is true, not %j',
  async (answer) => {
    await start(() => ({ nodes: { items: [] }, may: () => answer }));
    const rights = (await examineCluster(cluster())).filter(({ id }) => id.startsWith('rbac-'));
    expect(rights).toHaveLength(4);
    for (const { status } of rights) expect(status).not.toBe('ok');
  },
);
