/** What goes wrong while an archive is on its way. The stream is held in its middle until the trouble has come. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Result, type Running, start, until } from '../../testbed/process.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { type HeldProxy, startHeldProxy } from './support/held-proxy.ts';
import { useNode } from './support/use-node.ts';

const MIB = 1024 * 1024;
const EXHIBIT = join(import.meta.dirname, '../../dist/exhibit.cjs');
const HELPERS = ['-n', 'forensics', '-l', 'app.kubernetes.io/component=collect'];

const node = useNode();
let scratch = '';
let folder = '';
let archive = '';
let name = '';
let size = 0;
let sha256 = '';
let proxy: HeldProxy;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'exhibit-trouble-'));
  await node().apply(pods.namespace(pods.SHOP), pods.namespace('forensics'), pods.hoard(64));
  await node().waitRunning(pods.SHOP, 'hoard');
  archive = await node().checkpoint(pods.SHOP, 'hoard', 'hoard');
  name = basename(archive).replaceAll(':', '-');
  size = statSync(node().hostPath(archive)).size;
  sha256 = digest(node().hostPath(archive));
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

const digest = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

async function helperPods(): Promise<readonly string[]> {
  const path = 'jsonpath={.items[*].metadata.name}';
  const names = await node().kubectl(['get', 'pods', ...HELPERS, '-o', path]);
  return names.split(' ').filter((each) => each !== '');
}

function startCollect(...argv: readonly string[]): Running {
  const image = ['--image', pods.WORKLOAD_IMAGE, '--image-pull-policy', 'Never'];
  const where = ['--kubeconfig', proxy.kubeconfig, '--helper-namespace', 'forensics', '-o', folder];
  return start([process.execPath, EXHIBIT, 'collect', 'shop/hoard', '--json', ...image, ...where, ...argv]);
}

/** Begins, and stops the stream at 20 MiB. */
async function startHeld(): Promise<Running> {
  proxy.holdAfter(20 * MIB);
  const running = startCollect();
  const part = join(folder, `${name}.part`);
  await until(
    'the stream to be held, and what came to be written',
    async () => (proxy.isHeld && statSync(part).size > 19 * MIB) || undefined,
    { seconds: 60 },
  );
  return running;
}

function expectWhole({ code, stdout, stderr }: Result, resumedFrom: unknown = 0): void {
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('exhibit:')]);
  expect(JSON.parse(stdout)).toMatchObject({ collected: [{ sha256, size, resumed_from: resumedFrom }] });
  expect(readdirSync(folder)).toEqual([name]);
  expect(digest(join(folder, name))).toBe(sha256);
}

/** It ended without the archive, keeps what it has, and says how to go on. */
function expectKept({ code, stdout, stderr }: Result): void {
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain('.part: the same command goes on from there');
  expect(readdirSync(folder)).toEqual([`${name}.part`]);
  expect(statSync(join(folder, `${name}.part`)).size).toBeGreaterThan(18 * MIB);
  expect(statSync(join(folder, `${name}.part`)).mode & 0o777).toBe(0o600);
}

const someBytes = { asymmetricMatch: (bytes: unknown) => typeof bytes === 'number' && bytes > 18 * MIB };

test('a cut stream is gone on with from where it was cut', async () => {
  const before = proxy.received;
  const running = await startHeld();
  proxy.cut();
  const result = await running.finished;
  expectWhole(result);
  expect(result.stderr).toContain('the stream from the helper pod was cut');
  // Had it begun anew, 20 MiB more had come; what was in flight at the cut came twice.
  expect(proxy.received - before).toBeLessThan(size + 14 * MIB);
});

test('a helper pod that is killed is replaced, and the stream gone on with', async () => {
  const running = await startHeld();
  const [pod = ''] = await helperPods();
  await node().remove('forensics', pod);
  proxy.release();
  const result = await running.finished;
  expectWhole(result);
  expect(result.stderr).toMatch(new RegExp(`helper pod ${pod} does not run any more`));
  expect(result.stderr.match(/making helper pod/g)).toHaveLength(2);
});

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'after %s no pod is left, what came is kept, and the next run goes on from there',
  async (signal) => {
    const running = await startHeld();
    running.child.kill(signal);
    const result = await running.finished;
    expectKept(result);
    expect(result.stderr).toContain(`ended by ${signal}`);
    expect(await helperPods()).toEqual([]);
    expectWhole(await startCollect().finished, someBytes);
  },
);

test('what is no beginning of the archive is not gone on with', async () => {
  const part = join(folder, `${name}.part`);
  copyFileSync(node().hostPath(archive), part);
  const file = openSync(part, 'r+');
  writeSync(file, 'X', 1000);
  closeSync(file);
  const result = await startCollect().finished;
  expectWhole(result, 0);
  expect(result.stderr).toContain('is not the beginning of this archive: beginning anew');
});

test('a pod that a killed run left is removed by the next, one of another machine is not', async () => {
  const running = await startHeld();
  running.child.kill('SIGKILL');
  await running.finished;
  const [left = ''] = await helperPods();
  const kubectlPod = await node().kubectl(['get', 'pod', '-n', 'forensics', left, '-o', 'json']);
  const { spec, metadata } = JSON.parse(kubectlPod);
  const other = { name: 'exhibit-collect-other', namespace: 'forensics', labels: metadata.labels };
  await node().apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...other, annotations: { 'exhibit/owner': 'another/1/1' } },
    spec,
  });
  const result = await startCollect().finished;
  expectWhole(result, someBytes);
  expect(result.stderr).toContain(`removed helper pod forensics/${left}, which an earlier run had left`);
  expect(await helperPods()).toEqual([other.name]);
  await node().remove('forensics', other.name);
});

test('a disk that is too small is told before anything is copied', async () => {
  await onSmallDisk(32, async () => {
    const { code, stderr } = await startCollect().finished;
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/has room for \d+ bytes and the archive needs/),
    ]);
    expect(readdirSync(folder)).toEqual([]);
  });
});

test('a disk that fills up meanwhile is told, and what came is kept', async () => {
  await onSmallDisk(96, async () => {
    const running = await startHeld();
    const filler = join(folder, 'filler');
    writeFileSync(filler, Buffer.alloc(60 * MIB));
    proxy.release();
    const result = await running.finished;
    rmSync(filler);
    expectKept(result);
    expect(result.stderr).toContain('the disk is full');
    expectWhole(await startCollect().finished, someBytes);
  });
});

test('an archive that changes meanwhile never gets its name', async () => {
  const file = node().hostPath(archive);
  const copy = join(scratch, 'copy');
  copyFileSync(file, copy);
  const grown = await startHeld();
  appendFileSync(file, Buffer.alloc(MIB));
  proxy.release();
  expect((await grown.finished).stderr).toContain('changed on the node while it was collected: it has grown');
  copyFileSync(copy, file);
  rmSync(join(folder, `${name}.part`));
  const other = await startHeld();
  const handle = openSync(file, 'r+');
  writeSync(handle, 'X', 1000);
  closeSync(handle);
  proxy.release();
  const { code, stderr } = await other.finished;
  expect([code, stderr]).toEqual([1, expect.stringMatching(/changed on the node[^\n]*its SHA-256 is/)]);
  expect(existsSync(join(folder, name))).toBe(false);
  copyFileSync(copy, file);
});

async function onSmallDisk(mebibytes: number, action: () => Promise<void>): Promise<void> {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'exhibit-test', folder]);
  try {
    await action();
  } finally {
    execFileSync('umount', ['--lazy', folder]);
  }
}
