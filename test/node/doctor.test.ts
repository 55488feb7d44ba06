import { beforeAll, expect, test } from 'vitest';
import type { Finding } from '../../src/capture/doctor/finding.ts';
import { succeeded, until } from '../../testbed/process.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { useNode } from './support/use-node.ts';

const K3S_BIN = '/var/lib/rancher/k3s/data/current/bin';
const node = useNode();

async function sh(script: string): Promise<void> {
  const argv = ['sh', '-euc', script];
  expect(succeeded(argv, await node().exec(argv))).toBeDefined();
}

async function findTar() {
  const { code, stdout } = await node().exhibit(['doctor', '--json']);
  const findings = JSON.parse(stdout) as readonly Finding[];
  return { code, tar: findings.find(({ id }) => id === 'tar') };
}

/** k3s' layout: its folder with a BusyBox tar is first in containerd's PATH. */
beforeAll(async () => {
  await sh(
    `mkdir -p ${K3S_BIN}; ln -s "$(command -v busybox)" ${K3S_BIN}/tar; kill "$(pgrep -ox containerd)"`,
  );
  const path = `PATH=${K3S_BIN}:${node().environment.PATH}`;
  await node().service('containerd', ['env', path, 'containerd']);
  const version = ['ctr', 'version'];
  await until('containerd', async () => succeeded(version, await node().exec(version)));
  await node().apply(pods.namespace(pods.SHOP), pods.web);
  await node().waitRunning(pods.SHOP, 'web');
});

test("k3s' tar fails a capture, is named, and its printed cure lets the capture through", async () => {
  const capture = () => node().checkpoint(pods.SHOP, 'web', 'app');
  await expect(capture()).rejects.toThrow('criu failed');
  const ill = await findTar();
  expect(ill).toMatchObject({ code: 1, tar: { status: 'failure' } });
  expect(ill.tar?.evidence).toContain(`${K3S_BIN}/tar`);
  await sh(ill.tar?.cure.join('\n') ?? 'false');
  expect(await findTar()).toMatchObject({ tar: { status: 'ok' } });
  await capture();
});
