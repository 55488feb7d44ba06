import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CaptureReport } from '../../src/capture/capture.ts';
import type { Distribution } from '../../testbed/node.ts';
import { until } from '../../testbed/process.ts';
import { API_SERVER, CHECKPOINT, NODE_PROXY, READ_PODS } from '../../testbed/rbac.ts';
import { signal } from '../../testbed/sandbox.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();
const INVESTIGATOR = { kind: 'User', name: 'investigator' } as const;

beforeAll(async () => {
  await node().apply(pods.namespace(pods.SHOP), pods.namespace('forensics'), pods.web);
  await node().waitRunning(pods.SHOP, 'web');
});
beforeEach(() => node().setRuncOptions());

const admin = () => {
  const { admin: user, ca } = node().credentials;
  return ['--cert', user.certificate, '--key', user.key, '--cacert', ca];
};
const investigator = () => {
  const { investigator: user, ca } = node().credentials;
  return ['--cert', user.certificate, '--key', user.key, '--cacert', ca];
};

async function report(...argv: readonly string[]): Promise<CaptureReport> {
  const { code, stdout, stderr } = await node().exhibit(['capture', '--json', ...argv]);
  expect(stderr).not.toContain('exhibit:');
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

async function refusal(...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await node().exhibit(['capture', ...argv]);
  expect(code).toBe(1);
  expect(stdout).toBe('');
  return stderr;
}

/** The last number that the counting container printed. */
async function count(pod: string, container: string): Promise<number> {
  const log = await node().kubectl(['logs', '-n', pods.SHOP, pod, '-c', container, '--tail=1']);
  return Number.parseInt(/\d+/.exec(log)?.[0] ?? '', 10);
}

async function restarts(pod: string): Promise<string> {
  const path = 'jsonpath={.status.containerStatuses[*].restartCount}';
  return node().kubectl(['get', 'pod', '-n', pods.SHOP, pod, '-o', path]);
}

test('two captures at once come one after the other, and both are whole', async () => {
  const [first, second] = await Promise.all([
    node().exhibit(['capture', '--json', 'shop/web/app', ...admin()]),
    node().exhibit(['capture', '--json', 'shop/web/app', ...admin()]),
  ]);
  expect([first.code, second.code]).toEqual([0, 0]);
  expect(first.stderr + second.stderr).toMatch(
    /exhibit \(process \d+\) is capturing this container already: waiting/,
  );
  const archives = [first, second].map(({ stdout }) => (JSON.parse(stdout) as CaptureReport).archive);
  expect(new Set(archives.map(({ path }) => path)).size).toBe(2);
  for (const { path } of archives) expect((await node().exhibit(['inspect', path])).code).toBe(0);
});

describe('through the kubelet', () => {
  test('with a client certificate: the archive is there, and the container goes on counting', async () => {
    const result = await report('shop/web/sidecar', ...admin());
    expect(result).toMatchObject({
      container: 'sidecar',
      node: 'n1',
      route: { name: 'kubelet', endpoint: 'https://127.0.0.1:10250' },
      container_afterwards: { verdict: 'running', detail: expect.stringContaining('cgroup freezer') },
    });
    const bytes = readFileSync(node().hostPath(result.archive.path));
    expect(result.archive).toMatchObject({
      here: true,
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
    const before = await count('web', 'sidecar');
    await until(
      'the container to count on',
      async () => (await count('web', 'sidecar')) > before || undefined,
    );
    expect(await restarts('web')).toBe('0 0');
  });

  test('with a token of a service account that may only checkpoint', async () => {
    const token = await node().token('forensics', 'camera');
    const account = { kind: 'ServiceAccount', name: 'camera', namespace: 'forensics' } as const;
    await node().grant('camera', account, [CHECKPOINT]);
    const file = '/root/token';
    writeFileSync(node().hostPath(file), `${token}\n`, { mode: 0o600 });
    const argv = ['shop/web/app', '--token-file', file, '--cacert', node().credentials.ca];
    const result = await report(...argv);
    // It may not list pods; the runtime is asked for the container, its state is in its cgroup.
    expect(result.notes.join()).toContain('may not get nodes/pods');
    expect(result.container_id).toMatch(/^[0-9a-f]{64}$/);
    expect(result.container_afterwards.verdict).toBe('running');
    expect(JSON.stringify(result)).not.toContain(token);
  });

  test('ends by showing what was captured', async () => {
    const { code, stdout } = await node().exhibit([
      'capture',
      '-n',
      pods.SHOP,
      'pod/web',
      '-c',
      'app',
      ...admin(),
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/sha256 {5}[0-9a-f]{64}/);
    expect(stdout).toContain('httpd -f -p 8080 -h /www');
  });

  test('from elsewhere, to the address that the pod tells, with the user of the kubeconfig', async () => {
    const { kubeconfig } = node().credentials.admin;
    const argv = ['capture', 'shop/web/app', '--via', 'kubelet', '--json', '--kubeconfig', kubeconfig];
    const { stdout, code } = await node().exhibitElsewhere(argv);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      route: { endpoint: 'https://10.89.0.10:10250', trust: "the kubelet's certificate was verified" },
      archive: { here: false },
      container_afterwards: { verdict: 'running' },
    });
  });

  test.each<Distribution>(['k3s', 'rke2', 'kubeadm-node', 'kubeadm-control-plane'])(
    'with what lies on a node of %s',
    async (distribution) => {
      const remove = node().placeCertificate(distribution);
      const who =
        distribution === 'kubeadm-control-plane'
          ? API_SERVER
          : ({ kind: 'Group', name: 'system:nodes' } as const);
      try {
        // As such a cluster is: the certificate is known and may not checkpoint.
        expect(await refusal('shop/web/app', '--via', 'kubelet')).toMatch(
          /may not create nodes\/checkpoint \(403\)/,
        );
        await node().grant('found', who, [CHECKPOINT]);
        const result = await until('the grant to be believed', async () => {
          const taken = await report('shop/web/app').catch(() => undefined);
          return taken?.route.name === 'kubelet' ? taken : undefined;
        });
        expect(result.route.reason).toContain('credentials for the kubelet lie on this node');
        expect(result.container_afterwards.verdict).toBe('running');
        await node().revoke('found');
        await until('the grant to be gone', async () => {
          const argv = ['capture', 'shop/web/app', '--via', 'kubelet', '--no-inspect'];
          const { code, stderr } = await node().exhibit(argv);
          return (code === 1 && stderr.includes('may not create nodes/checkpoint')) || undefined;
        });
      } finally {
        remove();
      }
    },
  );

  test('not without knowing who answers', async () => {
    const { admin: user } = node().credentials;
    const own = ['--cert', user.certificate, '--key', user.key];
    const told = await refusal('shop/web/app', ...own);
    const fingerprint = /SHA-256 fingerprint ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})/.exec(told)?.[1] ?? '';
    const believed = await report('shop/web/app', ...own, '--fingerprint', fingerprint);
    expect(believed.route.trust).toContain('has the fingerprint that was given');
    const other = fingerprint.replace(/^../, (byte) => (byte === '00' ? '01' : '00'));
    expect(await refusal('shop/web/app', ...own, '--fingerprint', other)).toContain(fingerprint);
    const result = await report('shop/web/app', ...own, '--insecure-skip-tls-verify');
    expect(result.route.trust).toContain('NOT verified');
  });

  test('not a pod or container that is not there', async () => {
    expect(await refusal('shop/nope', ...admin())).toContain('no pod shop/nope');
    expect(await refusal('shop/web/nope', ...admin())).toMatch(/no container nope; it has:\n {2}app/);
    expect(await refusal('shop/web', ...admin())).toMatch(/has 2 containers: say which/);
  });

  test('a container that ends by being captured is told as that', async () => {
    await node().apply(pods.sleeper);
    await node().waitRunning(pods.SHOP, 'sleeper');
    const { code, stdout } = await node().exhibit(['capture', 'shop/sleeper', '--no-inspect', ...admin()]);
    expect(code).toBe(3);
    expect(stdout).toContain('DOES NOT RUN ANY MORE');
    await node().remove(pods.SHOP, 'sleeper');
  });
});

