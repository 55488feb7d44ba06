import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeNode, type FakeProcess } from '../testing/fake-node.ts';
import type { ContainerLook } from './container-look.ts';
import { parseOptions } from './criu-options.ts';
import { checkDeletedFiles } from './deleted-files.ts';
import { formatAddress } from './network-look.ts';
import { refusal, runPreflight } from './preflight.ts';

const ID = 'cd'.repeat(32);
const TARGET = { namespace: 'shop', pod: 'web', container: 'app' };

let node: FakeNode;
beforeEach(() => {
  node = new FakeNode();
  node.process({ pid: 5, parent: 1, name: 'containerd-shim', cgroup: '/system.slice' });
  node.put('proc/5/environ', 'HOME=/\0PATH=/sbin:/usr/sbin\0');
  node.put('usr/sbin/criu', '');
  node.put('sys/fs/cgroup/pods/cgroup.events', 'frozen 0\n');
});
afterEach(() => node.remove());

function container(first: Partial<FakeProcess>): void {
  node.put(`sys/fs/cgroup/pods/${ID}/cgroup.events`, 'populated 1\nfrozen 0\n');
  node.process({ pid: 7, parent: 5, name: 'app', cgroup: `/pods/${ID}`, ...first });
}

const preflight = () => runPreflight(TARGET, ID, { root: node.root });
const ids = async () => (await preflight()).obstacles.map(({ id }) => id);

test('nothing is found in a container that has nothing', async () => {
  container({ descriptors: { 0: ['/dev/null'], 3: ['anon_inode:[eventpoll]'], 4: ['socket:[1]'] } });
  expect(await preflight()).toEqual({
    ...TARGET,
    container_id: ID,
    verdict: 'clear',
    processes: 1,
    memory: 0,
    obstacles: [],
    gaps: [],
  });
});

test('a container of another machine cannot be looked at', async () => {
  container({ cgroup: `/pods/${'ef'.repeat(32)}` });
  expect(await preflight()).toMatchObject({ verdict: 'unknown', gaps: [expect.stringContaining('node')] });
  expect((await runPreflight(TARGET, undefined, { root: node.root })).verdict).toBe('unknown');
});

test("the container's monitor is none of its processes", async () => {
  container({});
  node.process({ pid: 6, parent: 1, name: 'conmon', cgroup: `/pods/crio-conmon-${ID}.scope` });
  expect((await preflight()).processes).toBe(1);
});

test('an io_uring is told with process and descriptor, and is a refusal with what to do', async () => {
  container({ name: 'node', descriptors: { 9: ['anon_inode:[io_uring]'] } });
  const report = await preflight();
  expect(report.obstacles).toMatchObject([
    { id: 'io-uring', certainty: 'refusal', evidence: ['process 7 (node), descriptor 9'] },
  ]);
  expect(refusal(report)).toMatchObject({
    code: 'CAPTURE_WOULD_FAIL',
    message: expect.stringContaining('shop/web/app'),
    help: expect.arrayContaining([
      '  seen: process 7 (node), descriptor 9',
      'To try nevertheless: --no-preflight',
    ]),
  });
});

describe('TCP', () => {
  const HEADER =
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
  const line = (state: string, inode: number, queue = '00000000'): string =>
    `   0: 0900F40A:EA22 0700F40A:115C ${state} 00000000:${queue} 00:00000000 00000000     0        0 ${inode} 1 0\n`;
  beforeEach(() => container({ descriptors: { 3: ['socket:[77]'] } }));

  test.each([
    ['established', line('01', 77), ['tcp-connection']],
    ['closing', line('08', 77), ['tcp-connection']],
    ['listening', line('0A', 77), []],
    ['listening, with somebody waiting', line('0A', 77, '00000001'), ['tcp-connection']],
    ['closed', line('07', 77), []],
    ["another container's", line('01', 78), []],
    ['unreadable', 'nonsense\n0: x y\n', []],
  ])('%s', async (_what, text, found) => {
    node.put('proc/7/net/tcp', HEADER + text);
    expect(await ids()).toEqual(found);
    node.put('etc/criu/runc.conf', '# ours\n tcp-established\n');
    expect(await ids()).toEqual([]);
  });

  test('is told with addresses and a command that cures it', async () => {
    node.put('proc/7/net/tcp', HEADER + line('01', 77));
    const [obstacle] = (await preflight()).obstacles;
    expect(obstacle?.evidence).toEqual([
      'process 7 (app), descriptor 3: 10.244.0.9:59938 to 10.244.0.7:4444',
    ]);
    expect(obstacle?.cure.at(-1)).toMatch(/'tcp-established' >>\/etc\/criu\/runc\.conf$/);
  });

  test('under crun it is crun.conf that counts', async () => {
    node.put('proc/7/net/tcp', HEADER + line('01', 77));
    node.put(`run/crun/${ID}/status`, '{}');
    node.put('etc/criu/runc.conf', 'tcp-established\n');
    expect((await preflight()).obstacles[0]?.cure.at(-1)).toContain('/etc/criu/crun.conf');
    node.put('etc/criu/crun.conf', 'tcp-established\n');
    expect(await ids()).toEqual([]);
  });
});

