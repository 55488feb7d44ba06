import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { createCheckpointFile } from '../checkpoint-file.ts';
import { type FakeAnswer, type FakeRuntime, startFakeRuntime, VERSION } from '../testing/fake-runtime.ts';
import { criRoute } from './cri-route.ts';
import { openRuntime } from './runtime.ts';
import { findRunning, runtimePodSource } from './runtime-pods.ts';
import { findRuntime } from './runtime-socket.ts';
import {
  decodeMessage,
  encodeMessage,
  type Field,
  integerOf,
  messagesOf,
  textMapOf,
  textOf,
} from './wire.ts';

let folder: string;
let socket: string;
let runtime: FakeRuntime | undefined;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'exhibit-cri-'));
  socket = path.join(folder, 'runtime.sock');
});
afterEach(async () => {
  await runtime?.close();
  runtime = undefined;
  rmSync(folder, { recursive: true });
});

async function serve(answers: Readonly<Record<string, FakeAnswer>>): Promise<FakeRuntime> {
  runtime = await startFakeRuntime(socket, answers);
  return runtime;
}

async function refusal(action: Promise<unknown>): Promise<ExhibitError> {
  const error = await action.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ExhibitError);
  return error as ExhibitError;
}

const message = (...fields: readonly Field[]): Uint8Array => encodeMessage(fields);
const listOf = (...items: readonly Uint8Array[]): FakeAnswer => ({
  body: message(...items.map((item): Field => [1, item])),
});

interface PodFacts {
  readonly id: string;
  readonly uid: string;
  readonly created: bigint;
  readonly isReady?: boolean;
}

const sandbox = ({ id, uid, created, isReady = true }: PodFacts): Uint8Array =>
  message(
    [1, id],
    [2, message([1, 'web'], [2, uid], [3, 'shop'])],
    [3, isReady ? 0n : 1n],
    [4, created],
    [5, message([1, 'app'], [2, 'web'])],
    [5, message([1, 'io.kubernetes.pod.name'], [2, 'web'])],
  );

const container = (id: string, pod: string, name: string, attempt: bigint, state: bigint): Uint8Array =>
  message(
    [1, id],
    [2, pod],
    [3, message([1, name], [2, attempt])],
    [4, message([1, 'sha256:1'], [18, 'image:1'])],
    [5, 'sha256:1'],
    [6, state],
    [7, 10n + attempt],
  );

describe('pods of a runtime', () => {
  const answers = {
    ListPodSandbox: listOf(
      sandbox({ id: 'old', uid: 'u0', created: 1n, isReady: false }),
      sandbox({ id: 'now', uid: 'u1', created: 2n }),
      sandbox({ id: 'older', uid: 'u00', created: 0n, isReady: false }),
    ),
    ListContainers: listOf(
      container('c9', 'old', 'app', 9n, 2n),
      container('c0', 'now', 'app', 0n, 2n),
      container('c1', 'now', 'app', 1n, 1n),
      container('c2', 'now', 'mesh', 0n, 1n),
    ),
  };

  test('are those that are there now, not earlier ones of their name', async () => {
    const { seen } = await serve(answers);
    const pod = await runtimePodSource(await openRuntime(socket)).get('shop', 'web');
    expect(pod).toMatchObject({
      namespace: 'shop',
      pod: 'web',
      uid: 'u1',
      phase: 'Running',
      labels: { app: 'web' },
    });
    expect(pod?.containers).toMatchObject([
      { name: 'mesh', id: 'c2', state: 'running', restarts: 0, kind: undefined },
      { name: 'app', id: 'c1', state: 'running', restarts: 1, image: 'image:1', runtime: 'containerd' },
    ]);
    const asked = messagesOf(decodeMessage(seen[1]?.body ?? Buffer.alloc(0)), 1)[0];
    expect(asked && textMapOf(asked, 3)).toEqual({
      'io.kubernetes.pod.namespace': 'shop',
      'io.kubernetes.pod.name': 'web',
    });
  });

  test('are filtered by labels, and none is no pod', async () => {
    await serve({ ...answers, ListPodSandbox: listOf() });
    const source = runtimePodSource(await openRuntime(socket));
    expect(await source.get('shop', 'web')).toBeUndefined();
    await runtime?.close();
    await serve(answers);
    expect(await source.list({ selector: 'app!=web' })).toEqual([]);
    expect(await source.list({ selector: 'app=web' })).toHaveLength(1);
  });

  test('a container is taken where it runs, and a known id decides', async () => {
    await serve(answers);
    const target = { namespace: 'shop', pod: 'web', container: 'app' };
    const opened = await openRuntime(socket);
    expect((await findRunning(opened, target, undefined))?.id).toBe('c1');
    expect(await findRunning(opened, target, 'c0')).toBeUndefined();
    expect(await findRunning(opened, target, 'ffff')).toBeUndefined();
  });
});

