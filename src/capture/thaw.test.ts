import { readFileSync, rmSync } from 'node:fs';
import { createServer, type Http2Server } from 'node:http2';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeNode } from './testing/fake-node.ts';
import { thawContainer } from './thaw.ts';

const ID = 'cd'.repeat(32);
const V1 = `sys/fs/cgroup/freezer/k8s.io/${ID}/freezer.state`;

let node: FakeNode;
let containerd: Http2Server | undefined;
beforeEach(() => {
  node = new FakeNode();
});
afterEach(() => {
  containerd?.close();
  containerd = undefined;
  node.remove();
});

/** The container's control group; `events` for v2, of which a real kernel writes one file when the other is written. */
function container(state: 'FROZEN' | 'THAWED'): void {
  node.process({ pid: 7, parent: 1, cgroup: `/k8s.io/${ID}` });
  node.put('proc/7/cgroup', `6:freezer:/k8s.io/${ID}\n`);
  node.put(V1, `${state}\n`);
}

const stateFile = (): string => readFileSync(path.join(node.root, V1), 'utf8').trim();

/** A containerd that answers a resume with a gRPC status and then does `resume`. */
async function serve(status: number, resume: () => void): Promise<readonly string[]> {
  const asked: string[] = [];
  node.put('run/containerd/x', '');
  const server = createServer();
  server.on('stream', (stream, headers) => {
    asked.push(`${headers[':path']} ${headers['containerd-namespace']}`);
    stream.on('data', (chunk: Buffer) => asked.push(chunk.subarray(7).toString()));
    stream.on('end', () => {
      resume();
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': `${status}` }));
      stream.end(Buffer.alloc(5));
    });
  });
  await new Promise<void>((resolve) =>
    server.listen(path.join(node.root, 'run/containerd/containerd.sock'), resolve),
  );
  containerd = server;
  return asked;
}

test('containerd is asked first, by its own namespace', async () => {
  container('FROZEN');
  const asked = await serve(0, () => node.put(V1, 'THAWED\n'));
  expect(await thawContainer(ID, node.root)).toEqual({ before: 'frozen', by: 'containerd' });
  expect(asked).toEqual(['/containerd.services.tasks.v1.Tasks/Resume k8s.io', ID]);
});

test.each([
  ['refuses', () => serve(2, () => undefined)],
  ['is not there', async () => undefined],
])('where containerd %s, the freezer is released', async (_what, prepare) => {
  container('FROZEN');
  await prepare();
  expect(await thawContainer(ID, node.root)).toEqual({ before: 'frozen', by: 'freezer' });
  expect(stateFile()).toBe('THAWED');
});

test('a containerd that does not answer is not waited for for long', async () => {
  container('FROZEN');
  node.put('run/containerd/x', '');
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) =>
    silent.listen(path.join(node.root, 'run/containerd/containerd.sock'), resolve),
  );
  containerd = silent;
  expect(await thawContainer(ID, node.root)).toEqual({ before: 'frozen', by: 'freezer' });
}, 20_000);

test('in cgroup v2 it is cgroup.freeze that is written', async () => {
  const folder = `sys/fs/cgroup/pods/${ID}`;
  node.process({ pid: 7, parent: 1, cgroup: `/pods/${ID}` });
  node.put(`${folder}/cgroup.freeze`, '1\n');
  node.put(`${folder}/cgroup.events`, 'populated 1\nfrozen 1\n');
  // Nobody here writes cgroup.events as the kernel would: so it is told that the container still stands.
  await expect(thawContainer(ID, node.root)).rejects.toMatchObject({
    code: 'THAW_FAILED',
    help: [expect.stringContaining(`tasks resume ${ID}`), expect.anything()],
  });
  expect(readFileSync(path.join(node.root, folder, 'cgroup.freeze'), 'utf8').trim()).toBe('0');
});

test('a container that runs is left alone', async () => {
  container('THAWED');
  const asked = await serve(0, () => undefined);
  expect(await thawContainer(ID, node.root)).toEqual({ before: 'running' });
  expect(asked).toEqual([]);
});

test('a container that is being checkpointed is left alone', async () => {
  container('FROZEN');
  node.process({ pid: 9, parent: 1, command: ['runc', '--root', '/run/runc', 'checkpoint', ID] });
  await expect(thawContainer(ID, node.root)).rejects.toMatchObject({
    code: 'CHECKPOINT_IN_PROGRESS',
    message: expect.stringContaining('process 9'),
  });
  expect(stateFile()).toBe('FROZEN');
});

test('a container that is not here', async () => {
  container('FROZEN');
  rmSync(path.join(node.root, 'proc/7'), { recursive: true });
  await expect(thawContainer(ID, node.root)).rejects.toMatchObject({ code: 'CONTAINER_NOT_FOUND' });
});
