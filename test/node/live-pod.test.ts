/** Captures without CRIU from elsewhere, by a pod on the container's node. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { output, type Result, type Running, start, until } from '../../testbed/process.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { EXHIBIT_IMAGE, importExhibitImage } from './support/exhibit-image.ts';
import { type HeldProxy, startHeldProxy } from './support/held-proxy.ts';
import { useNode } from './support/use-node.ts';

const EXHIBIT = join(import.meta.dirname, '../../dist/exhibit.cjs');
const HELPERS = ['-n', 'forensics', '-l', 'app.kubernetes.io/component=capture'];
const MOMENTS = 20;
/** A node's disk is memory here, which counts against the pod's limit of 256 MiB. */
const HOARD_MEBIBYTES = 96;

const node = useNode();
let scratch = '';
let folder = '';
let proxy: HeldProxy;
let state: () => string;
/** Of a capture that nothing disturbs, in milliseconds. */
let usual = 0;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'exhibit-live-pod-'));
  await importExhibitImage(node());
  const namespaces = [pods.namespace(pods.SHOP), pods.namespace('forensics')];
  await node().apply(...namespaces, pods.hoard(HOARD_MEBIBYTES), pods.ring);
  for (const name of ['hoard', 'ring']) await node().waitRunning(pods.SHOP, name);
  state = await findFreezer('hoard');
  proxy = await startHeldProxy(node(), join(scratch, 'kubeconfig'));
});
afterAll(async () => {
  await proxy.close();
  rmSync(scratch, { recursive: true });
});
beforeEach(() => {
  folder = mkdtempSync(join(scratch, 'case-'));
});
afterEach(async () => {
  expect(await helperPods()).toEqual([]);
});

async function helperPods(): Promise<readonly string[]> {
  const names = await node().kubectl(['get', 'pods', ...HELPERS, '-o', 'jsonpath={.items[*].metadata.name}']);
  return names.split(' ').filter((each) => each !== '');
}

function capture(pod: string, ...argv: readonly string[]): Running {
  const image = ['--image', EXHIBIT_IMAGE, '--image-pull-policy', 'Never'];
  const where = ['--kubeconfig', proxy.kubeconfig, '--helper-namespace', 'forensics', '-o', folder];
  return start([
    process.execPath,
    EXHIBIT,
    'capture',
    pod,
    '--via',
    'node',
    '--json',
    '--no-inspect',
    ...image,
    ...where,
    ...argv,
  ]);
}

/**
 * As on a responder's machine, where no process of the node is seen: in the node's network, and PID and mount namespaces
 * of its own. `--image` and the like are for the pod, if one comes to be made.
 */
function captureElsewhere(pod: string, ...argv: readonly string[]): Promise<Result> {
  const namespaces = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const { kubeconfig } = node().credentials.admin;
  const pull = ['--image', EXHIBIT_IMAGE, '--image-pull-policy', 'Never', '--helper-namespace', 'forensics'];
  const program = [process.execPath, EXHIBIT, 'capture', pod, '--kubeconfig', kubeconfig, ...pull, ...argv];
  return node().execOnNetwork(['env', '-C', folder, ...namespaces, ...program]);
}

const digest = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

/** The state of the container's control group, as this machine sees it: below the node's own. */
async function findFreezer(pod: string): Promise<() => string> {
  const path = 'jsonpath={.status.containerStatuses[0].containerID}';
  const id = (await node().kubectl(['get', 'pod', '-n', pods.SHOP, pod, '-o', path])).split('//')[1] ?? '';
  const [group = ''] = (
    await output(['find', '/sys/fs/cgroup/freezer', '-type', 'd', '-name', `*${id}*`])
  ).split('\n');
  return () => readFileSync(join(group, 'freezer.state'), 'utf8').trim();
}

test('a container is captured by a pod that leaves nothing behind, and its archive is here', async () => {
  const began = Date.now();
  const { code, stdout, stderr } = await capture('shop/hoard').finished;
  usual = Date.now() - began;
  expect([code, stderr]).toEqual([
    0,
    expect.stringContaining('making helper pod forensics/exhibit-capture-'),
  ]);
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({
    route: { name: 'node' },
    archive: { here: true },
    live: { consistency: 'frozen', gaps: [] },
  });
  expect(readdirSync(folder)).toHaveLength(1);
  expect(digest(report.archive.path)).toBe(report.archive.sha256);
  expect(statSync(report.archive.path).mode & 0o777).toBe(0o600);
  expect(state()).toBe('THAWED');
  const shown = await start([process.execPath, EXHIBIT, 'inspect', report.archive.path]).finished;
  expect(shown.stdout).toContain('hoard');
});

type Trouble = (running: Running) => Promise<void>;

const TROUBLES: Readonly<Record<string, Trouble>> = {
  'its pod is deleted': async () => {
    const names = await helperPods();
    if (names.length === 0) return;
    await node().exec(deletion(names));
  },
  'the connection is cut': async () => proxy.cutAll(),
  'exhibit is killed': async ({ child }) => {
    child.kill('SIGKILL');
  },
};

function deletion(names: readonly string[]): readonly string[] {
  const how = ['--force', '--grace-period=0', '--wait=false', '--ignore-not-found'];
  const as = `--kubeconfig=${node().credentials.admin.kubeconfig}`;
  return ['kubectl', as, 'delete', 'pod', '-n', 'forensics', ...how, ...names];
}

const isThawed = () =>
  until('the container to run', async () => state() === 'THAWED' || undefined, { seconds: 5 });

const KILLED = 128 + 9;

