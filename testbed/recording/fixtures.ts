import type { TestNode } from '../node.ts';
import { waitLog } from '../node.ts';
import { attacker, breakIn, victim } from '../workloads/compromise.ts';
import * as pods from '../workloads/pods.ts';
import { namespace, SHOP } from '../workloads/pods.ts';

/** A container that is ready to be captured. */
export interface Scene {
  /** The container's first process, as the node counts. */
  readonly pid: number;
  readonly capture: () => Promise<Capture>;
}

export interface Capture {
  /** In the node. */
  readonly archive: string;
  /** The command that a person would type. */
  readonly command: string;
}

export interface Fixture {
  readonly name: string;
  readonly about: string;
  /** What the archive is called in the fixture's folder. */
  readonly file: string;
  readonly set: (node: TestNode) => Promise<Scene>;
}

export const FIXTURES: readonly Fixture[] = [
  {
    name: 'containerd-web',
    about: 'A web server (busybox httpd) with a password in its environment, and a child that counts.',
    file: 'checkpoint.tar',
    set: (node) => podScene(node, pods.web, 'app'),
  },
  {
    name: 'containerd-compromised',
    about:
      'A web server after a break-in through a CGI script: a reverse shell over established TCP, a miner that runs ' +
      'from a memfd under the name of a kernel thread, a program whose file was removed, dropped tools and a crontab, ' +
      'an account added to /etc/passwd. Every secret in it is made up.',
    file: 'checkpoint.tar',
    async set(node) {
      node.setRuncOptions('tcp-established');
      await node.apply(namespace(SHOP), attacker);
      await node.waitRunning(SHOP, 'attacker');
      const scene = await podScene(node, victim, 'app');
      await breakIn(node, await addressOf(node, 'web'), await addressOf(node, 'attacker'));
      await waitLog(node, SHOP, 'attacker', 'listener', 'toor');
      return scene;
    },
  },
  {
    name: 'containerd-zoo',
    about:
      'Many kinds of kernel object in one container: threads, a zombie, a memfd program, a removed program, unread ' +
      'bytes in pipes, sockets and a terminal, shared memory, locks, epoll, timers, signals, queues, a file in /dev.',
    file: 'checkpoint.tar',
    async set(node) {
      node.setRuncOptions('file-locks');
      const scene = await podScene(node, pods.zoo, 'zoo');
      await waitLog(node, SHOP, 'zoo', 'zoo', 'ready');
      return scene;
    },
  },
  {
    name: 'podman-web',
    about: 'The web server under Podman, with a named volume, a tmpfs, and files added, changed and deleted.',
    file: 'checkpoint.tar.zst',
    set: (node) => podmanScene(node, '/tmp/checkpoint.tar.zst', []),
  },
  {
    name: 'podman-gzip',
    about: 'The same, compressed with gzip.',
    file: 'checkpoint.tar.gz',
    set: (node) => podmanScene(node, '/tmp/checkpoint.tar.gz', ['--compress=gzip']),
  },
];

async function podScene(node: TestNode, pod: ReturnType<typeof pods.pod>, container: string): Promise<Scene> {
  const { name } = pod.metadata;
  await node.apply(namespace(SHOP), pod);
  await node.waitRunning(SHOP, name);
  return {
    pid: await taskPid(node, name, container),
    capture: async () => ({
      archive: await node.checkpoint(SHOP, name, container),
      command: `curl -X POST --cert … --key … https://${node.address}:10250/checkpoint/${SHOP}/${name}/${container}`,
    }),
  };
}

/** The first process of a pod's container, as the node counts. */
export async function taskPid(node: TestNode, pod: string, container: string): Promise<number> {
  const path = `jsonpath={.status.containerStatuses[?(@.name=="${container}")].containerID}`;
  const id = (await node.kubectl(['get', 'pod', '-n', SHOP, pod, '-o', path])).replace('containerd://', '');
  const { stdout } = await node.exec(['ctr', '--namespace', 'k8s.io', 'task', 'list']);
  const row = stdout.split('\n').find((line) => line.startsWith(id));
  return Number(row?.split(/\s+/)[1]);
}

function addressOf(node: TestNode, pod: string): Promise<string> {
  return node.kubectl(['get', 'pod', '-n', SHOP, pod, '-o', 'jsonpath={.status.podIP}']);
}

const PODMAN_SCRIPT = [
  'echo "order 1: one camera" >/orders/1.txt',
  'echo "in a tmpfs" >/scratch/note',
  "echo 'toor:x:0:0::/root:/bin/sh' >>/etc/passwd",
  'echo "<h1>Defaced</h1>" >/www/new.html',
  'rm /www/index.html',
  'counter >/dev/null &',
  'exec httpd -f -p 8080 -h /www',
].join('\n');

async function podmanScene(node: TestNode, archive: string, options: readonly string[]): Promise<Scene> {
  const volumes = [
    '--volume=orders:/orders',
    '--tmpfs=/scratch',
    '--env=DB_PASSWORD=correct-horse-battery-staple',
  ];
  await node.podman(['rm', '--all', '--force', '--volumes', '--time=0']);
  await node.podman([
    'run',
    '--detach',
    '--name=web',
    ...volumes,
    pods.WORKLOAD_IMAGE,
    'sh',
    '-c',
    PODMAN_SCRIPT,
  ]);
  const pid = Number(await node.podman(['inspect', '--format={{.State.Pid}}', 'web']));
  const command = ['container', 'checkpoint', '--leave-running', ...options, `--export=${archive}`, 'web'];
  return {
    pid,
    capture: async () => {
      await node.podman(command);
      return { archive, command: `podman ${command.join(' ')}` };
    },
  };
}
