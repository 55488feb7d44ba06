import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openNode, startNode } from '../../../testbed/node.ts';
import { until } from '../../../testbed/process.ts';
import { clearLeftovers } from '../../../testbed/state.ts';
import * as pods from '../../../testbed/workloads/pods.ts';
import { useNode } from './use-node.ts';

describe('a node', () => {
  const node = useNode();
  beforeAll(() => node().apply(pods.namespace(pods.SHOP)));

  const restarts = async (pod: string) => {
    const path = 'jsonpath={.status.containerStatuses[*].restartCount}';
    return node().kubectl(['get', 'pod', '-n', pods.SHOP, pod, '-o', path]);
  };

  test.each([
    ['app', pods.web, []],
    ['sidecar', pods.web, []],
    ['family', pods.family, []],
    ['fileless', pods.fileless, []],
    ['vanished', pods.vanished, []],
    ['unread', pods.unread, []],
    ['kinds', pods.kinds, ['file-locks']],
    ['watch', pods.watch, []],
    ['watch', pods.watchPage, ['irmap-scan-path=/www/index.html']],
    ['ghost', pods.ghost, ['ghost-limit 4194304']],
  ] as const)('captures %s, which goes on', async (container, pod, runcOptions) => {
    const { name } = pod.metadata;
    node().setRuncOptions(...runcOptions);
    await node().apply(pod);
    await node().waitRunning(pods.SHOP, name);
    const archive = await node().checkpoint(pods.SHOP, name, container);
    expect(existsSync(node().hostPath(archive))).toBe(true);
    expect(await restarts(name)).toMatch(/^0( 0)*$/);
  });

  test('captures a reverse shell only if runc.conf allows it', async () => {
    node().setRuncOptions();
    await node().apply(pods.peer);
    await node().waitRunning(pods.SHOP, 'peer');
    const podIp = ['-o', 'jsonpath={.status.podIP}'];
    const address = await node().kubectl(['get', 'pod', '-n', pods.SHOP, 'peer', ...podIp]);
    await node().apply(pods.reverseShell(address));
    await node().waitRunning(pods.SHOP, 'reverse-shell');
    await expect(node().checkpoint(pods.SHOP, 'reverse-shell', 'nc')).rejects.toThrow('criu failed');
    node().setRuncOptions('tcp-established');
    await node().checkpoint(pods.SHOP, 'reverse-shell', 'nc');
  });

  test('loses a container whose first process is a sleep of busybox', async () => {
    await node().apply(pods.sleeper);
    await node().waitRunning(pods.SHOP, 'sleeper');
    await node().checkpoint(pods.SHOP, 'sleeper', 'sleeper');
    await until('the restart', async () => (await restarts('sleeper')) === '1' || undefined);
  });

  test('runs beside another without seeing it', async () => {
    const other = await startNode();
    expect(await other.kubectl(['get', 'pods', '-A'])).toBe('');
    await other.stop();
  });
});

describe('nothing stays of a node', () => {
  const hold = async () => {
    const tsx = ['--import', 'tsx', join(import.meta.dirname, 'hold-node.ts')];
    const holder = spawn(process.execPath, tsx, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
    const [id] = await once(holder.stdout, 'data');
    return { holder, node: openNode(`${id}`.trim()) };
  };
  const killGroup = ({ pid = 0 }: ChildProcess, signal: NodeJS.Signals) => process.kill(-pid, signal);
  const cgroups = (id: string) => `${execFileSync('find', ['/sys/fs/cgroup', '-name', id])}`;

  test.each(['SIGKILL', 'SIGINT'] as const)('whose starter got a %s', async (signal) => {
    const { holder, node } = await hold();
    killGroup(holder, signal);
    await until('its end', async () => !existsSync(node.state.folder) || undefined);
    expect([existsSync(`/proc/${node.pid}`), cgroups(node.id)]).toEqual([false, '']);
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(node.id);
  });

  test('whose keeper was killed, once another command has run', async () => {
    const { holder, node } = await hold();
    const keeper = execFileSync('pgrep', ['-o', '-f', `keeper.sh ${node.state.folder}`], {
      encoding: 'utf8',
    });
    process.kill(Number(keeper), 'SIGKILL');
    killGroup(holder, 'SIGKILL');
    await until('its end', async () => !existsSync(`/proc/${node.pid}`) || undefined);
    await clearLeftovers();
    expect([existsSync(node.state.folder), cgroups(node.id)]).toEqual([false, '']);
  });
});