/** What has the name of an archive is one, whole; one that was killed may have been so after it had its archive. */
async function expectNothingHalf({ code, stdout }: Result): Promise<void> {
  const [archive, ...others] = readdirSync(folder).filter((name) => name.endsWith('.tar'));
  expect(others).toEqual([]);
  if (code !== KILLED) expect(archive !== undefined).toBe(code === 0);
  if (archive === undefined) return;
  const file = join(folder, archive);
  if (code === 0) expect(digest(file)).toBe(JSON.parse(stdout).archive.sha256);
  const read = await start([process.execPath, EXHIBIT, 'inspect', '--all', file]).finished;
  expect([read.code, read.stderr]).toEqual([0, '']);
}

/** What a killed run left is removed by the next one. */
async function removeLeft(): Promise<void> {
  const { code, stderr } = await capture('shop/hoard').finished;
  expect([code, stderr]).toEqual([0, expect.any(String)]);
}

test.each(Object.entries(TROUBLES))('while it stands still %s: it runs again at once', async (_, trouble) => {
  const running = capture('shop/hoard');
  await until('the container to stand still', async () => state() === 'FROZEN' || undefined, {
    seconds: 60,
    interval: 5,
  });
  await trouble(running);
  await isThawed();
  await expectNothingHalf(await running.finished);
  await removeLeft();
  await isThawed();
});

test.each(Object.entries(TROUBLES))(
  `at ${MOMENTS} random moments %s: it runs, and nothing half is kept`,
  async (_, trouble) => {
    for (let moment = 0; moment < MOMENTS; moment++) {
      const after = Math.random() * usual;
      const running = capture('shop/hoard');
      await sleep(after);
      await trouble(running);
      await expectNothingHalf(await running.finished);
      await isThawed();
      rmSync(folder, { recursive: true });
      mkdirSync(folder);
    }
    await removeLeft();
  },
  1_200_000,
);

test('a user who ends it ends the capture on the node', async () => {
  const running = capture('shop/hoard');
  await until('the container to stand still', async () => state() === 'FROZEN' || undefined, {
    seconds: 60,
    interval: 5,
  });
  running.child.kill('SIGINT');
  const result = await running.finished;
  expect(result.code).not.toBe(0);
  await expectNothingHalf(result);
  await isThawed();
});

test('the archive stays on the node where that is asked for', async () => {
  const { code, stdout } = await capture('shop/hoard', '--keep-on-node').finished;
  expect(code).toBe(0);
  const { path, here } = JSON.parse(stdout).archive;
  expect([here, readdirSync(folder)]).toEqual([false, []]);
  expect(path).toMatch(/^\/var\/lib\/kubelet\/checkpoints\/checkpoint-hoard_shop-hoard-.*\.tar$/);
  expect(statSync(node().hostPath(path)).size).toBeGreaterThan(HOARD_MEBIBYTES * 2 ** 20);
});

describe('without --via', () => {
  const captured = async (pod: string, ...argv: readonly string[]) => {
    const { code, stdout, stderr } = await captureElsewhere(pod, '--json', ...argv);
    expect([code, stderr]).toEqual([0, expect.stringContaining('making helper pod forensics/')]);
    const { route, routes_not_taken, archive } = JSON.parse(stdout);
    expect([route.name, archive.here, archive.sha256]).toEqual(['node', true, digest(archive.path)]);
    return { stderr, notTaken: routes_not_taken };
  };

  test('what CRIU refuses is captured by a pod, and why is told before', async () => {
    const { stderr, notTaken } = await captured('shop/ring');
    expect(stderr).toMatch(/not via node: only if the node cannot checkpoint.*--no-pod forbids it/);
    expect(stderr).toMatch(
      /CRIU gave the container back; now via node \(a pod in namespace forensics on node n1\)/,
    );
    expect(notTaken).toContainEqual({
      name: 'kubelet',
      reason: expect.stringContaining('could not checkpoint'),
    });
  });

  test('so is any container of a node without CRIU, but not where no pod may be made', async () => {
    await node().exec(['mv', '/usr/sbin/criu', '/usr/sbin/criu.away']);
    try {
      const { stderr } = await captured('shop/hoard');
      expect(stderr).toMatch(/not via kubelet: CRIU is missing.*\n.*now via node/);
      for (const forbidden of [['--no-pod'], ['--via', 'kubelet']]) {
        const refused = await captureElsewhere('shop/hoard', ...forbidden);
        expect(refused.code).toBe(1);
        expect(refused.stderr).not.toContain('making helper pod');
        expect(refused.stderr).toContain('CRIU is missing');
        expect(refused.stderr).toContain('exhibit capture shop/hoard/hoard --via node --image IMAGE');
      }
      const strange = await captureElsewhere('shop/hoard', '--image', 'localhost/no-such-image:1');
      expect(strange.code).toBe(1);
      expect(strange.stderr).toContain('exhibit: shop/hoard/hoard: CRIU is missing');
      expect(strange.stderr).toMatch(/the next way: the helper pod .*ErrImageNeverPull/);
    } finally {
      await node().exec(['mv', '/usr/sbin/criu.away', '/usr/sbin/criu']);
    }
  });
});

test('Pod Security is told before a pod is made, with a namespace that would do', async () => {
  const labels = (level: string) => ({ 'pod-security.kubernetes.io/enforce': level });
  const namespace = (name: string, level: string) => {
    const made = pods.namespace(name);
    return { ...made, metadata: { ...made.metadata, labels: labels(level) } };
  };
  await node().apply(namespace('strict', 'baseline'), namespace('lenient', 'privileged'));
  const { code, stderr } = await capture('shop/hoard', '--helper-namespace', 'strict').finished;
  expect(code).toBe(1);
  expect(stderr).toMatch(/namespace strict does not take the helper pod: .*violates PodSecurity/);
  expect(stderr).toContain('pod-security.kubernetes.io/enforce=privileged');
  expect(stderr).toContain('Namespaces that allow it: lenient');
});
