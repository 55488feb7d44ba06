import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runProgram } from '../../test/support/run-program.ts';
import {
  type Certificates,
  type FakeKubelet,
  makeCertificates,
  type SeenRequest,
  startFakeKubelet,
} from '../capture/testing/fake-kubelet.ts';

const REPOSITORY = path.resolve(import.meta.dirname, '../..');
const FIXTURE = path.join(REPOSITORY, 'fixtures/containerd-web/checkpoint.tar');
const TOKEN = 'a-token-that-must-never-be-shown';

const pod = {
  metadata: { name: 'web', namespace: 'shop', uid: 'u1', labels: { app: 'web' } },
  spec: { nodeName: 'n1', containers: [{ name: 'app', image: 'i:1' }] },
  status: {
    phase: 'Running',
    hostIP: '192.0.2.7',
    containerStatuses: [
      {
        name: 'app',
        ready: true,
        restartCount: 0,
        containerID: `containerd://${'0'.repeat(64)}`,
        state: { running: {} },
      },
    ],
  },
};

let certificates: Certificates;
let folder: string;
let kubelet: FakeKubelet | undefined;
beforeAll(() => {
  certificates = makeCertificates('IP:127.0.0.1');
});
afterAll(() => certificates.remove());
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'exhibit-capture-'));
});
afterEach(async () => {
  await kubelet?.close();
  rmSync(folder, { recursive: true });
});

type Answer = (request: SeenRequest, response: ServerResponse) => void;

/** Lists the pod, and answers a checkpoint as told. */
async function serve(onCheckpoint: Answer): Promise<FakeKubelet> {
  kubelet = await startFakeKubelet(certificates, (request, response) => {
    if (request.method === 'POST') return onCheckpoint(request, response);
    if (request.path.endsWith('/pods/web')) response.end(JSON.stringify(pod));
    else if (request.path.includes('/pods/')) response.writeHead(404).end(JSON.stringify({ kind: 'Status' }));
    else response.end(JSON.stringify({ items: [pod] }));
  });
  return kubelet;
}

/** Writes a real archive where the kubelet would, and names it. */
const captured: Answer = (_request, response) => {
  const archive = path.join(folder, 'checkpoint-web_shop-app.tar');
  // Its bytes, not its times: the archive is as new as the capture.
  writeFileSync(archive, readFileSync(FIXTURE));
  response.end(JSON.stringify({ items: [archive] }));
};

const refuses =
  (status: number, body: string): Answer =>
  (_request, response) =>
    response.writeHead(status).end(body);

async function exhibit(...argv: readonly string[]) {
  const ran = await runProgram(argv, { environment: { HOME: folder }, workingDirectory: folder });
  expect(ran.stdout + ran.stderr).not.toContain(TOKEN);
  return ran;
}

const asToken = (address: string) => ['--node', address, '--token', TOKEN, '--cacert', certificates.ca];

