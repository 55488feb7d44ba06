import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { CaptureReport } from '../../src/capture/capture.ts';
import type { PreflightReport } from '../../src/capture/preflight/preflight.ts';
import { waitLog } from '../../testbed/node.ts';
import { succeeded, until } from '../../testbed/process.ts';
import { signal } from '../../testbed/sandbox.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();
const CHECKPOINTS = '/var/lib/kubelet/checkpoints';
const EVIDENCE = '/root/evidence';

beforeAll(async () => {
  await node().apply(pods.namespace(pods.SHOP), pods.web, pods.ring, pods.hoard(64));
  for (const name of ['web', 'ring', 'hoard']) await node().waitRunning(pods.SHOP, name);
});

async function sh(script: string): Promise<string> {
  const argv = ['sh', '-euc', script];
  return succeeded(argv, await node().exec(argv));
}

const exhibit = (...argv: readonly string[]) => node().exhibit(['capture', ...argv]);

async function report(...argv: readonly string[]): Promise<CaptureReport> {
  const { code, stdout, stderr } = await exhibit('--json', ...argv);
  expect(stderr).not.toContain('exhibit:');
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

async function idOf(target: string): Promise<string> {
  const { stdout } = await node().exhibit(['preflight', target, '--json']);
  return (JSON.parse(stdout) as PreflightReport).container_id ?? '';
}

const freezerOf = (id: string): Promise<string> =>
  sh(`cat $(find /sys/fs/cgroup/freezer -type d -name '*${id}*' | head -1)/freezer.state`);

/** The first process of a container, as the node counts. */
const pidOf = async (id: string): Promise<number> =>
  Number(await sh(`cat /run/containerd/io.containerd.runtime.v2.task/k8s.io/${id}/init.pid`));

async function restarts(name: string): Promise<string> {
  const places = 'jsonpath={.status.containerStatuses[*].restartCount}';
  return node().kubectl(['get', 'pod', '-n', pods.SHOP, name, '-o', places]);
}

function filesIn(folder: string): readonly string[] {
  const place = node().hostPath(folder);
  return existsSync(place) ? readdirSync(place) : [];
}

describe('a container of a pod', () => {
  test('is captured without CRIU, runs on, and the archive lies where the kubelet puts its own', async () => {
    const taken = await report('shop/web/app', '--via', 'node');
    expect(taken).toMatchObject({
      pod: 'web',
      container: 'app',
      route: { name: 'node' },
      live: { restorable: false, consistency: 'frozen', unreadable_ranges: 0, gaps: [] },
      container_afterwards: { verdict: 'running' },
    });
    expect(taken.live?.seconds_frozen).toBeLessThan(2);
    expect(path.dirname(taken.archive.path)).toBe(CHECKPOINTS);
    const file = node().hostPath(taken.archive.path);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(taken.archive.sha256).toBe(createHash('sha256').update(readFileSync(file)).digest('hex'));
    expect(await restarts('web')).toBe('0 0');
  });

  test('is shown, and crit and checkpointctl show the same', async () => {
    // Not of a container with a zombie, on which checkpointctl gives up, in CRIU's archives too.
    const { archive } = await report('shop/web/app', '--via', 'node');
    const { code, stdout, stderr } = await node().exhibit(['inspect', archive.path, '--json']);
    expect(stderr).not.toContain('warning');
    expect(code).toBe(0);
    const [shown] = JSON.parse(stdout);
    const folder = '/tmp/web';
    await sh(`mkdir -p ${folder} && tar -xf ${archive.path} -C ${folder}`);
    const ps = await sh(`crit x ${folder}/checkpoint ps`);
    const critPids = [...ps.matchAll(/^ +(\d+) +\d+ +\d+/gm)].map(([, pid]) => Number(pid));
    expect(critPids.length).toBeGreaterThan(1);
    expect(JSON.stringify(shown)).toContain('counter');
    const images = await sh(
      `cd ${folder}/checkpoint && for each in *.img; do case $each in pages-*|tmpfs-*|ifaddr-*|route*|rule-*) ;; *) crit decode -i $each >/dev/null || echo $each ;; esac; done`,
    );
    expect(images).toBe('');
    const theirs = await sh(`checkpointctl inspect --ps-tree ${archive.path}`);
    for (const pid of critPids) expect(theirs).toMatch(new RegExp(`\\[${pid}\\]`));
    const ours = await node().exhibit(['memparse', archive.path]);
    const table = await sh(`checkpointctl memparse ${archive.path}`);
    expect(ours.code).toBe(0);
    for (const pid of critPids) expect(table).toMatch(new RegExp(`^${pid}\\s`, 'm'));
  });

  test('is named by its id, by one of its processes, and by both', async () => {
    const id = await idOf('shop/web/sidecar');
    const pid = String(await pidOf(id));
    for (const named of [[id.slice(0, 12)], ['--pid', pid]]) {
      const taken = await report('--via', 'node', ...named, '-o', EVIDENCE);
      expect(taken).toMatchObject({ container: id, container_id: id, live: { consistency: 'frozen' } });
      expect(path.dirname(taken.archive.path)).toBe(EVIDENCE);
      const { stdout } = await node().exhibit(['show', '--json', taken.archive.path]);
      expect(JSON.parse(stdout)).toMatchObject([{ container_name: 'sidecar', pod: { name: 'web' } }]);
    }
    expect(await report('shop/web/sidecar', '--via', 'node', '--pid', pid)).toMatchObject({ pod: 'web' });
    const other = await exhibit('shop/web/app', '--via', 'node', '--pid', pid);
    expect(other.code).toBe(1);
    expect(other.stderr).toContain(`process ${pid} is none of this container's`);
    expect(other.stderr).toContain(id);
  });

  test('that runs while it is read is told as that', async () => {
    const { stdout, code } = await exhibit('shop/web/app', '--via', 'node', '--no-freeze', '--no-inspect');
    expect(code).toBe(0);
    expect(stdout).toContain('CAUTION    it ran while it was read');
  });

  test('that stood before stands afterwards', async () => {
    const id = await idOf('shop/web/sidecar');
    await sh(`ctr -n k8s.io tasks pause ${id}`);
    const { code, stdout } = await exhibit('--json', 'shop/web/sidecar', '--via', 'node');
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ live: { frozen_before: true } });
    expect(await freezerOf(id)).toBe('FROZEN\n');
    await sh(`ctr -n k8s.io tasks resume ${id}`);
  });

  test('that serves the file system which it has files of is not waited for while it stands', async () => {
    await node().apply(pods.serve);
    await waitLog(node(), pods.SHOP, 'serve', 'serve', 'ready');
    const taken = await report('shop/serve', '--via', 'node');
    expect(taken.live?.seconds_frozen).toBeLessThan(2);
    const { stdout } = await node().exhibit(['inspect', '--files', '--json', taken.archive.path]);
    expect(stdout).toContain('/tmp/served/file');
    await node().remove(pods.SHOP, 'serve');
  });

  test('is not touched where it would stand for longer than allowed', async () => {
    const { code, stderr } = await exhibit('shop/hoard', '--via', 'node', '--max-freeze', '20ms');
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /would stand still for about 0\.\d s, and 0\.0 s are allowed; nothing was touched/,
    );
  });
});

