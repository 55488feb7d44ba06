import { beforeAll, describe, expect, test } from 'vitest';
import type { PodSummary } from '../../src/capture/pod.ts';
import { READ_PODS } from '../../testbed/rbac.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();

/** A pod with a container of every kind. */
const kinds = {
  ...pods.pod(pods.SHOP, 'kinds', [{ name: 'app', command: ['counter'] }]),
};
const container = (name: string, command: readonly string[], more: object = {}) => ({
  name,
  command,
  image: pods.WORKLOAD_IMAGE,
  imagePullPolicy: 'Never',
  ...more,
});
const withInit = {
  ...kinds,
  spec: {
    ...kinds.spec,
    initContainers: [
      container('setup', ['true']),
      container('mesh', ['counter'], { restartPolicy: 'Always' }),
    ],
  },
};

beforeAll(async () => {
  await node().apply(pods.namespace(pods.SHOP), pods.namespace('other'), pods.web, withInit);
  await node().apply(pods.pod('other', 'lone', [{ name: 'app', command: ['counter'] }]));
  await node().waitRunning(pods.SHOP, 'web');
  await node().waitRunning(pods.SHOP, 'kinds');
  await node().waitRunning('other', 'lone');
});

async function listed(...argv: readonly string[]): Promise<readonly PodSummary[]> {
  const { stdout, stderr, code } = await node().exhibit(['pods', '--json', ...argv]);
  expect(stderr).not.toContain('exhibit:');
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

/** What kubectl says of the same, in the same shape. */
async function fromKubectl() {
  const { items } = JSON.parse(await node().kubectl(['get', 'pods', '-A', '-o', 'json']));
  return items.map((pod: KubectlPod) => {
    const { initContainerStatuses = [], containerStatuses = [] } = pod.status;
    const ids = [...initContainerStatuses, ...containerStatuses].map(
      ({ name, containerID }) => `${name} ${containerID}`,
    );
    return [pod.metadata.namespace, pod.metadata.name, pod.metadata.uid, pod.spec.nodeName, ids.sort()];
  });
}

interface KubectlPod {
  readonly metadata: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly spec: { readonly nodeName: string };
  readonly status: Readonly<
    Record<string, readonly { readonly name: string; readonly containerID: string }[]>
  >;
}

const inShape = (summaries: readonly PodSummary[]) =>
  summaries.map(({ namespace, pod, uid, node: where, containers }) => [
    namespace,
    pod,
    uid,
    where,
    containers.map(({ name, runtime, id }) => `${name} ${runtime}://${id}`).sort(),
  ]);

describe('exhibit pods', () => {
  test('says what kubectl says, from the API server and from the kubelet', async () => {
    const expected = await fromKubectl();
    expect(expected).toHaveLength(3);
    const { admin, ca } = node().credentials;
    expect(inShape(await listed('-A', '--kubeconfig', admin.kubeconfig))).toEqual(expected);
    const viaKubelet = await listed('--cert', admin.certificate, '--key', admin.key, '--cacert', ca);
    expect(new Set(inShape(viaKubelet))).toEqual(new Set(expected));
  });

  test('marks what is no ordinary container', async () => {
    const { kubeconfig } = node().credentials.admin;
    const [pod] = (await listed('-n', pods.SHOP, '-l', 'app=kinds', '--kubeconfig', kubeconfig)) ?? [];
    expect(pod?.containers.map(({ name, kind, state }) => [name, kind, state])).toEqual([
      ['setup', 'init', 'terminated'],
      ['mesh', 'sidecar', 'running'],
      ['app', 'container', 'running'],
    ]);
    const { stdout } = await node().exhibit(['pods', '-n', pods.SHOP, '--kubeconfig', kubeconfig]);
    expect(stdout).toMatch(/mesh \(sidecar\) +running/);
    expect(stdout).toMatch(/setup \(init\) +terminated: Completed/);
  });

  test('filters by namespace and labels', async () => {
    const { kubeconfig } = node().credentials.admin;
    const names = async (...argv: readonly string[]) => (await listed(...argv)).map(({ pod }) => pod);
    expect(await names('-n', 'other', '--kubeconfig', kubeconfig)).toEqual(['lone']);
    expect(await names('-A', '-l', 'app in (web,lone)', '--kubeconfig', kubeconfig)).toEqual(['lone', 'web']);
    const remove = node().placeCertificate('kubeadm-control-plane');
    expect(await names('-n', pods.SHOP, '-l', 'app!=kinds')).toEqual(['web']);
    remove();
  });

  test('says who can be captured by which way, or what is missing, without a checkpoint', async () => {
    const capturable = async (...argv: readonly string[]) => {
      const [pod] = await listed('-n', pods.SHOP, '-l', 'app=kinds', ...argv);
      return pod?.containers.map((container) => 'capture' in container && container.capture);
    };
    const { admin, investigator, ca } = node().credentials;
    const as = (user: typeof investigator) => ['--cert', user.certificate, '--key', user.key, '--cacert', ca];
    // The init container has ended: there is nothing to capture.
    const both = (way: object) => [undefined, way, way];
    expect(await capturable(...as(admin))).toEqual(both({ via: 'kubelet' }).map((way) => way ?? false));
    expect(await capturable()).toEqual(both({ via: 'cri' }).map((way) => way ?? false));
    await node().grant('list', { kind: 'User', name: 'investigator' }, [READ_PODS]);
    const { stdout } = await node().exhibitElsewhere([
      ...['pods', '-n', pods.SHOP, '-l', 'app=kinds', '--json'],
      ...['--kubeconfig', investigator.kubeconfig],
    ]);
    const [, app] = JSON.parse(stdout)[0].containers;
    // Neither kubelet nor API server allows it; but root of this machine sees the node's processes, from its network too.
    expect(app.capture).toEqual({ via: 'node' });
    await node().revoke('list');
    const archives = await node().exec(['find', '/var/lib/kubelet/checkpoints', '-name', '*.tar']);
    expect(archives.stdout).toBe('');
  });

  test('says who may not, and what would allow it', async () => {
    const { kubeconfig } = node().credentials.investigator;
    const { code, stderr } = await node().exhibit(['pods', '-A', '--kubeconfig', kubeconfig]);
    expect(code).toBe(1);
    expect(stderr).toContain('the user investigator may not list pods (403)');
    expect(stderr).toContain('kubectl create clusterrole exhibit-list-pods --verb=list --resource=pods');
  });
});
