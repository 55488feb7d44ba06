/** deploy/rbac: the rules of each file are enough for its task, and without any one verb of them the task is refused. */
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { type Result, until } from '../../testbed/process.ts';
import { clusterRoleBinding, type Rule } from '../../testbed/rbac.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();
const INVESTIGATOR = { kind: 'User', name: 'investigator' } as const;

beforeAll(async () => {
  await node().apply(pods.namespace(pods.SHOP), pods.web);
  await node().waitRunning(pods.SHOP, 'web');
});

const withKubeconfig = () => ['--kubeconfig', node().credentials.investigator.kubeconfig];
const withCertificate = () => {
  const { investigator, ca } = node().credentials;
  const identity = ['--cert', investigator.certificate, '--key', investigator.key, '--cacert', ca];
  return ['--node', node().address, ...identity];
};

interface Task {
  readonly file: string;
  /** Other files that the task needs as well. */
  readonly besides?: readonly string[];
  readonly run: () => readonly string[];
  /** Default: that it ends with 0. */
  readonly isDone?: (result: Result) => boolean;
}

const viaProxy = () => ['capture', 'shop/web/app', '--no-inspect', '--via', 'proxy', ...withKubeconfig()];

const TASKS: readonly Task[] = [
  {
    file: 'capture-via-kubelet',
    run: () => ['capture', 'shop/web/app', '--no-inspect', ...withCertificate()],
  },
  { file: 'capture-via-proxy', besides: ['capture-via-proxy-api-server'], run: viaProxy },
  { file: 'capture-via-proxy-api-server', besides: ['capture-via-proxy'], run: viaProxy },
  { file: 'list-pods', run: () => ['pods', '-A', ...withKubeconfig()] },
  { file: 'list-pods-via-kubelet', run: () => ['pods', ...withCertificate()] },
  {
    file: 'doctor-cluster',
    besides: ['capture-via-kubelet'],
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
    return /may not \w+ \S+ \(403\)/.test(told) ? 'refused' : told;
  };
  const becomes = (what: 'done' | 'refused', when: string) =>
    until(`${file} ${when} to be ${what}`, async () => (await outcome()) === what || undefined);
  for (const name of besides) await applyFile(name);
  expect(await outcome()).toBe('refused');
  const roles = await applyFile(file);
  for (const role of roles) {
    for (const { without, rules } of sparing(role.rules)) {
      // Otherwise the refusal of the verb before could be taken for one of this verb.
      await node().apply(role);
      await becomes('done', 'whole');
      await node().apply({ ...role, rules });
      await becomes('refused', `without ${without}`);
    }
  }
  await removeFiles([file, ...besides]);
});

interface Role {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules: readonly Rule[];
}

const textOf = (file: string) =>
  readFileSync(new URL(`../../deploy/rbac/${file}.yaml`, import.meta.url), 'utf8');

/** Applies a file; what of it nobody is bound to is bound to the investigator. Its roles, as the API server has them. */
async function applyFile(file: string): Promise<readonly Role[]> {
  const answer = JSON.parse(
    await node().kubectl(['apply', '-o', 'json', '-f', '-'], { input: textOf(file) }),
  );
  const objects: readonly Role[] = answer.items ?? [answer];
  const roles = objects.filter(({ kind }) => kind === 'ClusterRole');
  expect(roles).not.toHaveLength(0);
  if (objects.some(({ kind }) => kind === 'ClusterRoleBinding')) return roles.map(bare);
  for (const { metadata } of roles) {
    await node().apply(clusterRoleBinding(metadata.name, metadata.name, INVESTIGATOR));
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

async function removeFiles(files: readonly string[]): Promise<void> {
  for (const file of files) {
    await node().kubectl(['delete', '-f', '-'], { input: textOf(file) });
    await node().kubectl(['delete', 'clusterrolebinding', `exhibit-${file}`, '--ignore-not-found']);
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