describe('without --via', () => {
  test('what CRIU refuses is captured without it, and why is told', async () => {
    const { code, stdout, stderr } = await exhibit('--json', 'shop/ring');
    expect(code).toBe(0);
    expect(stderr).toMatch(/without CRIU: a checkpoint by CRIU would fail: .*io_uring/);
    expect((JSON.parse(stdout) as CaptureReport).route.name).toBe('node');
  });

  test('what CRIU gives up is captured without it', async () => {
    const { code, stdout, stderr } = await exhibit('--json', '--no-preflight', 'shop/ring');
    expect(stderr).toContain('the container runs; now via node');
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as CaptureReport).route.name).toBe('node');
    expect(await restarts('ring')).toBe('0');
  });

  test('so is what CRIU would hold for longer than allowed', async () => {
    const { stderr } = await exhibit('--json', 'shop/hoard', '--max-freeze', '600ms');
    expect(stderr).toMatch(/CRIU would let it stand still for about 0\.\d s, and --max-freeze allows 0\.6 s/);
  });

  test('so is any container of a node without CRIU', async () => {
    await sh('mv /usr/sbin/criu /usr/sbin/criu.away');
    const { code, stdout, stderr } = await exhibit('--json', 'shop/web/app');
    await sh('mv /usr/sbin/criu.away /usr/sbin/criu');
    expect(code).toBe(0);
    expect(stderr).toMatch(/without CRIU: a checkpoint by CRIU would fail/);
    expect((JSON.parse(stdout) as CaptureReport).route.name).toBe('node');
  });

  test('both: two archives, and the seconds between them in both places', async () => {
    const taken = await report('shop/web/app', '--both');
    expect(taken).toMatchObject({
      route: { name: 'node' },
      companion: { report: { route: { name: 'cri' } } },
    });
    const record = JSON.parse(await sh(`tar -xOf ${taken.archive.path} exhibit-capture.json`));
    const companion = taken.companion;
    if (companion === undefined || 'failed' in companion) throw new Error('CRIU captured nothing');
    expect(record.companion).toEqual({
      archive: companion.report.archive.path,
      route: 'cri',
      seconds_later: companion.seconds_later,
    });
    expect(companion.seconds_later).toBeLessThan(5);
    for (const file of [taken.archive.path, companion.report.archive.path])
      expect((await node().exhibit(['inspect', file])).code).toBe(0);
  });
});

