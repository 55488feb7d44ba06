import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readFreezerState } from './freezer.ts';
import { findContainerId } from './node-container.ts';
import { findDumpLog, receiveArchive } from './node-files.ts';
import { checkRunning } from './run-check.ts';

const ID = 'cd'.repeat(32);

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'exhibit-node-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(file: string, text: string): string {
  const full = path.join(root, file);
  mkdirSync(path.dirname(full), { recursive: true });
  writeFileSync(full, text);
  return full;
}

describe('readFreezerState', () => {
  test.each([
    ['THAWED\n', 'running'],
    ['FROZEN\n', 'frozen'],
    ['FREEZING\n', 'frozen'],
  ])('cgroup v1, freezer.state %j', async (text, state) => {
    put('proc/7/cgroup', `6:freezer:/k8s.io/${ID}\n0::/k8s.io/${ID}\n`);
    put(`sys/fs/cgroup/freezer/k8s.io/${ID}/freezer.state`, text);
    expect(await readFreezerState(ID, root)).toBe(state);
  });

  test.each([
    ['', '0', 'running'],
    ['', '1', 'frozen'],
    ['unified/', '1', 'frozen'],
  ])('cgroup v2 at sys/fs/cgroup/%s, frozen %s', async (mount, frozen, state) => {
    put('proc/7/cgroup', `0::/kubepods/cri-containerd-${ID}.scope\n`);
    put(
      `sys/fs/cgroup/${mount}kubepods/cri-containerd-${ID}.scope/cgroup.events`,
      `populated 1\nfrozen ${frozen}\n`,
    );
    expect(await readFreezerState(ID, root)).toBe(state);
  });

  test('a container without processes is gone, one without readable files unknown', async () => {
    put('proc/7/cgroup', '0::/other\n');
    expect(await readFreezerState(ID, root)).toBe('gone');
    put('proc/8/cgroup', `0::/${ID}\n`);
    expect(await readFreezerState(ID, root)).toBe('unknown');
    expect(await readFreezerState(ID, path.join(root, 'nowhere'))).toBe('unknown');
  });
});

describe('checkRunning', () => {
  const status = {
    name: 'app',
    kind: 'container',
    image: 'i',
    id: ID,
    state: 'running',
    ready: true,
    restarts: 0,
  } as const;

  test.each([
    ['frozen processes', { status, freezer: 'running' }, { status, freezer: 'frozen' }, 'frozen', /cgroup/],
    [
      'running processes',
      { status, freezer: 'running' },
      { status, freezer: 'running' },
      'running',
      /cgroup/,
    ],
    ['processes that are gone', { status, freezer: 'running' }, { status, freezer: 'gone' }, 'ended', /gone/],
    ['another node', { status, freezer: 'gone' }, { status, freezer: 'gone' }, 'running', /status says so;/],
    ['no look at the pod', {}, {}, 'unknown', /could not be looked up/],
    ['a restart', { status }, { status: { ...status, restarts: 1 } }, 'ended', /0 before, 1 now/],
    ['another container', { status }, { status: { ...status, id: 'ef'.repeat(32) } }, 'ended', /restarted/],
    [
      'an end',
      { status },
      { status: { ...status, state: 'terminated', reason: 'Error' } },
      'ended',
      /terminated: Error/,
    ],
    ['lost readiness', { status }, { status: { ...status, ready: false } }, 'running', /not ready any more/],
  ] as const)('%s', (_what, before, after, verdict, detail) => {
    const check = checkRunning(ID, before, after);
    expect(check.verdict).toBe(verdict);
    expect(check.detail).toMatch(detail);
    expect(check.help.join('\n').includes(`ctr -n k8s.io tasks resume ${ID}`)).toBe(verdict === 'frozen');
  });
});

describe('receiveArchive', () => {
  test.each([0, 8, 2 ** 20, 3 * 2 ** 20 + 5])('hashes %i bytes that the capture wrote here', async (size) => {
    const text = Array.from({ length: size }, (_, index) => String.fromCharCode(33 + (index % 89))).join('');
    const file = put('checkpoint.tar', text);
    const sha256 = createHash('sha256').update(text).digest('hex');
    expect(await receiveArchive(file, new Date())).toEqual({ path: file, here: true, size, sha256 });
  });

  test('does not take an older file, a link or nothing for it', async () => {
    const file = put('checkpoint.tar', 'old');
    utimesSync(file, new Date(0), new Date(0));
    const link = path.join(root, 'link.tar');
    symlinkSync(put('new.tar', 'new'), link);
    for (const other of [file, link, path.join(root, 'missing.tar')]) {
      expect(await receiveArchive(other, new Date())).toEqual({ path: other, here: false });
    }
  });
});

describe('findDumpLog', () => {
  test.each([
    `run/containerd/io.containerd.runtime.v2.task/k8s.io/${ID}/criu-dump.log`,
    `run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/${ID}/criu-dump.log`,
    `var/lib/containers/storage/overlay-containers/${ID}/userdata/dump.log`,
  ])('%s', async (place) => {
    const file = put(place, 'Error');
    expect(await findDumpLog(ID, new Date(), undefined, root)).toEqual({ path: file, text: 'Error' });
    utimesSync(file, new Date(0), new Date(0));
    expect(await findDumpLog(ID, new Date(), undefined, root)).toBeUndefined();
  });
});

test('findContainerId knows a container by its pod, whatever else lies there', async () => {
  const target = { namespace: 'shop', pod: 'web', container: 'app' };
  const folder = 'run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io';
  const annotations = {
    'io.kubernetes.cri.sandbox-namespace': 'shop',
    'io.kubernetes.cri.sandbox-name': 'web',
    'io.kubernetes.cri.container-name': 'app',
  };
  put(`${folder}/${'00'.repeat(32)}/config.json`, 'not JSON');
  put(`${folder}/${'11'.repeat(32)}/config.json`, '{"annotations":null}');
  put(
    `${folder}/${'22'.repeat(32)}/config.json`,
    JSON.stringify({ annotations: { ...annotations, 'io.kubernetes.cri.container-name': 'b' } }),
  );
  put(`${folder}/x/config.json`, JSON.stringify({ annotations }));
  expect(await findContainerId(target, root)).toBeUndefined();
  put(`${folder}/${ID}/config.json`, JSON.stringify({ annotations }));
  expect(await findContainerId(target, root)).toBe(ID);
});