test.each([
  ['0100007F:1F90', '127.0.0.1:8080'],
  ['00000000000000000000000001000000:0050', '[::1]:80'],
  ['0000000000000000FFFF00000900F40A:0050', '[::ffff:af4:9]:80'],
  ['xyz:1', 'xyz:1'],
])('address %s', (text, expected) => {
  expect(formatAddress(text, true)).toBe(expected);
});

test('a file lock, until file-locks is set', async () => {
  container({ descriptors: { 8: ['/data/db', 'lock:\t1: POSIX  ADVISORY  WRITE 7 00:69:650 0 EOF'] } });
  expect((await preflight()).obstacles).toMatchObject([
    { id: 'file-lock', evidence: ['process 7 (app), descriptor 8: /data/db'] },
  ]);
  node.put('etc/criu/runc.conf', 'file-locks\n');
  expect(await ids()).toEqual([]);
});

describe('a file watch', () => {
  const INOTIFY = 'inotify wd:1 ino:4c sdev:57 mask:102 ignored_mask:0 fhandle-bytes:24';
  beforeEach(() => container({ descriptors: { 3: ['anon_inode:inotify', INOTIFY] } }));
  const mounted = (line: string): void => node.put('proc/7/mountinfo', `${line}\n`);

  test('on overlayfs, of a file that is not found', async () => {
    mounted('390 249 0:87 / / rw,relatime - overlay overlay rw,lowerdir=/a,upperdir=/b');
    expect((await preflight()).obstacles).toMatchObject([{ id: 'file-watch', certainty: 'likely' }]);
  });

  test('by fanotify', async () => {
    container({
      pid: 8,
      descriptors: {
        4: ['anon_inode:[fanotify]', 'fanotify flags:10 event-flags:0', 'fanotify ino:4c sdev:57 mflags:0'],
      },
    });
    node.put('proc/8/mountinfo', '390 249 0:87 / / rw,relatime - overlay overlay rw,lowerdir=/a\n');
    expect((await preflight()).obstacles).toMatchObject([
      { id: 'file-watch', evidence: ['process 8 (app), descriptor 4: a file that was not found'] },
    ]);
  });

  test.each([
    ['another file system', '390 249 0:87 / / rw - ext4 /dev/sda rw'],
    ['an overlay that is exported', '390 249 0:87 / / rw - overlay overlay rw,nfs_export=on'],
    ['another device', '390 249 0:88 / / rw - overlay overlay rw'],
  ])('on %s', async (_what, line) => {
    mounted(line);
    expect(await ids()).toEqual([]);
  });
});

describe('a deleted file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'exhibit-ghost-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const MEBIBYTE = 2 ** 20;

  /** This process holds it, so that the kernel's own /proc tells of it. */
  async function held(bytes: number, options: string) {
    const file = path.join(folder, 'ghost');
    const fd = openSync(file, 'w');
    writeSync(fd, Buffer.alloc(bytes, 1));
    ftruncateSync(fd, 64 * MEBIBYTE);
    rmSync(file);
    const descriptors = [{ pid: process.pid, fd, link: `${file} (deleted)`, info: [] }];
    const look = {
      processes: [{ pid: process.pid, name: 'node', executable: '/usr/bin/node', descriptors }],
      options: { file: '/etc/criu/runc.conf', values: parseOptions(options) },
    } as unknown as ContainerLook;
    const found = await checkDeletedFiles(look, '/');
    closeSync(fd);
    return found;
  }

  test.each([
    [2 * MEBIBYTE, '', 1],
    [MEBIBYTE / 2, '', 0],
    [2 * MEBIBYTE, 'ghost-limit 1M', 1],
    [2 * MEBIBYTE, 'ghost-limit=4M', 0],
    [2 * MEBIBYTE, 'ghost-limit 4194304 # bytes', 0],
    [2 * MEBIBYTE, 'ghost-limit plenty', 1],
  ])('%d bytes on disk, "%s"', async (bytes, options, count) => {
    expect(await held(bytes, options)).toHaveLength(count);
  });
});

