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
const HELPERS = 'app.kubernetes.io/component=capture';
const MOMENTS = 20;
/** A node's disk is memory here, which counts against the pod's limit of 256 MiB. */
const HOARD_MEBIBYTES = 64;

const node = useNode();
let scratch = '';
let lanes: readonly Lane[] = [];
/** Of a capture that nothing disturbs while as many run as there are lanes, in milliseconds. */
let usual = 0;

/** A container with a way to the API server and a namespace for helper pods of its own: captures run in all lanes at once. */
interface Lane {
  readonly pod: string;
  readonly helpers: string;
  readonly proxy: HeldProxy;
  /** For archives; emptied between captures. */
  readonly folder: string;
  /** Of the container's control group, as this machine sees it: below the node's own. */
  readonly state: () => string;
}

const LANES = 4;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'exhibit-live-pod-'));
  const names = Array.from({ length: LANES }, (_, lane) => `hoard-${lane}`);
  const hoards = names.map((name) =>
    pods.pod(pods.SHOP, name, [{ name: 'hoard', command: ['hoard', `${HOARD_MEBIBYTES}`] }]),
  );
  const helpers = names.map((name) => pods.namespace(helpersOf(name)));
  await Promise.all([
    importExhibitImage(node()),
    node().apply(pods.namespace(pods.SHOP), ...helpers, ...hoards, pods.ring),
  ]);
  await Promise.all([...names, 'ring'].map((name) => node().waitRunning(pods.SHOP, name)));
  lanes = await Promise.all(names.map(openLane));
});
afterAll(async () => {
  await Promise.all(lanes.map(({ proxy }) => proxy.close()));
  rmSync(scratch, { recursive: true });
});
beforeEach(() => {
  for (const { folder } of lanes) empty(folder);
});
afterEach(async () => {
  for (const lane of lanes) expect(await helperPods(lane)).toEqual([]);
});

const helpersOf = (pod: string): string => `forensics-${pod}`;

async function openLane(pod: string): Promise<Lane> {
  const folder = join(scratch, pod);
  mkdirSync(folder);
  const proxy = await startHeldProxy(node(), join(scratch, `${pod}.kubeconfig`));
  return { pod, helpers: helpersOf(pod), proxy, folder, state: await findFreezer(pod) };
}

function empty(folder: string): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
}

function onlyLane(): Lane {
  const [lane] = lanes;
  if (lane === undefined) throw new Error('lanes are there in tests and hooks only');
  return lane;
}

async function helperPods({ helpers }: Lane): Promise<readonly string[]> {
  const names = ['-n', helpers, '-l', HELPERS, '-o', 'jsonpath={.items[*].metadata.name}'];
  return (await node().kubectl(['get', 'pods', ...names])).split(' ').filter((each) => each !== '');
}

const pulled = ({ helpers }: Lane): readonly string[] => [
  ...['--image', EXHIBIT_IMAGE, '--image-pull-policy', 'Never'],
  ...['--helper-namespace', helpers],
];

function capture(lane: Lane, ...argv: readonly string[]): Running {
  const { pod, proxy, folder } = lane;
  const how = ['--via', 'node', '--json', '--no-inspect', ...pulled(lane)];
  const where = ['--kubeconfig', proxy.kubeconfig, '-o', folder];
  return start([process.execPath, EXHIBIT, 'capture', `shop/${pod}`, ...how, ...where, ...argv]);
}

/**
 * As on a responder's machine, where no process of the node is seen: in the node's network, and PID and mount namespaces
 * of its own. `--image` and the like are for the pod, if one comes to be made.
 */
function captureElsewhere(pod: string, ...argv: readonly string[]): Promise<Result> {
  const namespaces = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const { kubeconfig } = node().credentials.admin;
  const lane = onlyLane();
  const program = [
    process.execPath,
    EXHIBIT,
    'capture',
    pod,
    '--kubeconfig',
    kubeconfig,
    ...pulled(lane),
    ...argv,
  ];
  return node().execOnNetwork(['env', '-C', lane.folder, ...namespaces, ...program]);
}

const digest = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

async function findFreezer(pod: string): Promise<() => string> {
  const path = 'jsonpath={.status.containerStatuses[0].containerID}';
  const id = (await node().kubectl(['get', 'pod', '-n', pods.SHOP, pod, '-o', path])).split('//')[1] ?? '';
  const [group = ''] = (
    await output(['find', '/sys/fs/cgroup/freezer', '-type', 'd', '-name', `*${id}*`])
  ).split('\n');
  return () => readFileSync(join(group, 'freezer.state'), 'utf8').trim();
}

