/** A port behind which nobody answers, as a firewall that drops packets leaves one: its queue of connections is full. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';

/** It listens and never accepts: it sleeps for good as soon as it has told its port. */
const PROGRAM = `
  const server = require('node:net').createServer();
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    require('node:fs').writeSync(1, String(server.address().port));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });`;

/** Connections that are tried until one is not made; the kernel holds one more than the backlog. */
const MAX_CONNECTIONS = 16;
/** The kernel answers at once while there is room; milliseconds. */
const ANSWER = 500;

export interface DeafServer {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  close(): void;
}

export async function startDeafServer(): Promise<DeafServer> {
  const child = spawn(process.execPath, ['-e', PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await portOf(child);
  const sockets: net.Socket[] = [];
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    child.kill('SIGKILL');
  };
  while (sockets.length < MAX_CONNECTIONS) {
    const socket = net.connect(port, '127.0.0.1').on('error', () => undefined);
    sockets.push(socket);
    if (!(await isConnected(socket))) return { address: `127.0.0.1:${port}`, close };
  }
  close();
  throw new Error(`port ${port} takes ${MAX_CONNECTIONS} connections without accepting one`);
}

async function portOf({ stdout }: ChildProcess): Promise<number> {
  if (stdout === null) throw new Error('no output');
  const [text] = await once(stdout, 'data');
  return Number(String(text));
}

const isConnected = (socket: net.Socket): Promise<boolean> =>
  Promise.race([
    once(socket, 'connect').then(() => true),
    new Promise<boolean>((resolve) => setTimeout(resolve, ANSWER, false)),
  ]);
