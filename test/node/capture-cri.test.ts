import { readdirSync, statSync } from 'node:fs';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import type { CaptureReport } from '../../src/capture/capture.ts';
import { until } from '../../testbed/process.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { listContainers } from './support/cri.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();

beforeAll(async () => {
  await node().apply(pods.namespace(pods.SHOP), pods.web);
  await node().waitRunning(pods.SHOP, 'web');
});
beforeEach(() => node().setRuncOptions());

async function report(...argv: readonly string[]): Promise<CaptureReport> {
  const { code, stdout, stderr } = await node().exhibit(['capture', '--json', ...argv]);
  expect(stderr).not.toContain('exhibit:');
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

/** The file of an archive by mode, size and entries. */
async function entries(archive: string): Promise<readonly string[]> {
  const { stdout } = await node().exec(['tar', '--list', '--file', archive]);
  // Dumped memory and descriptors are numbered by process and inode.
  return stdout
    .trim()
    .split('\n')
    .map((name) => name.replaceAll(/\d+/g, 'N'));
}

test('the archive is what the kubelet makes, and the container runs on', async () => {
  const { archive, route, container_afterwards, pod_uid } = await report('shop/web/app', '--via', 'cri');
  expect(route).toMatchObject({
    name: 'cri',
    endpoint: 'unix:///run/containerd/containerd.sock',
    trust: expect.stringMatching(/^containerd 2\S* was asked over its socket on this machine$/),
  });
  expect(archive.path).toMatch(
    /^\/var\/lib\/kubelet\/checkpoints\/checkpoint-web_shop-app-\d{8}T\d{6}\.\d{3}Z\.tar$/,
  );
  expect(container_afterwards.verdict).toBe('running');
  const { mode } = statSync(node().hostPath(archive.path));
  expect(mode & 0o777).toBe(0o600);
  expect(statSync(node().hostPath('/var/lib/kubelet/checkpoints')).mode & 0o777).toBe(0o700);
  const fromKubelet = await node().checkpoint(pods.SHOP, 'web', 'app');
  expect(new Set(await entries(archive.path))).toEqual(new Set(await entries(fromKubelet)));
  const { stdout } = await node().exhibit(['inspect', archive.path]);
  expect(stdout).toContain('app  container of pod shop/web');
  expect(stdout).toContain(`pod uid       ${pod_uid}`);
  expect(stdout).toContain('httpd -f -p 8080 -h /www');
  const containers = await listContainers(node().hostPath('/run/containerd/containerd.sock'));
  expect(containers.map(({ state, metadata }) => [metadata?.attempt ?? 0, state])).toEqual([
    [0, 'CONTAINER_RUNNING'],
    [0, 'CONTAINER_RUNNING'],
  ]);
});

test('an established connection is refused with cause and cure, and leaves no file', async () => {
  await node().apply(pods.peer);
  await node().waitRunning(pods.SHOP, 'peer');
  const podIp = ['-o', 'jsonpath={.status.podIP}'];
  const address = await node().kubectl(['get', 'pod', '-n', pods.SHOP, 'peer', ...podIp]);
  await node().apply(pods.reverseShell(address));
  await node().waitRunning(pods.SHOP, 'reverse-shell');
  const { code, stderr } = await node().exhibit([
    'capture',
    'shop/reverse-shell/nc',
    '--via',
    'cri',
    '--no-preflight',
  ]);
  expect(code).toBe(1);
  expect(stderr).toContain('cause: the container holds an established TCP connection');
  expect(stderr).toContain('add the line "tcp-established" to /etc/criu/runc.conf');
  expect(stderr).toContain('the container runs: its processes run (cgroup freezer)');
  const left = readdirSync(node().hostPath('/var/lib/kubelet/checkpoints'));
  expect(left.filter((name) => name.includes('reverse-shell'))).toEqual([]);
  node().setRuncOptions('tcp-established');
  const { container_afterwards } = await report('shop/reverse-shell/nc', '--via', 'cri');
  expect(container_afterwards.verdict).toBe('running');
});

test('a container that is not there, a socket that is not there', async () => {
  const tell = async (...argv: readonly string[]) => (await node().exhibit(['capture', ...argv])).stderr;
  expect(await tell('shop/nope', '--via', 'cri')).toMatch(
    /the container runtime containerd .* knows no pod shop\/nope/,
  );
  expect(await tell('shop/web/nope', '--via', 'cri')).toMatch(/no container nope; it has:/);
  expect(await tell('shop/web/app', '--runtime-endpoint', 'unix:///run/nope.sock')).toContain(
    'cannot reach the runtime at /run/nope.sock: there is no such socket',
  );
});

test("k3s' socket is found, and taken before that of a containerd beside it", async () => {
  const folder = '/run/k3s/containerd';
  await node().exec(['mkdir', '-p', folder]);
  await node().exec(['ln', '-s', '/run/containerd/containerd.sock', folder]);
  expect((await report('shop/web/app')).route.endpoint).toBe(`unix://${folder}/containerd.sock`);
  await node().exec(['rm', `${folder}/containerd.sock`]);
});

test('a kubelet that refuses is told, and the runtime asked instead', async () => {
  const remove = node().placeCertificate('k3s');
  const { code, stdout, stderr } = await node().exhibit(['capture', '--json', 'shop/web/app']);
  remove();
  expect(code).toBe(0);
  expect(stderr).toMatch(
    /via kubelet \(https:\/\/127.0.0.1:10250\): credentials for the kubelet lie on this node/,
  );
  expect(stderr).toMatch(/not via cri: only if those before it are refused: it takes root on the node/);
  expect(stderr).toContain('not via proxy: the way through the API server needs a kubeconfig');
  expect(stderr).toMatch(/not via kubelet: the user system:node:n1 may not create nodes\/checkpoint \(403\)/);
  expect(stderr).toContain('nothing was touched; now via cri (unix:///run/containerd/containerd.sock)');
  const { route, routes_not_taken }: CaptureReport = JSON.parse(stdout);
  expect(route.name).toBe('cri');
  expect(routes_not_taken.map(({ name }) => name).sort()).toEqual(['kubelet', 'node', 'proxy']);
});

test('with the kubelet stopped, and without any credentials: by default', async () => {
  const [pid] = (await node().exec(['pidof', 'kubelet'])).stdout.trim().split(' ');
  await node().exec(['kill', '-KILL', pid ?? '']);
  await until(
    'the end of the kubelet',
    async () => (await node().exec(['kill', '-0', pid ?? ''])).code !== 0,
  );
  const result = await report('shop/web/sidecar');
  expect(result).toMatchObject({
    route: { name: 'cri', reason: 'the runtime of this machine, containerd, can be asked' },
    container_afterwards: { verdict: 'running', detail: expect.stringContaining('cgroup freezer') },
    routes_not_taken: [
      { name: 'kubelet', reason: 'no credentials for a kubelet are given or found' },
      { name: 'proxy', reason: 'the way through the API server needs a kubeconfig' },
      { name: 'node', reason: expect.stringContaining('nothing can be restored') },
    ],
  });
  expect((await node().exhibit(['inspect', result.archive.path])).code).toBe(0);
  const { stdout, stderr } = await node().exhibit(['pods', '-n', pods.SHOP]);
  expect(stdout).toMatch(/shop +web +app +running/);
  expect(stderr).toContain('asked: the container runtime containerd at /run/containerd/containerd.sock');
});
