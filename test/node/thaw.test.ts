import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import type { CaptureReport } from '../../src/capture/capture.ts';
import { callGrpc } from '../../src/capture/cri/grpc.ts';
import { encodeMessage } from '../../src/capture/cri/wire.ts';
import { succeeded, until } from '../../testbed/process.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();
const HOARD = pods.hoard(256);

beforeAll(async () => {
  await node().apply(pods.namespace(pods.SHOP), pods.web, HOARD);
  await node().waitRunning(pods.SHOP, 'web');
  await node().waitRunning(pods.SHOP, 'hoard');
});

async function sh(script: string): Promise<string> {
  const argv = ['sh', '-euc', script];
  return succeeded(argv, await node().exec(argv)).trim();
}

function capture(target: string, ...options: readonly string[]): string[] {
  const { admin: user, ca } = node().credentials;
  const identity = ['--cert', user.certificate, '--key', user.key, '--cacert', ca];
  return ['capture', target, '--no-inspect', ...identity, ...options];
}

async function idOf(pod: string, container: string): Promise<string> {
  const path = `jsonpath={.status.containerStatuses[?(@.name=="${container}")].containerID}`;
  const id = await node().kubectl(['get', 'pod', '-n', pods.SHOP, pod, '-o', path]);
  return id.replace('containerd://', '');
}

/** By the kernel's word and by containerd's, not by ours. */
async function states(id: string): Promise<string> {
  return sh(
    `cat /sys/fs/cgroup/freezer/k8s.io/${id}/freezer.state; ctr -n k8s.io tasks ls | awk '$1 == "${id}" { print $3 }'`,
  );
}

const thaw = () => node().exhibit(['thaw', 'shop/web/sidecar', '--json']);

describe('exhibit thaw', () => {
  test('resumes a task that containerd holds paused', async () => {
    const id = await idOf('web', 'sidecar');
    await sh(`ctr -n k8s.io tasks pause ${id}`);
    expect(await states(id)).toBe('FROZEN\nPAUSED');
    const { code, stdout } = await thaw();
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ before: 'frozen', by: 'containerd', container_id: id });
    expect(await states(id)).toBe('THAWED\nRUNNING');
    expect(JSON.parse((await thaw()).stdout)).toMatchObject({ before: 'running' });
  });

  test('releases what was frozen behind the back of containerd', async () => {
    const id = await idOf('web', 'sidecar');
    await sh(`echo FROZEN >/sys/fs/cgroup/freezer/k8s.io/${id}/freezer.state`);
    expect(JSON.parse((await thaw()).stdout)).toMatchObject({ before: 'frozen', by: 'freezer' });
    expect(await states(id)).toBe('THAWED\nRUNNING');
  });
});

/** What the kubelet does when its time is up: the deadline of the call passes, and containerd leaves the task paused. */
async function runOutOfTime(id: string): Promise<void> {
  const socket = node().hostPath('/run/containerd/containerd.sock');
  const request = encodeMessage([
    [1, id],
    [2, '/tmp/out-of-time.tar'],
  ]);
  const method = '/runtime.v1.RuntimeService/CheckpointContainer';
  await callGrpc(socket, method, request, { headers: { 'grpc-timeout': '300m' } }).catch(() => undefined);
  await until(
    'containerd to leave it paused',
    async () => (await states(id)) === 'FROZEN\nPAUSED' || undefined,
  );
}

test('a checkpoint that ran out of time leaves the container frozen: told before a capture, and thawed by --thaw', async () => {
  const id = await idOf('hoard', 'hoard');
  await runOutOfTime(id);
  const refused = await node().exhibit(capture('shop/hoard'));
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('the container stands still already');
  expect(await states(id)).toBe('FROZEN\nPAUSED');
  const { code, stdout, stderr } = await node().exhibit(capture('shop/hoard', '--thaw', '--json'));
  expect(stderr).toContain('shop/hoard/hoard stood still before the capture and was thawed (containerd)');
  expect(code).toBe(0);
  expect((JSON.parse(stdout) as CaptureReport).container_afterwards.verdict).toBe('running');
  expect(await states(id)).toBe('THAWED\nRUNNING');
});

/** Stops the runc that checkpoints: others come and go. */
async function holdDump(): Promise<true | undefined> {
  const dumps = "tr '\\0' ' ' <$each/cmdline | grep -q ' checkpoint '";
  const held = await sh(
    `for each in $(pgrep -x runc | sed s,^,/proc/,); do ${dumps} && kill -STOP "\${each#/proc/}" && echo held; done || true`,
  );
  return held.includes('held') || undefined;
}

test('a capture whose time is up at the kubelet is told as that, and --thaw lets the container run', async () => {
  const id = await idOf('hoard', 'hoard');
  const options = ['--via', 'kubelet', '--timeout', '121', '--thaw'];
  const running = node().startExhibit(capture('shop/hoard', ...options));
  // Two minutes are the least that a kubelet gives: runc is held until they are up.
  await until('runc to be held', holdDump, { interval: 5 });
  const { code, stderr } = await running.finished;
  expect(code).toBe(1);
  expect(stderr).toContain('the time for the checkpoint was up before it was done');
  expect(stderr).toContain('the container runs: it stood still and was thawed (containerd)');
  expect(await states(id)).toBe('THAWED\nRUNNING');
});

test('a kubelet that is killed in the middle: the loss and the state are told, and a later capture works', async () => {
  const id = await idOf('hoard', 'hoard');
  const pid = await sh('pgrep -x kubelet');
  const argv = readFileSync(node().hostPath(`/proc/${pid}/cmdline`), 'utf8')
    .split('\0')
    .slice(0, -1);
  const running = node().startExhibit(capture('shop/hoard', '--via', 'kubelet', '--thaw'));
  await until(
    'the container to be frozen',
    async () => (await states(id)).startsWith('FROZEN') || undefined,
    {
      interval: 10,
    },
  );
  await sh(`kill -9 ${pid}`);
  const { code, stderr } = await running.finished;
  expect(code).toBe(1);
  expect(stderr).toContain('was lost while the checkpoint was being taken (ECONNRESET)');
  expect(stderr).toMatch(/the container runs: .*its processes run \(cgroup freezer\)/);
  await until('containerd to let it go', async () => (await states(id)) === 'THAWED\nRUNNING' || undefined);
  await node().service('kubelet', argv);
  await until('the kubelet to capture again', async () => {
    return (await node().exhibit(capture('shop/hoard', '--via', 'kubelet'))).code === 0 || undefined;
  });
  const restarts = 'jsonpath={.status.containerStatuses[*].restartCount}';
  expect(await node().kubectl(['get', 'pod', '-n', pods.SHOP, 'hoard', '-o', restarts])).toBe('0');
});
