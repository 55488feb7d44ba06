/**
 * A way to a node's API server that can be held and cut in the middle of a stream. It listens on this machine's loopback
 * and goes on through a program in the node, so that what is tested runs as any program of this machine does.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { TestNode } from '../../../testbed/node.ts';

export interface HeldProxy {
  /** The admin's, with this way as its server. */
  readonly kubeconfig: string;
  /** Bytes that came from the server, on all connections. */
  readonly received: number;
  /** The next connection that brings so many bytes is held there. */
  holdAfter(bytes: number): void;
  readonly isHeld: boolean;
  /** Lets what is held go on. */
  release(): void;
  /** Cuts what is held. */
  cut(): void;
  /** Cuts every connection that there is now. */
  cutAll(): void;
  close(): Promise<void>;
}

interface Connection {
  readonly socket: Socket;
  readonly way: ChildProcess;
}

export async function startHeldProxy(node: TestNode, kubeconfig: string): Promise<HeldProxy> {
  const connections = new Set<Connection>();
  let limit = Number.POSITIVE_INFINITY;
  let held: Connection | undefined;
  let received = 0;
  const server = createServer((socket) => {
    const [program = '', ...args] = node.command(['busybox', 'nc', node.address, '6443']);
    const way = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], env: node.environment });
    way.stdin.on('error', () => undefined);
    const connection = { socket, way };
    connections.add(connection);
    let own = 0;
    way.stdout.on('data', (bytes: Buffer) => {
      own += bytes.length;
      received += bytes.length;
      socket.write(bytes);
      if (own < limit) return;
      limit = Number.POSITIVE_INFINITY;
      held = connection;
      way.stdout.pause();
    });
    // Not destroyed: what is still to be sent would be lost.
    way.stdout.on('end', () => socket.end());
    socket.on('data', (bytes) => way.stdin.write(bytes));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      connections.delete(connection);
      way.kill('SIGKILL');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const admin = readFileSync(node.credentials.admin.kubeconfig, 'utf8');
  writeFileSync(kubeconfig, admin.replace(`${node.address}:6443`, `127.0.0.1:${port}`), { mode: 0o600 });
  const take = (): Connection => {
    if (held === undefined) throw new Error('nothing is held');
    const connection = held;
    held = undefined;
    return connection;
  };
  return {
    kubeconfig,
    get received() {
      return received;
    },
    get isHeld() {
      return held !== undefined;
    },
    holdAfter: (bytes) => {
      limit = bytes;
    },
    release: () => take().way.stdout?.resume(),
    cut: () => take().socket.destroy(),
    cutAll: () => {
      for (const { socket } of connections) socket.destroy();
    },
    close: async () => {
      for (const { socket } of connections) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