describe('a dump that fails', () => {
  test('on an established connection: cause and cure, and the cure works', async () => {
    await node().apply(pods.peer);
    await node().waitRunning(pods.SHOP, 'peer');
    const podIp = ['-o', 'jsonpath={.status.podIP}'];
    const address = await node().kubectl(['get', 'pod', '-n', pods.SHOP, 'peer', ...podIp]);
    await node().apply(pods.reverseShell(address));
    await node().waitRunning(pods.SHOP, 'reverse-shell');
    const told = await refusal('shop/reverse-shell/nc', '--no-preflight', ...admin());
    expect(told).toContain('cause: the container holds an established TCP connection');
    expect(told).toContain('add the line "tcp-established" to /etc/criu/runc.conf');
    expect(told).toContain('the container runs: its processes run (cgroup freezer)');
    node().setRuncOptions('tcp-established');
    const { container_afterwards } = await report('shop/reverse-shell/nc', ...admin());
    expect(container_afterwards.verdict).toBe('running');
    expect(await restarts('reverse-shell')).toBe('0 0');
  });

  test('on a file lock', async () => {
    await node().apply(pods.kinds);
    await node().waitRunning(pods.SHOP, 'kinds');
    const told = await refusal('shop/kinds', '--no-preflight', ...admin());
    expect(told).toContain('add the line "file-locks"');
  });
});

