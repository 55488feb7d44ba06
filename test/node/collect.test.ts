import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { helperPod } from '../../src/capture/collect/helper-pod.ts';
import type { CollectedArchive } from '../../src/capture/collect/transfer.ts';
import { until } from '../../testbed/process.ts';
import { READ_PODS } from '../../testbed/rbac.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();
const HELPER = 'exhibit-collect-test';
const IMAGE = ['--image', pods.WORKLOAD_IMAGE, '--image-pull-policy', 'Never'];
const FORENSICS = ['--helper-namespace', 'forensics'];
const INVESTIGATOR = { kind: 'User', name: 'investigator' } as const;
let archive = '';
let folder = '';

beforeAll(async () => {
  await node().apply(pods.namespace(pods.SHOP), pods.namespace('forensics'), pods.web);
  await node().waitRunning(pods.SHOP, 'web');
  archive = await node().checkpoint(pods.SHOP, 'web', 'sidecar');
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'exhibit-collect-'));
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  expect(await helperPods()).toBe('');
});

const helperPods = async () =>
  (
    await node().kubectl([
      'get',
      'pods',
      '-A',
      '-l',
      'app.kubernetes.io/managed-by=exhibit',
      '-o',
      'jsonpath={.items[*].metadata.name}',
    ])
  ).trim();

const admin = () => ['--kubeconfig', node().credentials.admin.kubeconfig];
const investigator = () => ['--kubeconfig', node().credentials.investigator.kubeconfig];

/** As a responder elsewhere. */
const collect = (...argv: readonly string[]) =>
  node().exhibitElsewhere(['collect', ...IMAGE, '-o', folder, ...argv]);

async function collected(...argv: readonly string[]): Promise<CollectedArchive> {
  const { code, stdout, stderr } = await collect('--json', ...FORENSICS, ...admin(), ...argv);
  expect(stderr).not.toContain('exhibit:');
  expect(code).toBe(0);
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({ failures: [] });
  expect(report.collected).toHaveLength(1);
  return report.collected[0];
}

async function refusal(...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await collect(...argv);
  expect(code).toBe(1);
  expect(stdout).toBe('');
  expect(readdirSync(folder)).toEqual([]);
  return stderr;
}

const digest = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

describe('the helper pod', () => {
  const sh = (script: string) =>
    node().kubectl(['exec', '-n', pods.SHOP, HELPER, '--', 'sh', '-c', `(${script}) 2>&1 || true`]);

  test('reads the archives of root without any capability, can write nowhere and holds no token', async () => {
    const pod = helperPod({
      node: 'n1',
      namespace: pods.SHOP,
      suffix: 'test',
      owner: 'test',
      image: pods.WORKLOAD_IMAGE,
      imagePullPolicy: 'Never',
      folder: '/var/lib/kubelet/checkpoints',
      deadlineSeconds: 120,
    });
    await node().apply(pod);
    await node().waitRunning(pods.SHOP, HELPER);
    const sha256 = digest(node().hostPath(archive));
    expect(await sh(`sha256sum /checkpoints/${basename(archive)}`)).toContain(sha256);
    expect(await sh('grep CapEff /proc/self/status')).toMatch(/CapEff:\s+0{16}/);
    expect(await sh('touch /checkpoints/x')).toContain('Read-only file system');
    expect(await sh('touch /x')).toContain('Read-only file system');
    expect(await sh('ls /var/run/secrets/kubernetes.io')).toContain('No such file');
    await node().remove(pods.SHOP, HELPER);
  });
});

