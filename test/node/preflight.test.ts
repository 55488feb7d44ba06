import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PreflightReport } from '../../src/capture/preflight/preflight.ts';
import { succeeded, until } from '../../testbed/process.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();
const CHECKPOINTS = '/var/lib/kubelet/checkpoints';

beforeAll(async () => {
  await node().apply(pods.namespace(pods.SHOP), pods.web, pods.peer);
  await node().waitRunning(pods.SHOP, 'web');
  await node().waitRunning(pods.SHOP, 'peer');
});
beforeEach(() => node().setRuncOptions());

async function sh(script: string): Promise<string> {
  const argv = ['sh', '-euc', script];
  return succeeded(argv, await node().exec(argv));
}

async function preflight(target: string): Promise<PreflightReport & { readonly code: number }> {
  const { code, stdout } = await node().exhibit(['preflight', target, '--json']);
  return { ...(JSON.parse(stdout) as PreflightReport), code };
}

function capture(target: string, ...options: readonly string[]) {
  const { admin: user, ca } = node().credentials;
  const identity = ['--cert', user.certificate, '--key', user.key, '--cacert', ca];
  return node().exhibit(['capture', target, '--no-inspect', ...identity, ...options]);
}

async function pod(object: ReturnType<typeof pods.pod>): Promise<void> {
  await node().apply(object);
  await node().waitRunning(pods.SHOP, object.metadata.name);
}

async function restarts(name: string): Promise<string> {
  const path = 'jsonpath={.status.containerStatuses[*].restartCount}';
  return node().kubectl(['get', 'pod', '-n', pods.SHOP, name, '-o', path]);
}

async function reverseShell() {
  const podIp = ['-o', 'jsonpath={.status.podIP}'];
  return pods.reverseShell(await node().kubectl(['get', 'pod', '-n', pods.SHOP, 'peer', ...podIp]));
}

test('nothing stands against a web server with a sidecar', async () => {
  for (const container of ['app', 'sidecar']) {
    const report = await preflight(`shop/web/${container}`);
    expect(report).toMatchObject({ code: 0, verdict: 'clear', obstacles: [], gaps: [] });
  }
});

describe('what is named beforehand, CRIU refuses, and the printed cure lets it pass', () => {
  test.each([
    ['tcp-connection', 'reverse-shell/nc', reverseShell, /10\.244\.0\.\d+:\d+ to 10\.244\.0\.\d+:4444/],
    ['file-lock', 'kinds/kinds', async () => pods.kinds, /\/tmp\/locked/],
    ['file-watch', 'watch-page/watch', async () => pods.watchPage, /descriptor 3: \/www\/index\.html/],
    ['deleted-file', 'ghost/ghost', async () => pods.ghost, /\/tmp\/ghost \(deleted\): 2097152 bytes/],
    ['unix-socket', 'whisper/whisper', async () => pods.whisper, /socket \d+/],
  ])('%s: %s', async (id, target, make, evidence) => {
    await pod(await make());
    const report = await until('the obstacle', async () => {
      const seen = await preflight(`shop/${target}`);
      return seen.code === 0 ? undefined : seen;
    });
    expect(report.obstacles.map((obstacle) => obstacle.id)).toEqual([id]);
    expect(report.obstacles[0]?.evidence.join('\n')).toMatch(evidence);
    expect((await capture(`shop/${target}`, '--no-preflight')).stderr).toContain('cause: ');
    await sh(report.obstacles[0]?.cure.find((line) => line.includes('/etc/criu')) ?? 'false');
    expect(await preflight(`shop/${target}`)).toMatchObject({ code: 0, obstacles: [] });
    expect((await capture(`shop/${target}`)).code).toBe(0);
    await node().remove(pods.SHOP, target.split('/')[0] ?? '');
  });
});

test('an io_uring ends a capture before anything is touched, and CRIU refuses it indeed', async () => {
  await pod(pods.ring);
  const refused = await capture('shop/ring');
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toContain('a checkpoint of shop/ring/ring would fail; nothing was touched:');
  expect(refused.stderr).toMatch(/holds an io_uring[\s\S]*seen: process \d+ \(ring\), descriptor 3/);
  const id = (await preflight('shop/ring/ring')).container_id;
  const log = `/run/containerd/io.containerd.runtime.v2.task/k8s.io/${id}/criu-dump.log`;
  expect((await node().exec(['test', '-e', log])).code).toBe(1);
  const tried = await capture('shop/ring', '--no-preflight');
  expect(tried.code).toBe(1);
  expect(tried.stderr).toContain('cause: a process holds an io_uring');
  expect(tried.stderr).toContain('the container runs: its processes run (cgroup freezer)');
  expect(await restarts('ring')).toBe('0');
});

test('a first process that ends by being captured is told, and the capture is taken', async () => {
  await pod(pods.sleeper);
  const { code, stdout, stderr } = await capture('shop/sleeper');
  expect(stderr).toMatch(/likely +the container's first process is busybox's sleep/);
  expect(code).toBe(3);
  expect(stdout).toContain('DOES NOT RUN ANY MORE');
  await node().remove(pods.SHOP, 'sleeper');
});

test('a container that stands still is told as that', async () => {
  const { container_id } = await preflight('shop/web/sidecar');
  await sh(`ctr -n k8s.io tasks pause ${container_id}`);
  const report = await preflight('shop/web/sidecar');
  expect(report.obstacles.map(({ id }) => id)).toEqual(['frozen']);
  const cure = report.obstacles[0]?.cure.join('\n') ?? '';
  await sh(/ctr -n k8s\.io tasks resume [0-9a-f]{64}/.exec(cure)?.[0] ?? 'false');
  expect((await preflight('shop/web/sidecar')).code).toBe(0);
});

test('a disk that is too small is told beforehand; a capture of it fails clearly and leaves the container running', async () => {
  await pod(pods.hoard(64));
  await sh(`mkdir -p ${CHECKPOINTS} && mount -t tmpfs -o size=16m tmpfs ${CHECKPOINTS}`);
  const refused = await capture('shop/hoard');
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/the disk of \/var\/lib\/kubelet\/checkpoints has 16 MiB free/);
  const tried = await capture('shop/hoard', '--no-preflight');
  expect(tried.code).toBe(1);
  expect(tried.stderr).toContain("the node's disk is full");
  expect(tried.stderr).toContain('the container runs');
  expect(await restarts('hoard')).toBe('0');
  await sh(`umount ${CHECKPOINTS}`);
  expect((await capture('shop/hoard')).code).toBe(0);
});

test('a node without CRIU is told', async () => {
  await sh('mv /usr/sbin/criu /usr/sbin/criu.away');
  const report = await preflight('shop/web/app');
  await sh('mv /usr/sbin/criu.away /usr/sbin/criu');
  expect(report.obstacles).toMatchObject([{ id: 'criu', certainty: 'refusal' }]);
});
