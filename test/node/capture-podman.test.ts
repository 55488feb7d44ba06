import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CaptureReport } from '../../src/capture/capture.ts';
import { until } from '../../testbed/process.ts';
import { signal } from '../../testbed/sandbox.ts';
import { WORKLOAD_IMAGE } from '../../testbed/workloads/pods.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();
const FOLDER = '/root/evidence';

const run = (name: string, ...command: readonly string[]) =>
  node().podman(['run', '--detach', `--name=${name}`, WORKLOAD_IMAGE, ...command]);
const inspect = (name: string, field: string) => node().podman(['inspect', `--format={{${field}}}`, name]);

beforeAll(async () => {
  await run(
    'web',
    'sh',
    '-c',
    'echo changed >/www/new.html; counter >/dev/null & exec httpd -f -p 8080 -h /www',
  );
});
beforeEach(() => node().setRuncOptions());

const exhibit = (...argv: readonly string[]) => node().exhibit(['capture', '--via', 'podman', ...argv]);

async function report(...argv: readonly string[]): Promise<CaptureReport> {
  const { code, stdout, stderr } = await exhibit('--json', '-o', FOLDER, ...argv);
  expect(stderr).not.toContain('exhibit:');
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

describe('a container of Podman', () => {
  test('is captured by name and by id, and runs on', async () => {
    const id = (await inspect('web', '.Id')).trim();
    const pid = await inspect('web', '.State.Pid');
    for (const name of ['web', id.slice(0, 12)]) {
      const result = await report(name);
      expect(result).toMatchObject({
        container: 'web',
        container_id: id,
        route: { name: 'podman', endpoint: 'podman' },
        routes_not_taken: [],
        container_afterwards: { verdict: 'running', detail: expect.stringContaining('cgroup freezer') },
      });
      expect(result.archive.path).toMatch(/^\/root\/evidence\/checkpoint-web-\d{8}T\d{6}\.\d{3}Z\.tar$/);
      const bytes = readFileSync(node().hostPath(result.archive.path));
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      expect(result.archive).toMatchObject({ here: true, size: bytes.length, sha256 });
      expect(statSync(node().hostPath(result.archive.path)).mode & 0o777).toBe(0o600);
    }
    expect(await inspect('web', '.State.Pid')).toBe(pid);
  });

  test('that holds file locks is captured: Podman passes the option by itself', async () => {
    await run('kinds', 'kinds');
    expect((await report('kinds')).container_afterwards.verdict).toBe('running');
    await node().podman(['rm', '--force', '--time=0', 'kinds']);
  });

  test.each([
    ['none', 'ustar', 257],
    ['gzip', '\x1f\x8b', 0],
    ['zstd', '\x28\xb5\x2f\xfd', 0],
  ])('compressed with %s is shown', async (how, magic, offset) => {
    const { code, stdout } = await exhibit('web', '-o', `${FOLDER}/${how}`, '--compress', how);
    expect(code).toBe(0);
    expect(stdout).toContain('httpd -f -p 8080 -h /www');
    expect(stdout).toContain('/www/new.html');
    const [file = ''] = readdirSync(node().hostPath(`${FOLDER}/${how}`));
    const bytes = readFileSync(node().hostPath(`${FOLDER}/${how}/${file}`));
    expect(bytes.toString('latin1', offset, offset + magic.length)).toBe(magic);
  });

  test('with an established connection needs no runc.conf', async () => {
    await run('shell', 'sh', '-c', 'answer 4444 id & dial 127.0.0.1 4444 & exec pause');
    await until('the connection', async () => {
      const table = await node().podman(['exec', 'shell', 'cat', '/proc/net/tcp']);
      // State 01 is ESTABLISHED; 115C is port 4444.
      return /:115C 01 /.test(table) || undefined;
    });
    const { archive, container_afterwards } = await report('shell');
    expect(container_afterwards.verdict).toBe('running');
    const { stdout } = await node().exhibit(['inspect', '--sockets', archive.path]);
    expect(stdout).toMatch(/tcp +ESTABLISHED +127\.0\.0\.1:\d+ +127\.0\.0\.1:4444/);
  });

  test('that CRIU refuses: cause and cure, the container runs on, and no archive is left', async () => {
    const script = 'exec 3>/tmp/big; dd if=/dev/zero bs=1M count=3 >&3; rm /tmp/big; exec pause';
    await run('ghost', 'sh', '-c', script);
    await until('its file to be gone', async () => {
      const { code } = await node().exec(['podman', 'exec', 'ghost', 'test', '-e', '/tmp/big']);
      return code === 1 || undefined;
    });
    const folder = `${FOLDER}/refused`;
    expect((await exhibit('ghost', '-o', folder)).stderr).toMatch(/ghost would fail; nothing was touched/);
    const { code, stderr } = await exhibit('ghost', '-o', folder, '--no-preflight');
    expect(code).toBe(1);
    expect(stderr).toMatch(/ghost: Podman could not checkpoint \(exit code \d+\)/);
    expect(stderr).toContain('cause: a process holds a deleted file that is larger than CRIU copies');
    expect(stderr).toContain('add the line "ghost-limit 512M"');
    expect(stderr).toContain('the container runs: its processes run (cgroup freezer)');
    expect(readdirSync(node().hostPath(folder))).toEqual([]);
    node().setRuncOptions('ghost-limit 1073741824');
    expect((await report('ghost')).container_afterwards.verdict).toBe('running');
  });

  test('that is not there, or does not run', async () => {
    expect((await exhibit('nope')).stderr).toContain('Podman knows no container nope');
    await run('ended', 'true');
    await until(
      'its end',
      async () => (await inspect('ended', '.State.Status')).trim() === 'exited' || undefined,
    );
    expect((await exhibit('ended')).stderr).toContain('ended is not running (exited)');
    expect((await exhibit('shop/web')).code).toBe(2);
    expect(existsSync(node().hostPath('/repo/checkpoint-ended'))).toBe(false);
  });
});

test('Ctrl-C does not reach podman in the middle of a checkpoint', async () => {
  await run('hoard', 'hoard', '256');
  await until('its memory', async () => (await node().podman(['logs', 'hoard'])) !== '' || undefined);
  const argv = ['capture', '--via', 'podman', 'hoard', '--no-inspect', '-o', FOLDER];
  const running = node().startExhibit(argv);
  let stderr = '';
  running.child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const children = async () =>
    (await node().exec(['pgrep', '--full', 'container checkpoint --leave'])).stdout.trim();
  const podman = await until('podman to begin', async () => (await children()) || undefined, {
    interval: 10,
  });
  const session = (pid: string) => node().exec(['ps', '-o', 'sid=', '-p', pid]);
  expect((await session(podman.split('\n')[0] ?? '')).stdout.trim()).toBe(podman.split('\n')[0]);
  signal(running.child, 'SIGINT');
  await until('the answer', async () => stderr.includes('never cancelled') || undefined);
  const { code, stdout } = await running.finished;
  expect(code).toBe(0);
  expect(stdout).toMatch(/container {2}runs: its processes run/);
});