describe('a checkpoint', () => {
  test('is asked for without a deadline, and its refusal is told as it came', async () => {
    const refused = { status: 2, message: 'runc: „criu“ failed 100%' };
    const { seen } = await serve({ CheckpointContainer: refused });
    const answer = await (await openRuntime(socket)).checkpoint('c1', '/a.tar', 3600);
    expect(answer).toMatchObject({ status: 'Unknown', message: refused.message });
    const [, call] = seen;
    const request = decodeMessage(call?.body ?? Buffer.alloc(0));
    expect([textOf(request, 1), textOf(request, 2), integerOf(request, 3)]).toEqual(['c1', '/a.tar', 3600n]);
    expect(call?.headers).not.toHaveProperty('grpc-timeout');
  });

  test('whose connection is lost may have begun', async () => {
    await serve({ CheckpointContainer: { hangsUp: true } });
    const { code, message: told } = await refusal((await openRuntime(socket)).checkpoint('c1', '/a.tar', 1));
    expect(code).toBe('CAPTURE_CONNECTION_LOST');
    expect(told).toContain('may leave the container frozen');
  });
});

describe('the way through a runtime', () => {
  const options = { containerId: 'c1', reason: '', timeoutSeconds: 1 };
  const target = { namespace: 'shop', pod: 'web', container: 'app' };
  const take = async () => criRoute(await openRuntime(socket), { target, ...options, folder }).take();
  const archives = () => readdirSync(folder).filter((name) => name.endsWith('.tar'));

  test('leaves no file behind a failure, which is told with its cause', async () => {
    await serve({ CheckpointContainer: { status: 2, message: 'CRIU binary not found or too old (<31600)' } });
    expect((await refusal(take())).code).toBe('CRIU_MISSING');
    expect(archives()).toEqual([]);
  });

  test('takes an empty file for no archive: the runtime wrote it where we cannot see it', async () => {
    await serve({ CheckpointContainer: { body: Buffer.alloc(0) } });
    expect(path.dirname(await take())).toBe(folder);
    expect(archives()).toEqual([]);
  });
});

describe('a runtime that cannot be asked', () => {
  test.each([
    ['speaks no CRI', { Version: { status: 12, message: 'unknown service' } }, 'CHECKPOINT_UNSUPPORTED'],
    ['refuses', { Version: { status: 7, message: 'no' } }, 'API_FAILED'],
    ['hangs up', { Version: { hangsUp: true } }, 'CONNECTION_FAILED'],
    ['sends no message', { Version: { body: Uint8Array.of(0xff) } }, 'MALFORMED'],
    ['sends an unknown status', { Version: { status: 99 } }, 'API_FAILED'],
  ] as const)('because it %s', async (_what, answers, code) => {
    await serve(answers as Readonly<Record<string, FakeAnswer>>);
    expect((await refusal(openRuntime(socket))).code).toBe(code);
  });

  test('because its answer is too long', async () => {
    await serve({ ListContainers: { body: Buffer.alloc(16 * 1024 * 1024 + 1) } });
    const opened = await openRuntime(socket);
    expect((await refusal(opened.containers())).code).toBe('LIMIT_EXCEEDED');
  });

  test('because it is not there, or nobody listens', async () => {
    expect((await refusal(openRuntime(socket))).message).toContain('there is no such socket');
    writeFileSync(socket, '');
    expect((await refusal(openRuntime(socket))).code).toBe('CONNECTION_FAILED');
  });
});

describe('the socket', () => {
  test.each([
    ['unix://', ''],
    ['', ''],
  ])('is taken as crictl takes it: %sPATH', async (prefix) => {
    await serve({ Version: VERSION });
    expect(await findRuntime(`${prefix}${socket}`)).toMatchObject({
      socket,
      name: 'containerd',
      version: '2.1.9',
    });
  });

  test.each(['tcp://1.2.3.4', 'runtime.sock', `/${'a'.repeat(108)}`, '/a\0b'])(
    'is not %j',
    async (endpoint) => {
      expect((await refusal(findRuntime(endpoint))).code).toBe('BAD_TARGET');
    },
  );

  test('is looked for, and where there is none it is said where', async () => {
    const error = await refusal(findRuntime(undefined, folder));
    expect(error.code).toBe('NO_ROUTE');
    expect(error.help).toContain('/run/k3s/containerd/containerd.sock');
  });
});

describe('the file for an archive', () => {
  const label = 'web_shop-app';
  const time = new Date('2026-11-24T12:13:14.015Z');

  test('is new, and for its owner only', async () => {
    const place = path.join(folder, 'checkpoints');
    const file = await createCheckpointFile(label, time, place);
    expect(file).toBe(path.join(place, 'checkpoint-web_shop-app-20261124T121314.015Z.tar'));
    expect([statSync(place).mode & 0o777, statSync(file).mode & 0o777]).toEqual([0o700, 0o600]);
    expect((await refusal(createCheckpointFile(label, time, place))).code).toBe('WRITE_FAILED');
  });

  test('has a name that a file system takes, however long the pod is called', async () => {
    await createCheckpointFile('p'.repeat(253), time, folder);
    expect(readdirSync(folder)[0]).toMatch(/^checkpoint-p+-20261124T121314\.015Z\.tar$/);
  });
});
