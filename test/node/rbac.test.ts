/** deploy/rbac: the rules of each file are enough for its task, and without any one verb of them the task is refused. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Result, until } from '../../testbed/process.ts';
import { clusterRoleBinding, type Rule, roleBinding } from '../../testbed/rbac.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { EXHIBIT_IMAGE, importExhibitImage } from './support/exhibit-image.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();
const INVESTIGATOR = { kind: 'User', name: 'investigator' } as const;

beforeAll(async () => {
  await node().apply(pods.namespace(pods.SHOP), pods.web);
  await node().waitRunning(pods.SHOP, 'web');
  await node().checkpoint(pods.SHOP, 'web', 'sidecar');
  await importExhibitImage(node());
});
const folder = mkdtempSync(join(tmpdir(), 'exhibit-rbac-'));
afterAll(() => rmSync(folder, { recursive: true }));

const withKubeconfig = () => ['--kubeconfig', node().credentials.investigator.kubeconfig];
const withCertificate = () => {
  const { investigator, ca } = node().credentials;
  const identity = ['--cert', investigator.certificate, '--key', investigator.key, '--cacert', ca];
  return ['--node', node().address, ...identity];
};

interface Task {
  readonly file: string;
  /** Where it is bound; undefined: everywhere. */
  readonly namespace?: string;
  /** Other files that the task needs as well. */
  readonly besides?: readonly Pick<Task, 'file' | 'namespace'>[];
  readonly run: () => readonly string[];
  /** Default: that it ends with 0. */
  readonly isDone?: (result: Result) => boolean;
}

const viaProxy = () => ['capture', 'shop/web/app', '--no-inspect', '--via', 'proxy', ...withKubeconfig()];

const withHelperPod = () => {
  const image = ['--image', pods.WORKLOAD_IMAGE, '--image-pull-policy', 'Never'];
  return [...image, '--helper-namespace', pods.SHOP, ...withKubeconfig()];
};
const withCapturePod = () => {
  const image = ['--image', EXHIBIT_IMAGE, '--image-pull-policy', 'Never'];
  return [...image, '--helper-namespace', pods.SHOP, ...withKubeconfig()];
};
const COLLECT = { file: 'collect', namespace: pods.SHOP } as const;

const TASKS: readonly Task[] = [
  {
    file: 'capture-via-kubelet',
    run: () => ['capture', 'shop/web/app', '--no-inspect', ...withCertificate()],
  },
  { file: 'capture-via-proxy', besides: [{ file: 'capture-via-proxy-api-server' }], run: viaProxy },
  { file: 'capture-via-proxy-api-server', besides: [{ file: 'capture-via-proxy' }], run: viaProxy },
  { file: 'list-pods', run: () => ['pods', '-A', ...withKubeconfig()] },
  { file: 'list-pods-via-kubelet', run: () => ['pods', ...withCertificate()] },
  {
    ...COLLECT,
    run: () => ['collect', 'shop/web', '--force', '--output', folder, ...withHelperPod()],
  },
  {
    file: 'capture-via-pod',
    namespace: pods.SHOP,
    run: () => [
      'capture',
      'shop/web/app',
      '--no-inspect',
      '--via',
      'node',
      '-o',
      folder,
      ...withCapturePod(),
    ],
  },
  {
    file: 'collect-nodes',
    besides: [COLLECT],
    run: () => ['collect', '--all', '--dry-run', ...withHelperPod()],
  },
  {
    file: 'doctor-cluster',
    besides: [{ file: 'capture-via-kubelet' }],
    run: () => ['doctor', ...withKubeconfig()],
    isDone: ({ code, stdout }) => code === 0 && !/^unknown/m.test(stdout),
  },
];

const succeeds = ({ code }: Result) => code === 0;

test.each(TASKS)('the rules of $file are enough, and none can be spared', async (task) => {
  const { file, besides = [], run, isDone = succeeds } = task;
  const outcome = async () => {
    // From elsewhere: root on the node can do without a kubelet.
    const result = await node().exhibitElsewhere(run());
    if (isDone(result)) return 'done';
    const told = result.stdout + result.stderr;
    return /may not [^()]+ \(403\)/.test(told) ? 'refused' : told;
  };
  const becomes = (what: 'done' | 'refused', when: string) =>
    until(`${file} ${when} to be ${what}`, async () => (await outcome()) === what || undefined);
  for (const other of besides) await applyFile(other);
  expect(await outcome()).toBe('refused');
  const roles = await applyFile(task);
  for (const role of roles) {
    for (const { without, rules } of sparing(role.rules)) {
      // Otherwise the refusal of the verb before could be taken for one of this verb.
      await node().apply(role);
      await becomes('done', 'whole');
      await node().apply({ ...role, rules });
      await becomes('refused', `without ${without}`);
    }
  }
  await removeFiles([task, ...besides]);
});

