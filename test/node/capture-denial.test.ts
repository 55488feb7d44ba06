import { beforeAll, expect, test } from 'vitest';
import { CHECKPOINT } from '../../testbed/rbac.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { useNode } from './support/use-node.ts';

/** As in a cluster: the kubelet remembers a denial for half a minute. */
const node = useNode({ authorizationCache: '30s' });

beforeAll(async () => {
  await node().apply(pods.namespace(pods.SHOP), pods.web);
  await node().waitRunning(pods.SHOP, 'web');
});

test('a denial that the kubelet remembers is told as such', async () => {
  const { investigator, ca } = node().credentials;
  const capture = () =>
    node().exhibit([
      'capture',
      'shop/web/app',
      '--no-inspect',
      '--cert',
      investigator.certificate,
      '--key',
      investigator.key,
      '--cacert',
      ca,
    ]);
  const denied = await capture();
  expect(denied.code).toBe(1);
  expect(denied.stderr).toContain('the user investigator may not create nodes/checkpoint (403)');
  await node().grant('capture', { kind: 'User', name: 'investigator' }, [CHECKPOINT]);
  const remembered = await capture();
  expect(remembered.code).toBe(1);
  expect(remembered.stderr).toContain('remembers a denial for about 30 seconds');
  await new Promise((resolve) => setTimeout(resolve, 31_000));
  expect((await capture()).code).toBe(0);
});
