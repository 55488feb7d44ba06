import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Endpoint } from '../https-client.ts';
import { type CommandEnd, runInPod } from './pod-command.ts';

let server: Server;
let sockets: WebSocketServer;
/** What the server does once the command is asked for. */
let converse: (socket: WebSocket) => void = () => undefined;
let asked = '';

beforeEach(async () => {
  server = createServer();
  sockets = new WebSocketServer({ server, handleProtocols: (offered) => [...offered][0] ?? false });
  sockets.on('connection', (socket, request) => {
    asked = request.url ?? '';
    converse(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  for (const socket of sockets.clients) socket.terminate();
  sockets.close();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

const endpoint = (): Endpoint => ({
  url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/behind/rancher`),
  options: {},
  trustHelp: [],
});

async function run(signal = new AbortController().signal): Promise<CommandEnd & { readonly output: string }> {
  let output = '';
  const end = await runInPod(endpoint(), {
    namespace: 'forensics',
    pod: 'p',
    container: 'reader',
    argv: ['sh', '-c', 'cat "$1"', 'sh', "a b&c='"],
    onOutput: (bytes) => {
      output += Buffer.from(bytes).toString();
    },
    signal,
  });
  return { ...end, output };
}

const send = (socket: WebSocket, channel: number, text: string): void =>
  socket.send(Buffer.concat([Buffer.of(channel), Buffer.from(text)]));

/** Tells how the command ended, and closes. */
function end(socket: WebSocket, status: object | string): void {
  send(socket, 3, typeof status === 'string' ? status : JSON.stringify(status));
  socket.close();
}

const exitedWith = (code: string) => ({
  status: 'Failure',
  reason: 'NonZeroExitCode',
  details: { causes: [{ reason: 'ExitCode', message: code }] },
});

test('gives output and errors apart, in order, and what was asked for as it was', async () => {
  converse = (socket) => {
    for (const text of ['one ', 'two ', 'three']) send(socket, 1, text);
    send(socket, 2, 'a warning');
    end(socket, { status: 'Success' });
  };
  expect(await run()).toEqual({ exitCode: 0, errors: 'a warning', output: 'one two three' });
  expect(asked).toMatch(/^\/behind\/rancher\/api\/v1\/namespaces\/forensics\/pods\/p\/exec\?/);
  const query = new URLSearchParams(asked.slice(asked.indexOf('?')));
  expect(query.getAll('command')).toEqual(['sh', '-c', 'cat "$1"', 'sh', "a b&c='"]);
});

test('gives the exit code of a command that failed', async () => {
  converse = (socket) => end(socket, exitedWith('3'));
  expect(await run()).toMatchObject({ exitCode: 3 });
});

test.each<readonly [string, (socket: WebSocket) => void]>([
  ['closes before the end', (socket) => socket.close()],
  ['is cut', (socket) => socket.terminate()],
  ['was ended by a signal', (socket) => end(socket, exitedWith('137'))],
  ['tells of trouble', (socket) => end(socket, { status: 'Failure', message: 'container not found' })],
  ['tells no number', (socket) => end(socket, exitedWith('much'))],
  ['tells what is not JSON', (socket) => end(socket, '{')],
  ['tells nothing', (socket) => end(socket, '')],
  ['sends more than fits a message', (socket) => send(socket, 1, 'x'.repeat(5 * 1024 * 1024))],
])('a stream that %s is told to be cut', async (_, conversation) => {
  converse = conversation;
  await expect(run()).rejects.toMatchObject({ code: 'COLLECT_STREAM_CUT' });
});

test('what the output meets with ends the command', async () => {
  converse = (socket) => send(socket, 1, 'x');
  const running = runInPod(endpoint(), {
    namespace: 'n',
    pod: 'p',
    container: 'c',
    argv: [],
    onOutput: () => Promise.reject(new Error('the disk is full')),
    signal: new AbortController().signal,
  });
  await expect(running).rejects.toThrow('the disk is full');
});

test("the user's signal ends the command with its reason", async () => {
  const controller = new AbortController();
  converse = () => controller.abort(new Error('ended by SIGINT'));
  await expect(run(controller.signal)).rejects.toThrow('ended by SIGINT');
});

test.each([
  [403, 'User "i" cannot create resource "pods/exec" in API group ""', 'API_FORBIDDEN'],
  [401, 'Unauthorized', 'API_UNAUTHORIZED'],
  [404, 'pods "p" not found', 'COLLECT_STREAM_CUT'],
  [500, 'etcd is slow\u001b[2J', 'API_UNAVAILABLE'],
])('a refusal with %i is told with its text', async (status, message, code) => {
  sockets.close();
  server.removeAllListeners('upgrade');
  server.on('upgrade', (_request, socket) => {
    const body = JSON.stringify({ kind: 'Status', message });
    socket.end(
      `HTTP/1.1 ${status} No\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  });
  await expect(run()).rejects.toMatchObject({ code });
});

test('nobody there is told as that', async () => {
  const gone = { ...endpoint(), url: new URL('http://127.0.0.1:1') };
  const command = { namespace: 'n', pod: 'p', container: 'c', argv: [], onOutput: () => undefined };
  const running = runInPod(gone, { ...command, signal: new AbortController().signal });
  await expect(running).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
});

test('whatever a server sends, it ends in a result or in an error of ours', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }), async (messages) => {
      converse = (socket) => {
        for (const message of messages) socket.send(message);
        socket.close();
      };
      const outcome = await run().catch((error: unknown) => error);
      const isResult = typeof (outcome as CommandEnd).exitCode === 'number';
      if (!isResult) expect(outcome).toMatchObject({ code: 'COLLECT_STREAM_CUT' });
    }),
    { numRuns: 40 },
  );
});
