import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { clusterRoleBinding } from '../../testbed/rbac.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();
const ROLE = 'exhibit-capture-via-kubelet';

beforeAll(async () => {
  await node().apply(pods.namespace(pods.SHOP), pods.web);
  await node().waitRunning(pods.SHOP, 'web');
});

test('the one rule of capture-via-kubelet.yaml is enough for a capture, which fails without it', async () => {
  const { investigator, ca } = node().credentials;
  const identity = ['--cert', investigator.certificate, '--key', investigator.key, '--cacert', ca];
  const capture = () => node().exhibit(['capture', 'shop/web/app', '--no-inspect', ...identity]);
  const input = readFileSync(new URL('../../deploy/rbac/capture-via-kubelet.yaml', import.meta.url), 'utf8');
  expect((await capture()).code).toBe(1);
  await node().kubectl(['apply', '-f', '-'], { input });
  await node().apply(clusterRoleBinding('capture', ROLE, { kind: 'User', name: 'investigator' }));
  await expect.poll(async () => (await capture()).code, { timeout: 10_000, interval: 1000 }).toBe(0);
  const { rules } = JSON.parse(await node().kubectl(['get', 'clusterrole', ROLE, '-o', 'json']));
  expect(rules).toEqual([{ apiGroups: [''], resources: ['nodes/checkpoint'], verbs: ['create'] }]);
});