describe('through the API server', () => {
  test('refused where its own client may not checkpoint, as on kubeadm; allowed once it may', async () => {
    const { kubeconfig } = node().credentials.investigator;
    const argv = ['shop/web/app', '--via', 'proxy', '--kubeconfig', kubeconfig];
    expect(await refusal(...argv)).toMatch(/the user investigator may not get pods/);
    await node().grant('proxy', INVESTIGATOR, [READ_PODS]);
    expect(await refusal(...argv)).toMatch(/the user investigator may not create nodes\/proxy/);
    await node().grant('proxy', INVESTIGATOR, [READ_PODS, NODE_PROXY]);
    const told = await refusal(...argv);
    expect(told).toMatch(
      /API server's own client to the kubelets, kube-apiserver-kubelet-client, may not create/,
    );
    expect(told).toContain('--user=kube-apiserver-kubelet-client');
    await node().grant('proxy-client', API_SERVER, [CHECKPOINT]);
    const result = await until('the grant to be believed', () => report(...argv).catch(() => undefined));
    expect(result.route).toMatchObject({
      name: 'proxy',
      endpoint: expect.stringContaining('/api/v1/nodes/n1/proxy'),
    });
    expect(result.container_afterwards.verdict).toBe('running');
    // Without --via the kubelet is asked first, since that takes less; the refusal is told, and not the end.
    const byDefault = ['capture', 'shop/web/app', '--json', '--kubeconfig', kubeconfig];
    const { stdout, stderr } = await node().exhibitElsewhere(byDefault);
    expect(stderr).toContain('nothing was touched; now via proxy');
    const { route, routes_not_taken }: CaptureReport = JSON.parse(stdout);
    expect(route.name).toBe('proxy');
    expect(routes_not_taken).toContainEqual({
      name: 'kubelet',
      reason: 'the user investigator may not create nodes/checkpoint (403).',
    });
    await node().revoke('proxy');
    await node().revoke('proxy-client');
  });
});

test('the commands that a refusal gives are enough', async () => {
  const told = await refusal('shop/web/app', ...investigator());
  const commands = told
    .split('\n')
    .filter((line) => line.includes('create clusterrole') && line.includes('nodes-checkpoint'));
  expect(commands).toHaveLength(2);
  for (const command of commands) await node().kubectl(command.trim().split(' ').slice(1));
  await until('the grant to be believed', () =>
    report('shop/web/app', ...investigator()).catch(() => undefined),
  );
  await node().kubectl(['delete', 'clusterrole/exhibit-create-nodes-checkpoint']);
  await node().kubectl(['delete', 'clusterrolebinding/exhibit-create-nodes-checkpoint-investigator']);
});

test('Ctrl-C during a capture does not cancel it', async () => {
  await node().apply(pods.hoard(256));
  const { name } = pods.hoard(256).metadata;
  await node().waitRunning(pods.SHOP, name);
  const running = node().startExhibit(['capture', `shop/${name}`, '--no-inspect', ...admin()]);
  let stderr = '';
  running.child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  await until('the capture to begin', async () => stderr.includes('stands still meanwhile') || undefined, {
    interval: 10,
  });
  await until('the container to be frozen', async () => (await isFrozen(name)) || undefined, {
    interval: 10,
  });
  signal(running.child, 'SIGINT');
  await until('the answer', async () => stderr.includes('never cancelled') || undefined);
  signal(running.child, 'SIGINT');
  const { code, stdout } = await running.finished;
  expect(code).toBe(0);
  expect(stderr).toMatch(/Still waiting[\s\S]*kill -9 \d+/);
  expect(stdout).toMatch(/sha256 {5}[0-9a-f]{64}/);
  expect(stdout).toMatch(/container {2}runs: its processes run/);
  expect(await isFrozen(name)).toBe(false);
});

test('a container that stands still is told as that, with a cure that works', async () => {
  const path = 'jsonpath={.status.containerStatuses[?(@.name=="sidecar")].containerID}';
  const id = (await node().kubectl(['get', 'pod', '-n', pods.SHOP, 'web', '-o', path])).replace(
    'containerd://',
    '',
  );
  await node().exec(['ctr', '-n', 'k8s.io', 'tasks', 'pause', id]);
  const { code, stdout, stderr } = await node().exhibit([
    'capture',
    'shop/web/sidecar',
    '--no-preflight',
    '--no-inspect',
    ...admin(),
  ]);
  const told = stdout + stderr;
  expect(code).not.toBe(0);
  expect(told).toMatch(/IS FROZEN: its processes are frozen \(cgroup freezer\), as they were before/);
  const cure = /ctr -n k8s\.io tasks resume [0-9a-f]{64}/.exec(told)?.[0] ?? '';
  expect((await node().exec(cure.split(' '))).code).toBe(0);
  const { container_afterwards } = await report('shop/web/sidecar', ...admin());
  expect(container_afterwards.verdict).toBe('running');
});

/** By the kernel's word, not by ours. */
async function isFrozen(pod: string): Promise<boolean> {
  const path = 'jsonpath={.status.containerStatuses[0].containerID}';
  const id = (await node().kubectl(['get', 'pod', '-n', pods.SHOP, pod, '-o', path])).replace(
    'containerd://',
    '',
  );
  const { stdout } = await node().exec(['sh', '-c', `cat /sys/fs/cgroup/freezer/k8s.io/${id}/freezer.state`]);
  return stdout.trim() !== 'THAWED';
}