function kubeconfig(address: string, token = TOKEN): string {
  const file = path.join(folder, 'kubeconfig');
  const authority = readFileSync(certificates.ca).toString('base64');
  const config = {
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u', namespace: 'shop' } }],
    clusters: [
      { name: 'c', cluster: { server: `https://${address}/base/`, 'certificate-authority-data': authority } },
    ],
    users: [{ name: 'u', user: { token } }],
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

describe('capture through the kubelet', () => {
  test('reports what it took and shows it', async () => {
    const { address, seen } = await serve(captured);
    const { code, stdout, stderr } = await exhibit('capture', 'shop/web', ...asToken(address));
    expect(code).toBe(0);
    expect(stderr).toContain('capturing shop/web/app on node n1');
    expect(stderr).toContain(`via kubelet (https://${address}): credentials for the kubelet were given`);
    expect(stdout).toMatch(/sha256 {5}[0-9a-f]{64}/);
    expect(stdout).toContain("identity   the kubelet's certificate was verified");
    expect(stdout).toMatch(/container {2}runs: its pod's status says so/);
    expect(stdout).toContain('PROCESSES');
    expect(seen.map(({ method, path: place }) => `${method} ${place}`)).toEqual([
      'GET /pods',
      'POST /checkpoint/shop/web/app?timeout=3600',
      'GET /pods',
    ]);
  });

  test('prints a report as JSON', async () => {
    const { address } = await serve(captured);
    const { stdout } = await exhibit(
      'capture',
      'shop/web',
      '--json',
      '--timeout',
      '300',
      ...asToken(address),
    );
    expect(JSON.parse(stdout)).toMatchObject({
      namespace: 'shop',
      pod: 'web',
      pod_uid: 'u1',
      container: 'app',
      container_id: '0'.repeat(64),
      node: 'n1',
      route: { name: 'kubelet', endpoint: `https://${address}` },
      archive: {
        path: path.join(folder, 'checkpoint-web_shop-app.tar'),
        here: true,
        size: readFileSync(FIXTURE).length,
      },
      container_afterwards: { verdict: 'running' },
      notes: [],
    });
  });

  test('says where the archive is when that is not here', async () => {
    const archive = "/nowhere/it's.tar";
    const { address } = await serve(refuses(200, JSON.stringify({ items: [archive] })));
    const { code, stdout } = await exhibit('capture', 'shop/web', ...asToken(address));
    expect(code).toBe(0);
    expect(stdout).toContain("ssh root@n1 cat '/nowhere/it'\\''s.tar' > checkpoint.tar");
    expect(stdout).toContain("exhibit collect --node n1 --path '/nowhere/it'\\''s.tar'");
  });

  test.each([
    [1, ['shop/nope'], /knows no pod shop\/nope/],
    [1, ['shop/web/nope'], /no container nope; it has:\n {2}app {2}\(running, i:1\)/],
    [2, ['shop/web/a/b'], /more than three parts/],
    [2, ['shop/web', '--via', 'pigeon'], /Allowed choices are kubelet, cri, proxy, node, podman/],
    [2, ['shop/web', '--timeout', '0'], /whole seconds/],
    [2, ['shop/web', '--compress', 'gzip'], /--compress needs --via podman/],
    [2, [], /missing required argument 'container'/],
    [2, ['shop/web', '--pid', '7'], /--pid needs --via node/],
    [2, ['--via', 'node', '--pid', '0'], /number of a process/],
    [2, ['shop/web', '--via', 'node', '--max-freeze', '2'], /a time as 2s or 500ms/],
    [1, ['--via', 'node', '--pid', '4194305'], /no process 4194305/],
    [1, ['--via', 'node', '0123456789ab'], /no container that runs on this machine/],
    [2, ['shop/web', '--via', 'podman'], /no container of Podman/],
    [2, ['web', '--via', 'podman', '-n', 'shop'], /not for --via podman/],
  ])('%i: %s', async (expected, argv, message) => {
    const { address, seen } = await serve(captured);
    const { code, stderr } = await exhibit('capture', ...argv, ...asToken(address));
    expect(code).toBe(expected);
    expect(stderr).toMatch(message);
    expect(seen.some(({ method }) => method === 'POST')).toBe(false);
  });

  test('asks at the terminal whether to believe a kubelet that nobody vouches for', async () => {
    const { address, seen } = await serve(captured);
    const argv = ['capture', 'shop/web', '--node', address, '--token', TOKEN, '--json'];
    const questions: string[] = [];
    const answer = (text: string) => ({
      environment: { HOME: folder },
      workingDirectory: folder,
      ask: async (question: string) => {
        questions.push(question);
        return text;
      },
    });
    const refused = await runProgram(argv, answer('no'));
    expect(refused.code).toBe(1);
    expect(seen).toEqual([]);
    const { code, stdout, stderr } = await runProgram(argv, answer('yes'));
    expect(code).toBe(0);
    expect(JSON.parse(stdout).route.trust).toContain('accepted by its fingerprint');
    expect(stderr).toMatch(/SHA-256 fingerprint\n {2}([0-9A-F]{2}:){31}/);
    expect(questions).toHaveLength(2);
  });

  test('explains a failed dump, and whether the container runs', async () => {
    const { address } = await serve(refuses(500, 'checkpointing of shop/web/app failed (runc failed: criu)'));
    const { code, stderr } = await exhibit('capture', 'shop/web', ...asToken(address));
    expect(code).toBe(1);
    expect(stderr).toContain('shop/web/app: the runtime could not checkpoint: runc failed: criu');
    expect(stderr).toContain(`k8s.io/${'0'.repeat(64)}/criu-dump.log`);
    expect(stderr).toMatch(/the container runs: its pod's status says so/);
  });
});

describe('capture through the API server', () => {
  const isProxied = 'POST /base/api/v1/nodes/n1/proxy/checkpoint/shop/web/app?timeout=3600';

  test('takes the namespace of the context, and the node of the pod', async () => {
    const { address, seen } = await serve(captured);
    const file = kubeconfig(address);
    const { code, stderr } = await exhibit('capture', 'pod/web', '--via', 'proxy', '--kubeconfig', file);
    expect(code).toBe(0);
    expect(stderr).toContain('--via proxy was asked for');
    expect(seen.map(({ method, path: place }) => `${method} ${place}`)).toEqual([
      'GET /base/api/v1/namespaces/shop/pods/web',
      isProxied,
      'GET /base/api/v1/namespaces/shop/pods/web',
    ]);
    expect(seen[1]?.authorization).toBe(`Bearer ${TOKEN}`);
  });

  test.each([
    [
      'the API server',
      JSON.stringify({
        kind: 'Status',
        message: 'nodes "n1" is forbidden: User "eve" cannot create resource "nodes/proxy" in API group ""',
      }),
      '--user=eve',
    ],
    [
      'the kubelet behind it',
      'Forbidden (user=kube-apiserver-kubelet-client, verb=create, resource=nodes, subresource(s)=[checkpoint])',
      '--user=kube-apiserver-kubelet-client',
    ],
  ])('tells who refused: %s', async (_who, body, grant) => {
    const { address } = await serve(refuses(403, body));
    const { code, stderr } = await exhibit('capture', 'web', '--kubeconfig', kubeconfig(address));
    expect(code).toBe(1);
    expect(stderr).toContain(grant);
  });

  test('a kubeconfig that cannot be used is told without its secrets', async () => {
    const file = path.join(folder, 'broken');
    writeFileSync(file, `users: [{name: u, user: {token: ${TOKEN}}}\n: :`);
    for (const argv of [
      ['--kubeconfig', file],
      ['--kubeconfig', `${file}-missing`],
      ['--context', 'nope'],
    ]) {
      const { code, stderr } = await exhibit('capture', 'shop/web', ...argv);
      expect(code).toBe(1);
      expect(stderr).toContain('kubeconfig');
      expect(stderr).not.toContain('unexpected');
    }
  });
});

describe('pods', () => {
  test('of the context’s namespace from the API server, of everything from a kubelet', async () => {
    const { address, seen } = await serve(refuses(404, 'pod does not exist'));
    const viaApi = await exhibit('pods', '-l', 'app=web', '--kubeconfig', kubeconfig(address));
    expect(viaApi.stdout).toMatch(/shop +web +n1 +app +running +proxy +0 +i:1 +0000000000000\n$/);
    expect(seen[0]?.path).toBe('/base/api/v1/namespaces/shop/pods?limit=500&labelSelector=app%3Dweb');
    const viaKubelet = await exhibit('pods', '--json', ...asToken(address));
    expect(JSON.parse(viaKubelet.stdout)).toMatchObject([
      { namespace: 'shop', pod: 'web', containers: [{ name: 'app' }] },
    ]);
    expect((await exhibit('pods', '-l', 'app!=web', ...asToken(address))).stderr).toContain('no pods');
  });
});

describe('whether pods can be captured', () => {
  test('asks the kubelet without naming a container, once', async () => {
    const { address, seen } = await serve(refuses(404, 'pod does not exist'));
    const { stdout } = await exhibit('pods', ...asToken(address));
    expect(stdout).toMatch(/STATE +CAPTURE[^\n]*\nshop +web +n1 +app +running +kubelet +0/);
    const { stdout: json } = await exhibit('pods', '--json', ...asToken(address));
    expect(JSON.parse(json)[0].containers[0].capture).toEqual({ via: 'kubelet' });
    const posts = seen.filter(({ method }) => method === 'POST').map(({ path: place }) => place);
    expect(posts).toEqual(Array(2).fill('/checkpoint/_/_/_?timeout=3600'));
  });

  test.each([
    [
      'the kubelet',
      'Forbidden (user=eve, verb=create, resource=nodes, subresource=checkpoint)',
      /the user eve may not/,
    ],
    ['a kubelet without the API', '404 page not found', /has no checkpoint API/],
  ])('says what is missing at %s', async (_who, body, reason) => {
    const { address } = await serve(refuses(body.startsWith('404') ? 404 : 403, body));
    const { stdout, stderr } = await exhibit('pods', ...asToken(address));
    expect(stdout).toMatch(/running +no +0/);
    expect(stderr).toMatch(/no capture via kubelet on node n1: /);
    expect(stderr).toMatch(reason);
    expect(stderr).toContain('no capture via cri on node n1: credentials for the kubelet were given');
  });

  test('asks nobody where that is not wanted', async () => {
    const { address, seen } = await serve(captured);
    const { stdout } = await exhibit('pods', '--no-probe', ...asToken(address));
    expect(stdout).not.toContain('CAPTURE');
    expect(seen.filter(({ method }) => method === 'POST')).toEqual([]);
  });

  test('asks through the API server as well', async () => {
    const { address, seen } = await serve(refuses(404, 'pod does not exist'));
    const { stdout } = await exhibit('pods', '--kubeconfig', kubeconfig(address));
    expect(stdout).toMatch(/running +proxy +0/);
    expect(seen.at(-1)?.path).toBe('/base/api/v1/nodes/n1/proxy/checkpoint/_/_/_?timeout=3600');
  });
});

test('Ctrl-C waits for a checkpoint that has begun, whoever sends it and however often', async () => {
  let release = (): void => undefined;
  let isCut = false;
  const { address } = await serve((request, response) => {
    release = () => captured(request, response);
    response.once('close', () => {
      isCut = !response.writableFinished;
    });
  });
  const argv = ['--import', 'tsx', 'src/cli/exhibit.ts', 'capture', 'shop/web', ...asToken(address)];
  const child = spawn(process.execPath, argv, { cwd: REPOSITORY, env: { ...process.env, HOME: folder } });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const said = async (text: string): Promise<void> => {
    await expect.poll(() => stderr, { timeout: 15_000 }).toContain(text);
  };
  await said('stands still meanwhile');
  await expect.poll(() => kubelet?.seen.some(({ method }) => method === 'POST')).toBe(true);
  child.kill('SIGINT');
  await said('Waiting for its end');
  child.kill('SIGHUP');
  await said(`kill -9 ${child.pid}`);
  child.kill('SIGTERM');
  expect(child.exitCode).toBeNull();
  release();
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(isCut).toBe(false);
  expect(code).toBe(0);
  expect(stdout).toMatch(/sha256 {5}[0-9a-f]{64}/);
  // Whoever pressed Ctrl-C wants the program to end: what was taken is told, and not examined.
  expect(stdout).not.toContain('PROCESSES');
});