describe('what goes wrong leaves the container running and nothing half-written', () => {
  test.each([
    [['--via', 'node', '--pid', '1'], /process 1 is in no container/],
    [['--via', 'node', 'f'.repeat(12)], /no container that runs on this machine has the id/],
    [['shop/web/app', '--via', 'node', '-o', '/proc/1'], /cannot write the archive/],
  ])('%s', async (argv, message) => {
    const { code, stderr, stdout } = await exhibit(...argv);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('unexpected');
  });

  test('a user without rights', async () => {
    const command =
      'exec setpriv --reuid 65534 --clear-groups node /repo/dist/exhibit.cjs capture --via node shop/web/app';
    const { code, stderr } = await node().exec(['sh', '-c', command]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/run it as root/);
  });

  test('a target that is read-only, and one that is full', async () => {
    const folder = '/root/small';
    await sh(`mkdir -p ${folder} && mount -t tmpfs -o size=16m tmpfs ${folder}`);
    const full = await exhibit('shop/hoard', '--via', 'node', '-o', folder);
    expect(full.code).toBe(1);
    expect(full.stderr).toContain('its disk is full');
    expect(filesIn(folder)).toEqual([]);
    await sh(`mount -o remount,ro ${folder}`);
    const readOnly = await exhibit('shop/hoard', '--via', 'node', '-o', folder);
    expect(readOnly.code).toBe(1);
    expect(readOnly.stderr).toMatch(/cannot write the archive: EROFS/);
    await sh(`umount ${folder}`);
    expect(await freezerOf(await idOf('shop/hoard/hoard'))).toBe('THAWED\n');
  });

  test('a disk that runs full at twenty places: nothing is left, and the container runs', async () => {
    const folder = '/root/tight';
    const id = await idOf('shop/hoard/hoard');
    await sh(`mkdir -p ${folder}`);
    for (let place = 0; place < 20; place++) {
      const kibibytes = 64 + Math.floor(Math.random() * 64 * 1024);
      await sh(`mount -t tmpfs -o size=${kibibytes}k tmpfs ${folder}`);
      const { code, stderr } = await exhibit('shop/hoard', '--via', 'node', '--no-inspect', '-o', folder);
      expect([code, filesIn(folder)]).toEqual([1, []]);
      expect(stderr).toContain('its disk is full');
      await sh(`umount ${folder}`);
      expect(await freezerOf(id)).toBe('THAWED\n');
    }
    expect(await restarts('hoard')).toBe('0');
  });

  test('a container that ends while it is read', async () => {
    const folder = `${EVIDENCE}/mortal`;
    await node().apply(pods.pod(pods.SHOP, 'mortal', [{ name: 'mortal', command: ['hoard', '64'] }]));
    await node().waitRunning(pods.SHOP, 'mortal');
    const pid = await pidOf(await idOf('shop/mortal/mortal'));
    const running = node().startExhibit(['capture', 'shop/mortal', '--via', 'node', '-o', folder]);
    await until('the archive to be begun', async () => filesIn(folder).length > 0 || undefined, {
      interval: 5,
    });
    await sh(`kill -KILL ${pid}`);
    const { code, stderr, stdout } = await running.finished;
    expect(stderr).not.toContain('unexpected');
    // It ended before it stood still, or when it was let run: then the archive is whole.
    if (code === 1) expect(stderr).toMatch(/ended|is on this node/);
    else expect(stdout).toContain('DOES NOT RUN ANY MORE');
    expect(filesIn(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
    await node().remove(pods.SHOP, 'mortal');
  });

  test('Ctrl-C lets it run and removes what was written', async () => {
    const folder = `${EVIDENCE}/interrupted`;
    const running = node().startExhibit(['capture', 'shop/hoard', '--via', 'node', '-o', folder]);
    await until('the archive to be begun', async () => filesIn(folder).length > 0 || undefined);
    signal(running.child, 'SIGINT');
    const { code, stderr } = await running.finished;
    expect(code).toBe(1);
    expect(stderr).toContain('nothing of the archive is kept');
    expect(filesIn(folder)).toEqual([]);
    expect(await freezerOf(await idOf('shop/hoard/hoard'))).toBe('THAWED\n');
  });

  test('killed at twenty moments: thawed each time, and the next capture clears away', async () => {
    const folder = `${EVIDENCE}/killed`;
    mkdirSync(node().hostPath(folder), { recursive: true });
    const id = await idOf('shop/hoard/hoard');
    for (let moment = 0; moment < 20; moment++) {
      const running = node().startExhibit([
        'capture',
        'shop/hoard',
        '--via',
        'node',
        '--no-inspect',
        '-o',
        folder,
      ]);
      const stop = Date.now() + 100 + Math.random() * 900;
      await until('the moment', async () => Date.now() >= stop || undefined);
      signal(running.child, 'SIGKILL');
      await running.finished;
      await until('a thawed container', async () => (await freezerOf(id)) === 'THAWED\n' || undefined);
    }
    const whole = filesIn(folder).filter((name) => name.endsWith('.tar'));
    for (const name of whole) expect((await node().exhibit(['show', `${folder}/${name}`])).code).toBe(0);
    const { archive } = await report('shop/hoard', '--via', 'node', '-o', folder);
    expect([...filesIn(folder)].sort()).toEqual([...whole, path.basename(archive.path)].sort());
    expect(await restarts('hoard')).toBe('0');
  });
});