test('containers are captured by pods that leave nothing behind, and their archives are here', async () => {
  const began = Date.now();
  const results = await Promise.all(lanes.map((lane) => capture(lane).finished));
  usual = Date.now() - began;
  for (const [at, { code, stdout, stderr }] of results.entries()) {
    const { folder, helpers, state } = lanes[at] ?? onlyLane();
    expect([code, stderr]).toEqual([
      0,
      expect.stringContaining(`making helper pod ${helpers}/exhibit-capture-`),
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
  }
});

type Trouble = (lane: Lane, running: Running) => Promise<void>;

const TROUBLES: Readonly<Record<string, Trouble>> = {
  'its pod is deleted': async (lane) => {
    const names = await helperPods(lane);
    if (names.length === 0) return;
    await node().exec(deletion(lane, names));
  },
  'the connection is cut': async ({ proxy }) => proxy.cutAll(),
  'exhibit is killed': async (_lane, { child }) => {
    child.kill('SIGKILL');
  },
};

function deletion({ helpers }: Lane, names: readonly string[]): readonly string[] {
  const how = ['--force', '--grace-period=0', '--wait=false', '--ignore-not-found'];
  const as = `--kubeconfig=${node().credentials.admin.kubeconfig}`;
  return ['kubectl', as, 'delete', 'pod', '-n', helpers, ...how, ...names];
}

const isThawed = ({ state }: Lane) =>
  until('the container to run', async () => state() === 'THAWED' || undefined, { seconds: 5 });

const isFrozen = ({ state }: Lane) =>
  until('the container to stand still', async () => state() === 'FROZEN' || undefined, {
    seconds: 60,
    interval: 5,
  });

const KILLED = 128 + 9;

/** What has the name of an archive is one, whole; one that was killed may have been so after it had its archive. */
async function expectNothingHalf({ folder }: Lane, { code, stdout }: Result): Promise<void> {
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
async function removeLeft(lane: Lane): Promise<void> {
  const { code, stderr } = await capture(lane).finished;
  expect([code, stderr]).toEqual([0, expect.any(String)]);
}

test('while it stands still, whatever goes wrong: it runs again at once', async () => {
  const standing = Object.values(TROUBLES).map(async (trouble, at) => {
    const lane = lanes[at] ?? onlyLane();
    const running = capture(lane);
    await isFrozen(lane);
    await trouble(lane, running);
    await isThawed(lane);
    await expectNothingHalf(lane, await running.finished);
    empty(lane.folder);
    await removeLeft(lane);
    await isThawed(lane);
  });
  await Promise.all(standing);
});

/** Of one lane, one after the other. */
async function troubleAtMoments(lane: Lane, trouble: Trouble, moments: number): Promise<void> {
  for (let moment = 0; moment < moments; moment++) {
    const after = Math.random() * usual;
    const running = capture(lane);
    await sleep(after);
    await trouble(lane, running);
    await expectNothingHalf(lane, await running.finished);
    await isThawed(lane);
    empty(lane.folder);
  }
  await removeLeft(lane);
}

test.each(Object.entries(TROUBLES))(
  `at ${MOMENTS} random moments %s: it runs, and nothing half is kept`,
  async (_, trouble) => {
    await Promise.all(lanes.map((lane) => troubleAtMoments(lane, trouble, MOMENTS / LANES)));
  },
  600_000,
);

test('a user who ends it ends the capture on the node', async () => {
  const lane = onlyLane();
  const running = capture(lane);
  await isFrozen(lane);
  running.child.kill('SIGINT');
  const result = await running.finished;
  expect(result.code).not.toBe(0);
  await expectNothingHalf(lane, result);
  await isThawed(lane);
});

test('the archive stays on the node where that is asked for', async () => {
  const lane = onlyLane();
  const { code, stdout } = await capture(lane, '--keep-on-node').finished;
  expect(code).toBe(0);
  const { path, here } = JSON.parse(stdout).archive;
  expect([here, readdirSync(lane.folder)]).toEqual([false, []]);
  expect(path).toMatch(/^\/var\/lib\/kubelet\/checkpoints\/checkpoint-hoard-0_shop-hoard-.*\.tar$/);
  expect(statSync(node().hostPath(path)).size).toBeGreaterThan(HOARD_MEBIBYTES * 2 ** 20);
});

describe('without --via', () => {
  const captured = async (pod: string, ...argv: readonly string[]) => {
    const { code, stdout, stderr } = await captureElsewhere(pod, '--json', ...argv);
    expect([code, stderr]).toEqual([0, expect.stringContaining('making helper pod forensics-hoard-0/')]);
    const { route, routes_not_taken, archive } = JSON.parse(stdout);
    expect([route.name, archive.here, archive.sha256]).toEqual(['node', true, digest(archive.path)]);
    return { stderr, notTaken: routes_not_taken };
  };

  test('what CRIU refuses is captured by a pod, and why is told before', async () => {
    const { stderr, notTaken } = await captured('shop/ring');
    expect(stderr).toMatch(/not via node: only if the node cannot checkpoint.*--no-pod forbids it/);
    expect(stderr).toMatch(
      /CRIU gave the container back; now via node \(a pod in namespace forensics-hoard-0 on node n1\)/,
    );
    expect(notTaken).toContainEqual({
      name: 'kubelet',
      reason: expect.stringContaining('could not checkpoint'),
    });
  });

  test('so is any container of a node without CRIU, but not where no pod may be made', async () => {
    await node().exec(['mv', '/usr/sbin/criu', '/usr/sbin/criu.away']);
    try {
      const { stderr } = await captured('shop/hoard-0');
      expect(stderr).toMatch(/not via kubelet: CRIU is missing.*\n.*now via node/);
      for (const forbidden of [['--no-pod'], ['--via', 'kubelet']]) {
        const refused = await captureElsewhere('shop/hoard-0', ...forbidden);
        expect(refused.code).toBe(1);
        expect(refused.stderr).not.toContain('making helper pod');
        expect(refused.stderr).toContain('CRIU is missing');
        expect(refused.stderr).toContain('exhibit capture shop/hoard-0/hoard --via node --image IMAGE');
      }
      const strange = await captureElsewhere('shop/hoard-0', '--image', 'localhost/no-such-image:1');
      expect(strange.code).toBe(1);
      expect(strange.stderr).toContain('exhibit: shop/hoard-0/hoard: CRIU is missing');
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
  const { code, stderr } = await capture(onlyLane(), '--helper-namespace', 'strict').finished;
  expect(code).toBe(1);
  expect(stderr).toMatch(/namespace strict does not take the helper pod: .*violates PodSecurity/);
  expect(stderr).toContain('pod-security.kubernetes.io/enforce=privileged');
  expect(stderr).toContain('Namespaces that allow it: lenient');
});
