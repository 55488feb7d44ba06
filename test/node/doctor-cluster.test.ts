/** `exhibit doctor` against a cluster, as a responder elsewhere runs it: what it says is what the kubelet does. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Finding } from '../../src/capture/doctor/finding.ts';
import { until } from '../../testbed/process.ts';
import { API_SERVER, CHECKPOINT, NODE_PROXY, READ_PODS } from '../../testbed/rbac.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { useNode } from './support/use-node.ts';

const INVESTIGATOR = { kind: 'User', name: 'investigator' } as const;

type Who = 'admin' | 'investigator';

function doctor(node: ReturnType<typeof useNode>) {
  return async (who: Who) => {
    const { kubeconfig } = node().credentials[who];
    const { code, stdout, stderr } = await node().exhibitElsewhere([
      'doctor',
      '--json',
      '--kubeconfig',
      kubeconfig,
    ]);
    expect(stderr).toBe('');
    const findings = JSON.parse(stdout) as readonly Finding[];
    const find = (id: string) => findings.find((finding) => finding.id === id);
    const statuses = Object.fromEntries(findings.map(({ id, status }) => [id, status]));
    return { code, find, statuses };
  };
}

describe('a kubelet that takes checkpoints', () => {
  const node = useNode();
  const examine = doctor(node);
  const archives = async () => (await node().exec(['ls', '/var/lib/kubelet/checkpoints'])).stdout;

  beforeAll(async () => {
    await node().apply(pods.namespace(pods.SHOP), pods.web);
    await node().waitRunning(pods.SHOP, 'web');
  });

  test('is found on, past an API server whose own client may not; and nothing is captured', async () => {
    const { code, find, statuses } = await examine('admin');
    expect(statuses).toEqual({
      nodes: 'ok',
      'kubelet-version': 'ok',
      runtime: 'ok',
      'feature-gate': 'ok',
      'rbac-kubelet': 'ok',
      'rbac-proxy': 'ok',
      'rbac-pods': 'ok',
      'rbac-api-server': 'warning',
    });
    expect(code).toBe(0);
    const path = 'jsonpath={.items[*].status.nodeInfo.kubeletVersion}';
    const version = await node().kubectl(['get', 'nodes', '-o', path]);
    expect(find('kubelet-version')).toMatchObject({ evidence: `${version} (node n1)`, nodes: ['n1'] });
    expect(find('runtime')?.evidence).toMatch(/containerd:\/\/\S+ \(node n1\)/);
    expect(find('feature-gate')?.evidence).toContain('asked directly');
    expect(find('rbac-kubelet')?.evidence).toBe('admin may create nodes/checkpoint');
    expect(find('rbac-api-server')?.evidence).toContain('kube-apiserver-kubelet-client, may not create');
    expect(await archives()).toBe('');
  });

  test("the printed cure of the API server's client lets it through", async () => {
    const { find } = await examine('admin');
    await paste(find('rbac-api-server'));
    const cured = await until('the grant to be believed', async () => {
      const now = await examine('admin');
      return now.statuses['rbac-api-server'] === 'ok' ? now : undefined;
    });
    expect(cured.find('feature-gate')?.evidence).toContain("through the API server's node proxy");
    await takeBack('exhibit-create-nodes-checkpoint-kube-apiserver-kubelet-client');
  });

  test('a user without rights is told so, and after the printed cures captures', async () => {
    const ill = await examine('investigator');
    expect(ill.code).toBe(1);
    expect(ill.statuses).toEqual({
      nodes: 'unknown',
      'rbac-kubelet': 'failure',
      'rbac-proxy': 'failure',
      'rbac-pods': 'warning',
      'rbac-api-server': 'unknown',
    });
    for (const id of ['nodes', 'rbac-kubelet', 'rbac-pods']) await paste(ill.find(id));
    const well = await until('the grants to be believed', async () => {
      const now = await examine('investigator');
      return now.statuses['feature-gate'] === 'ok' ? now : undefined;
    });
    expect(well.code).toBe(0);
    // What this user has no use for: another way, and to ask what others may.
    expect(well.find('rbac-proxy')?.evidence).toContain('not needed');
    expect(well.statuses['rbac-api-server']).toBe('unknown');
    const { kubeconfig } = node().credentials.investigator;
    const argv = ['capture', 'shop/web/app', '--via', 'kubelet', '--kubeconfig', kubeconfig];
    expect((await node().exhibitElsewhere(argv)).code).toBe(0);
    for (const name of ['list-nodes', 'create-nodes-checkpoint', 'get-pods'])
      await takeBack(`exhibit-${name}-investigator`);
  });

  test('a user of the API server alone is told that it has to be let through', async () => {
    await node().grant('proxy', INVESTIGATOR, [READ_PODS, NODE_PROXY]);
    const { find, statuses } = await until('the grant to be believed', async () => {
      const now = await examine('investigator');
      return now.statuses['rbac-proxy'] === 'ok' ? now : undefined;
    });
    expect(statuses).toMatchObject({ 'rbac-api-server': 'failure', 'feature-gate': 'unknown' });
    expect(find('rbac-api-server')?.cure.join('\n')).toContain('--user=kube-apiserver-kubelet-client');
    await node().grant('proxy-client', API_SERVER, [CHECKPOINT]);
    await until('the grant to be believed', async () => {
      const now = await examine('investigator');
      return now.statuses['feature-gate'] === 'ok' || undefined;
    });
    await node().revoke('proxy');
    await node().revoke('proxy-client');
  });

  test('a cluster is looked at only where one is asked for, or this is no node', async () => {
    const KUBECONFIG = node().credentials.admin.kubeconfig;
    const ids = async (argv: readonly string[]) => {
      const { stdout } = await node().exhibit(['doctor', '--json', ...argv], { env: { KUBECONFIG } });
      return (JSON.parse(stdout) as readonly Finding[]).map(({ id }) => id);
    };
    expect(await ids([])).toContain('criu');
    expect(await ids(['--cluster'])).toContain('feature-gate');
    const elsewhere = await node().exhibitElsewhere(['doctor'], { env: { KUBECONFIG } });
    expect(elsewhere.stdout).toMatch(/^ok +The kubelets' checkpoint API +it takes checkpoints/m);
    await node().exec(['mkdir', '-p', '/root/empty']);
    const none = await node().exhibit(['doctor', '--cluster'], { env: { HOME: '/root/empty' } });
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no kubeconfig') });
  });

  /** Runs what a cure says, as a cluster administrator; other lines of it are explanations. */
  async function paste(finding: Finding | undefined): Promise<void> {
    const commands = finding?.cure.filter((line) => line.startsWith('kubectl ')) ?? [];
    expect(commands).toHaveLength(2);
    for (const command of commands) await node().kubectl(command.split(' ').slice(1));
  }

  async function takeBack(binding: string): Promise<void> {
    const path = 'jsonpath={.roleRef.name}';
    const role = await node().kubectl(['get', 'clusterrolebinding', binding, '-o', path]);
    await node().kubectl(['delete', `clusterrolebinding/${binding}`, `clusterrole/${role}`]);
  }
});

describe('a kubelet without the feature gate', () => {
  const node = useNode({ featureGates: { ContainerCheckpoint: false } });
  const examine = doctor(node);

  test('is named, with the lines for its configuration; a capture fails as it says', async () => {
    const { code, find } = await examine('admin');
    expect(code).toBe(1);
    expect(find('feature-gate')).toMatchObject({ status: 'failure', nodes: ['n1'] });
    expect(find('feature-gate')?.cure).toContain('featureGates: {ContainerCheckpoint: true}');
    await node().apply(pods.namespace(pods.SHOP), pods.web);
    await node().waitRunning(pods.SHOP, 'web');
    await expect(node().checkpoint(pods.SHOP, 'web', 'app')).rejects.toThrow('404');
  });
});
