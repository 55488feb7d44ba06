import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { helperPod } from '../../src/capture/collect/helper-pod.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();
const HELPER = 'exhibit-collect-test';
let archive = '';

const sh = (script: string) =>
  node().kubectl(['exec', '-n', pods.SHOP, HELPER, '--', 'sh', '-c', `(${script}) 2>&1 || true`]);

beforeAll(async () => {
  await node().apply(pods.namespace(pods.SHOP), pods.web);
  await node().waitRunning(pods.SHOP, 'web');
  archive = await node().checkpoint(pods.SHOP, 'web', 'sidecar');
  const { metadata, ...pod } = helperPod({
    node: 'n1',
    suffix: 'test',
    image: 'exhibit.local/workload:1',
    imagePullPolicy: 'Never',
    folder: '/var/lib/kubelet/checkpoints',
    deadlineSeconds: 120,
  });
  await node().apply({ ...pod, metadata: { ...metadata, namespace: pods.SHOP } });
  await node().waitRunning(pods.SHOP, HELPER);
});

test('the helper pod reads the archives of root, without any capability', async () => {
  const bytes = readFileSync(node().hostPath(archive));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  expect(await sh(`sha256sum /checkpoints/${basename(archive)}`)).toContain(sha256);
  expect(await sh('grep CapEff /proc/self/status')).toMatch(/CapEff:\s+0{16}/);
});

test('the helper pod can write nowhere and holds no token', async () => {
  expect(await sh('touch /checkpoints/x')).toContain('Read-only file system');
  expect(await sh('touch /x')).toContain('Read-only file system');
  expect(await sh('ls /var/run/secrets/kubernetes.io')).toContain('No such file');
});