interface Role {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules: readonly Rule[];
}

const textOf = (file: string) =>
  readFileSync(new URL(`../../deploy/rbac/${file}.yaml`, import.meta.url), 'utf8');

/** Applies a file; what of it nobody is bound to is bound to the investigator. Its roles, as the API server has them. */
async function applyFile({ file, namespace }: Pick<Task, 'file' | 'namespace'>): Promise<readonly Role[]> {
  const answer = JSON.parse(
    await node().kubectl(['apply', '-o', 'json', '-f', '-'], { input: textOf(file) }),
  );
  const objects: readonly Role[] = answer.items ?? [answer];
  const roles = objects.filter(({ kind }) => kind === 'ClusterRole');
  expect(roles).not.toHaveLength(0);
  if (objects.some(({ kind }) => kind === 'ClusterRoleBinding')) return roles.map(bare);
  for (const { metadata } of roles) {
    const binding = [metadata.name, metadata.name, INVESTIGATOR] as const;
    await node().apply(
      namespace === undefined ? clusterRoleBinding(...binding) : roleBinding(...binding, namespace),
    );
  }
  return roles.map(bare);
}

/** Without what the API server adds, to be applied again. */
const bare = ({ kind, metadata: { name }, rules }: Role) => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind,
  metadata: { name },
  rules,
});

async function removeFiles(files: readonly Pick<Task, 'file' | 'namespace'>[]): Promise<void> {
  for (const { file, namespace } of files) {
    await node().kubectl(['delete', '-f', '-'], { input: textOf(file) });
    const binding = namespace === undefined ? ['clusterrolebinding'] : ['-n', namespace, 'rolebinding'];
    await node().kubectl(['delete', ...binding, `exhibit-${file}`, '--ignore-not-found']);
  }
}

/** The rules with one verb on one resource taken away, in every way. */
function sparing(rules: readonly Rule[]): readonly { without: string; rules: readonly Rule[] }[] {
  return rules.flatMap((rule, index) =>
    rule.resources.flatMap((resource) =>
      rule.verbs.map((verb) => ({
        without: `${verb} ${resource}`,
        rules: rules.flatMap((other, place) => (place === index ? split(other, resource, verb) : [other])),
      })),
    ),
  );
}

/** What is left of a rule: its other resources with all verbs, this one with the others. */
function split(rule: Rule, resource: string, verb: string): readonly Rule[] {
  const resources = rule.resources.filter((name) => name !== resource);
  const verbs = rule.verbs.filter((name) => name !== verb);
  return [
    ...(resources.length === 0 ? [] : [{ ...rule, resources }]),
    ...(verbs.length === 0 ? [] : [{ ...rule, resources: [resource], verbs }]),
  ];
}

test('a connection to a shell needs both verbs of collect.yaml, from 1.35 on', async () => {
  const { investigator, ca } = node().credentials;
  const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
  const headers = [...upgrade, 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='].flatMap((line) => ['-H', line]);
  const identity = ['--cacert', ca, '--cert', investigator.certificate, '--key', investigator.key];
  // No such container: whoever is let through is told so, and no connection stays.
  const url = `https://${node().address}:6443/api/v1/namespaces/shop/pods/web/exec?command=true&container=none`;
  const connect = ['curl', '-sS', '--http1.1', '-w', '%{http_code}', ...identity, ...headers, url];
  const isAnswered = async (verbs: readonly string[], status: string) => {
    await node().grant('exec', INVESTIGATOR, [{ apiGroups: [''], resources: ['pods/exec'], verbs }]);
    await until(`${verbs} to be answered ${status}`, async () => {
      const { stdout } = await node().exec(connect);
      return stdout.endsWith(status) || undefined;
    });
  };
  const { minor } = JSON.parse(await node().kubectl(['get', '--raw', '/version']));
  await isAnswered(['create', 'get'], '400');
  await isAnswered(['create'], '403');
  await isAnswered(['create', 'get'], '400');
  await isAnswered(['get'], Number(minor) < 35 ? '400' : '403');
  await node().revoke('exec');
});
