/** What lies beside the images of a capture without CRIU, held against what containerd writes of the same container. */
import { beforeAll, describe, expect, test } from 'vitest';
import { openArchive } from '../../src/archive/open-archive.ts';
import { openFileSource } from '../../src/bytes/file-source.ts';
import type { CaptureReport } from '../../src/capture/capture.ts';
import { parseMountInfo } from '../../src/capture/live/proc/mount-info.ts';
import { succeeded, until } from '../../testbed/process.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();

/** Changes of each kind: a file added, changed, removed; a folder replaced by one of its name; files in memory. */
const changes = pods.pod(pods.SHOP, 'changes', [
  {
    name: 'changes',
    command: [
      'sh',
      '-euc',
      `echo 'what the log has'
      mkdir -p /srv/deep && echo new >/srv/deep/new && ln -s /etc/shadow /srv/link && mkfifo /srv/fifo
      echo 'evil:x:0:0::/:/bin/sh' >>/etc/passwd && rm /etc/group
      rm -r /www && mkdir /www && echo defaced >/www/index.html
      echo hidden >/dev/.hidden
      exec pause`,
    ],
  },
]);

/** A program of one's own that may open raw sockets, and a mark beside each of two files. */
const SET_ATTRIBUTES = `
import os, sys
capability = bytes.fromhex('0100000200200000000000000000000000000000')
os.setxattr(sys.argv[1] + '/srv/deep/new', 'security.capability', capability)
os.setxattr(sys.argv[1] + '/srv/deep/new', 'user.mark', b'seen')
os.setxattr(sys.argv[1] + '/dev/.hidden', 'user.mark', b'in memory')
`;

/** Files with extended attributes in a packed tar. */
async function attributesIn(archive: string): Promise<readonly unknown[]> {
  const packed = await openFileSource(node().hostPath(archive));
  const { entries, close } = await openArchive(packed);
  await close();
  await packed.close();
  return entries.flatMap(({ path, extendedAttributes = {} }) => {
    const all = Object.entries(extendedAttributes).map(([name, value]) => [
      name,
      Buffer.from(value).toString('hex'),
    ]);
    return all.length === 0 ? [] : [[path, Object.fromEntries(all)]];
  });
}

const hexOf = (text: string): string => Buffer.from(text).toString('hex');

async function sh(script: string): Promise<string> {
  const argv = ['sh', '-euc', script];
  return succeeded(argv, await node().exec(argv));
}

beforeAll(async () => {
  await node().apply(pods.namespace(pods.SHOP), changes);
  await node().waitRunning(pods.SHOP, 'changes');
  await until('its changes', () =>
    sh('ls /proc/*/root/dev/.hidden').then(
      () => true,
      () => undefined,
    ),
  );
  // As setcap and setfattr do, which the container does not have.
  await sh(`python3 -c "${SET_ATTRIBUTES}" "$(dirname /proc/*/root/dev/.hidden)/.."`);
  const { stdout } = await node().exhibit(['capture', 'shop/changes', '--via', 'node', '--json']);
  const ours = (JSON.parse(stdout) as CaptureReport).archive.path;
  const theirs = await node().checkpoint(pods.SHOP, 'changes', 'changes');
  for (const [folder, archive] of [
    ['ours', ours],
    ['theirs', theirs],
  ])
    await sh(`mkdir /tmp/${folder} && tar -xf '${archive}' -C /tmp/${folder}`);
});

/** Type, permissions, owner, size and name of each member, without times. */
async function members(archive: string): Promise<readonly string[]> {
  const list = await sh(`tar --list --verbose --numeric-owner --gzip --file ${archive}`);
  const lines = list.trim().split('\n');
  return lines.map((line) => line.replace(/ +\S+ \d\d:\d\d /, ' ')).sort();
}

describe('beside the images', () => {
  test('are the changes of the root filesystem, whiteouts as containerd writes them', async () => {
    const [ours, theirs] = await Promise.all(
      ['ours', 'theirs'].map((folder) => members(`/tmp/${folder}/rootfs-diff.tar`)),
    );
    expect(theirs?.join('\n')).toContain('etc/.wh.group');
    expect(ours).toEqual(theirs);
    const contents = (folder: string) =>
      sh(`tar -xOzf /tmp/${folder}/rootfs-diff.tar etc/passwd srv/deep/new www/index.html`);
    expect(await contents('ours')).toBe(await contents('theirs'));
  });

  test('are extended attributes: those that containerd takes, and what it leaves out', async () => {
    const capability = { 'security.capability': '0100000200200000000000000000000000000000' };
    const [ours, theirs] = await Promise.all(
      ['ours', 'theirs'].map((folder) => attributesIn(`/tmp/${folder}/rootfs-diff.tar`)),
    );
    expect(theirs).toEqual([['srv/deep/new', capability]]);
    expect(ours).toEqual([['srv/deep/new', { ...capability, 'user.mark': hexOf('seen') }]]);
    const images = (await sh('cd /tmp/ours/checkpoint && ls tmpfs-dev-*')).trim().split('\n');
    const inMemory = await Promise.all(images.map((image) => attributesIn(`/tmp/ours/checkpoint/${image}`)));
    expect(inMemory.flat()).toEqual([['.hidden', { 'user.mark': hexOf('in memory') }]]);
  });

  test('are the files of each tmpfs that CRIU takes, but for the places where other mounts lie', async () => {
    const images = await sh('cd /tmp/theirs/checkpoint && ls tmpfs-dev-*');
    const pid = (await sh('dirname /proc/*/root/dev/.hidden')).split('/')[2];
    const mounts = parseMountInfo(await sh(`cat /proc/${pid}/mountinfo`));
    expect(images).toContain('tmpfs-dev-');
    for (const image of images.trim().split('\n')) {
      const minor = Number(/\d+/.exec(image)?.[0]);
      const base = mounts.find((mount) => mount.minor === minor)?.mountPoint ?? '';
      const below = mounts.filter(({ mountPoint }) => mountPoint.startsWith(`${base}/`));
      const covered = below.map(({ mountPoint }) => `.${mountPoint.slice(base.length)}`);
      const isCovered = (line: string) => covered.some((path) => new RegExp(` \\${path}/?$`).test(line));
      const theirs = await members(`/tmp/theirs/checkpoint/${image}`);
      const ours = await members(`/tmp/ours/checkpoint/${image}`);
      expect(ours, image).toEqual(theirs.filter((line) => !isCovered(line)));
    }
  });

  test("are the log and the runtime's documents", async () => {
    const read = (folder: string, name: string) => sh(`cat /tmp/${folder}/${name}`);
    expect(await read('ours', 'container.log')).toBe(await read('theirs', 'container.log'));
    expect(JSON.parse(await read('ours', 'spec.dump'))).toEqual(
      JSON.parse(await read('theirs', 'spec.dump')),
    );
    expect(JSON.parse(await read('ours', 'status'))).toEqual(JSON.parse(await read('theirs', 'status')));
    const config = JSON.parse(await read('theirs', 'config.dump'));
    expect(JSON.parse(await read('ours', 'config.dump'))).toEqual({
      ...config,
      checkpointedTime: expect.any(String),
      createdTime: expect.stringContaining(config.createdTime.slice(0, 19)),
      runtime: '',
    });
    const { labels, id } = JSON.parse(await read('theirs', 'status.dump'));
    expect(JSON.parse(await read('ours', 'status.dump'))).toMatchObject({ id, labels });
  });
});