describe('exhibit collect', () => {
  test('brings the archive of a pod here, whole, with a name without colons that only its owner may read', async () => {
    const result = await collected('shop/web');
    const name = basename(archive).replaceAll(':', '-');
    expect(readdirSync(folder)).toEqual([name]);
    const file = join(folder, name);
    const sha256 = digest(node().hostPath(archive));
    expect(result).toMatchObject({
      node: 'n1',
      path: archive,
      file,
      sha256,
      status: 'collected',
      resumed_from: 0,
    });
    expect(digest(file)).toBe(sha256);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(file).mtimeMs).toBe(Math.floor(statSync(node().hostPath(archive)).mtimeMs / 1000) * 1000);
    const { code, stdout } = await node().exhibitElsewhere(['show', file]);
    expect([code, stdout.includes('sidecar')]).toEqual([0, true]);
  });

  test('brings a file by its name', async () => {
    const argv = ['--node', 'n1', '--path', basename(archive), ...FORENSICS, ...admin()];
    const { code, stdout } = await collect(...argv);
    expect(code).toBe(0);
    expect(stdout).toContain(`sha256      ${digest(node().hostPath(archive))}, there and here`);
  });

  test('finds an archive that is here already, and writes nothing over another file', async () => {
    const { file } = await collected('shop/web/sidecar');
    expect(await collected('shop/web/sidecar')).toMatchObject({ status: 'already-here', file });
    writeFileSync(file, 'something else');
    const { code, stderr } = await collect('shop/web/sidecar', ...FORENSICS, ...admin());
    expect([code, stderr]).toEqual([1, expect.stringContaining('is another file than the one on node n1')]);
    expect(readFileSync(file, 'utf8')).toBe('something else');
    expect(await collected('shop/web/sidecar', '--force')).toMatchObject({ status: 'collected' });
    expect(digest(file)).toBe(digest(node().hostPath(archive)));
  });

  test('says what is missing', async () => {
    const none = await refusal('shop/web/app', ...FORENSICS, ...admin());
    expect(none).toContain('there is no archive of shop/web/app in /var/lib/kubelet/checkpoints on node n1');
    const file = await refusal('--node', 'n1', '--path', 'none.tar', ...FORENSICS, ...admin());
    expect(file).toContain('node n1 has no file /var/lib/kubelet/checkpoints/none.tar');
    const unknown = await refusal('--node', 'n2', '--path', 'none.tar', ...FORENSICS, ...admin());
    expect(unknown).toContain('the cluster knows no node n2');
    const elsewhere = await refusal('shop/web', '--checkpoints-dir', '/var/none', ...FORENSICS, ...admin());
    expect(elsewhere).toContain('no archive of shop/web in /var/none on node n1');
    const namespace = await refusal('shop/web', '--helper-namespace', 'none', ...admin());
    expect(namespace).toMatch(/no namespace none for the helper pod|namespaces "none" not found/);
    const image = await refusal('shop/web', ...FORENSICS, ...admin(), '--image', 'none.local/none:1');
    expect(image).toMatch(/ErrImageNeverPull[\s\S]*--image IMAGE, or EXHIBIT_COLLECT_IMAGE/);
  });

  test('says that Pod Security refuses, before a pod is made, and which namespace would do', async () => {
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await node().apply({ ...pods.namespace('strict'), metadata: { name: 'strict', labels } });
    const told = await refusal('shop/web', '--helper-namespace', 'strict', ...admin());
    expect(told).toContain('namespace strict does not take the helper pod');
    expect(told).toMatch(/kubectl label namespace exhibit pod-security\.kubernetes\.io\/enforce=privileged/);
  });

  test('says who may not, and the commands that it gives are enough', async () => {
    await node().grant('look', INVESTIGATOR, [READ_PODS]);
    const told = await refusal('shop/web', ...FORENSICS, ...investigator());
    expect(told).toContain(
      'the user investigator may not create pods, delete pods, create pods/exec, get pods/exec in namespace forensics',
    );
    expect(told).not.toContain('making helper pod');
    await node().revoke('look');
    expect(await refusal('shop/web', ...FORENSICS, ...investigator())).toContain(
      'the user investigator may not get pods (403)',
    );
    const commands = told.split('\n').filter((line) => line.includes('kubectl create role'));
    expect(commands).toHaveLength(4);
    for (const command of commands) await node().kubectl(command.trim().split(' ').slice(1));
    // By node and path nothing of the captured pod is looked up: the grants in the helper's namespace are all.
    const argv = ['--node', 'n1', '--path', archive, ...FORENSICS, ...investigator()];
    const result = await until('the grants to be believed', async () => {
      const { code } = await collect(...argv);
      return code === 0 || undefined;
    });
    expect(result).toBe(true);
    expect(existsSync(join(folder, basename(archive).replaceAll(':', '-')))).toBe(true);
  });
});
