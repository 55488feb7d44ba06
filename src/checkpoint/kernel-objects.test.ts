import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { messagesOf, openForged } from '../../test/support/checkpoint-forge.ts';
import { concat, forgeImage, u32 } from '../../test/support/criu-forge.ts';
import { withFixture } from '../../test/support/fixture.ts';
import { imageKinds } from '../criu/image-kinds.ts';

describe('System V IPC', () => {
  it('is read from a recorded container', async () => {
    await withFixture('containerd-zoo', async (checkpoint) => {
      const [namespace, ...others] = await checkpoint.kernel.ipc();
      expect(others).toEqual([]);
      expect(namespace).toMatchObject({
        id: 11,
        segments: [{ key: 0x45584849, id: 0, mode: 0o600, uid: 0, size: 8192n }],
        queues: [{ key: 0x4d534751, capacity: 16384, messages: [{ type: 1n, size: 32 }] }],
        semaphores: [{ key: 0x53454d41, values: [0, 0, 0] }],
      });
      const place = namespace?.queues[0]?.messages[0]?.location;
      const entry = checkpoint.archive.find(place?.entry ?? '');
      const text =
        entry && (await checkpoint.archive.open(entry).read(place?.offset ?? 0, place?.length ?? 0));
      expect(Buffer.from(text ?? []).toString()).toBe(`in-a-message-queue${'\0'.repeat(14)}`);
    });
  });

  it('is read as far as a damaged queue goes', async () => {
    const desc = { key: 1, uid: 0, gid: 0, cuid: 0, cgid: 0, mode: 0o666, id: 4 };
    const message = Uint8Array.of(8, 5, 16, 3);
    const queue = forgeImage(imageKinds.ipcMsg, [
      {
        message: { desc, qbytes: 10, qnum: 3 },
        extra: concat(u32(4), message, new Uint8Array(8).fill(0x61), u32(0xffffffff), message),
      },
    ]);
    const checkpoint = await openForged({
      images: { 'ipcns-msg-3.img': queue, 'ipcns-sem-99999999999.img': queue },
    });
    const namespaces = await checkpoint.kernel.ipc();
    expect(namespaces).toMatchObject([
      { id: 3, queues: [{ messages: [{ type: 5n, size: 3, location: { length: 3 } }] }] },
    ]);
    expect(messagesOf(checkpoint).join()).toContain('promises 3 messages of a queue but only 1 are there');
  });
});

describe('control groups', () => {
  it('are those that /proc showed, by task', async () => {
    await withFixture('containerd-zoo', async (checkpoint) => {
      const { sets, groups } = await checkpoint.kernel.controlGroups();
      const proc = JSON.parse(readFileSync('fixtures/containerd-zoo/oracle/proc.json', 'utf8'));
      for (const process of await checkpoint.processes()) {
        const [thread] = process.threads;
        const set = sets.find(({ id }) => id === thread?.controlGroupSet);
        if (process.state === 'dead') continue;
        const lines: readonly string[] = proc.processes.find(
          (each: { pid: number }) => each.pid === process.pid,
        ).cgroup;
        for (const line of lines) {
          const [, controller = '', path = ''] = line.split(':');
          const member = set?.members.find(({ controller: name }) => name === controller);
          // /proc showed the testbed's own group above, which the container cannot see.
          expect(path.endsWith(member?.path ?? 'nothing'), line).toBe(true);
        }
      }
      expect(groups.map(({ controllers }) => controllers.join())).toContain('memory');
      expect(groups.find(({ controllers }) => controllers.includes('cpu'))?.properties).toContainEqual({
        name: 'cpu.shares',
        value: '2',
      });
    });
  });

  it('are told with their paths, and bounded', async () => {
    const leaf = (name: string): object => ({ dir_name: name, children: [], properties: [] });
    const root = { ...leaf('/a'), children: [leaf('b'), leaf('c')] };
    const image = (dirs: readonly object[]): Uint8Array =>
      forgeImage(imageKinds.cgroup, [{ message: { sets: [], controllers: [{ cnames: ['pids'], dirs }] } }]);
    const small = await openForged({ images: { 'cgroup.img': image([root]) } });
    expect((await small.kernel.controlGroups()).groups.map(({ path }) => path)).toEqual([
      '/a',
      '/a/b',
      '/a/c',
    ]);
    const large = await openForged({ images: { 'cgroup.img': image(Array(70_000).fill(leaf('x'))) } });
    expect((await large.kernel.controlGroups()).groups).toHaveLength(65_536);
    expect(messagesOf(large).join()).toContain('more than 65536 control groups');
  });

  it('are none without the image', async () => {
    const checkpoint = await openForged({});
    expect(await checkpoint.kernel.controlGroups()).toEqual({ sets: [], groups: [] });
  });
});

const golden = (name: string): Buffer =>
  readFileSync(new URL(`../criu/golden/netlink/${name}`, import.meta.url));

describe('network namespaces', () => {
  it('of a pod are said to be the pod’s', async () => {
    await withFixture('containerd-web', async (checkpoint) => {
      expect(await checkpoint.kernel.networks()).toMatchObject([
        { id: 10, externalKey: 'extRootNetNS', devices: [], addresses: [], firewalls: [] },
      ]);
    });
  });

  it('of the container have devices, addresses, routes, rules, connections and firewall rules', async () => {
    const netdev = forgeImage(imageKinds.netdev, [
      {
        message: {
          type: 'VETH',
          ifindex: 3,
          mtu: 1500,
          flags: 0x1103,
          name: 'eth0',
          address: Uint8Array.of(2, 0, 0, 0, 0, 1),
        },
      },
    ]);
    const checkpoint = await openForged({
      images: {
        'netdev-9.img': netdev,
        'ifaddr-9.img': golden('ifaddr.img'),
        'route-9.img': golden('route.img'),
        'route6-9.img': golden('route6.img'),
        'rule-9.img': golden('rule.img'),
        'netns-ct-9.img': golden('netns-ct.img').subarray(0, -3),
        'netns-exp-9.img': golden('netns-exp.img'),
        'iptables-9.img': golden('iptables.img'),
      },
    });
    const [network, ...others] = await checkpoint.kernel.networks();
    expect(others).toEqual([]);
    expect(network).toMatchObject({
      id: 9,
      externalKey: undefined,
      devices: [
        {
          index: 3,
          name: 'eth0',
          type: 'VETH',
          mtu: 1500,
          flags: 0x1103,
          hardwareAddress: '02:00:00:00:00:01',
        },
      ],
      firewalls: [{ kind: 'iptables', lines: expect.arrayContaining(['*filter']) }],
    });
    expect(network?.addresses).toHaveLength(7);
    expect(network?.routes).toHaveLength(20 + 3);
    expect(network?.rules).toHaveLength(7);
    expect(network?.connections).toHaveLength(4);
    expect(network?.expectedConnections).toHaveLength(1);
    expect(messagesOf(checkpoint).join()).toContain('promises a netlink message');
  });
});