describe('unix sockets', () => {
  const HEADER = 'Num       RefCount Protocol Flags    Type St Inode Path\n';
  const line = (inode: number, name = ''): string =>
    `00000000caa5940c: 00000003 00000000 00000000 0001 03 ${inode}${name}\n`;
  const FAR = line(12, ' /run/a socket');

  beforeEach(() => {
    node.link('proc/1/ns/net', 'net:[1]');
    container({ descriptors: { 3: ['socket:[11]'] } });
  });

  test('one whose far end nobody in the pod holds', async () => {
    node.put('proc/7/net/unix', HEADER + line(11) + FAR);
    const [obstacle] = (await preflight()).obstacles;
    expect(obstacle).toMatchObject({ id: 'unix-socket', evidence: [expect.stringContaining('socket 11')] });
    expect(obstacle?.what).toContain('/run/a socket');
    node.put('etc/criu/runc.conf', 'external unix[11]\n');
    expect(await ids()).toEqual([]);
  });

  test('one to another container of the pod', async () => {
    node.put('proc/7/net/unix', HEADER + line(11) + FAR);
    node.process({ pid: 9, parent: 5, descriptors: { 4: ['socket:[12]'] } });
    expect(await ids()).toEqual([]);
  });

  test("on the node's own network nothing can be told", async () => {
    rmSync(path.join(node.root, 'proc/1'), { recursive: true });
    node.link('proc/1/ns/net', 'net:[4026531840]');
    node.put('proc/7/net/unix', HEADER + line(11) + FAR);
    expect(await ids()).toEqual([]);
  });
});

test('no CRIU in the PATH of the runtime', async () => {
  container({});
  rmSync(path.join(node.root, 'usr/sbin/criu'));
  expect((await preflight()).obstacles).toMatchObject([
    { id: 'criu', evidence: ['the runtime, process 5 (containerd-shim), looks in /sbin:/usr/sbin'] },
  ]);
});

test('a container that stands still', async () => {
  container({});
  node.put(`sys/fs/cgroup/pods/${ID}/cgroup.events`, 'populated 1\nfrozen 1\n');
  expect(await ids()).toEqual(['frozen']);
});

test.each([
  ['sleep', ['sleep', '1000'], '/bin/busybox', ['sleep']],
  ['busybox', ['/bin/busybox', 'sleep', '1000'], '/bin/busybox', ['sleep']],
  ["coreutils' sleep", ['sleep', '1000'], '/usr/bin/sleep', []],
  ['a shell of busybox', ['sh', '-c', 'sleep 9'], '/bin/busybox', []],
])('a first process that is %s', async (_what, command, executable, found) => {
  container({ command, executable });
  expect(await ids()).toEqual(found);
});

test('what Podman passes by itself needs no runc.conf', async () => {
  container({ descriptors: { 8: ['/data/db', 'lock:\t1: POSIX  ADVISORY  WRITE 7 00:69:650 0 EOF'] } });
  const options = { root: node.root, given: ['file-locks'], archiveFolder: '/root' };
  expect((await runPreflight(TARGET, ID, options)).verdict).toBe('clear');
});

test('more memory than the disk has room for', async () => {
  container({ memory: 2 ** 50 });
  node.put('var/lib/containerd/x', '');
  const { obstacles, verdict } = await preflight();
  expect(verdict).toBe('refusal');
  expect(obstacles).toMatchObject([{ id: 'disk-space', certainty: 'refusal' }]);
  // Both lie on one disk here: the archive once, images and copy twice.
  expect(obstacles[0]?.what).toContain('/var/lib/kubelet/checkpoints and /var/lib/containerd');
  expect(obstacles[0]?.evidence.join()).toContain('written 3 times');
});

test('descriptors that may not be read are told as a gap', async () => {
  container({});
  rmSync(path.join(node.root, 'proc/7/fd'), { recursive: true });
  expect((await preflight()).gaps).toEqual(['descriptors of process 7 cannot be read: run as root']);
});
