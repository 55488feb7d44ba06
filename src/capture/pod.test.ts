import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseContainer } from './container-choice.ts';
import { parseLabelSelector } from './label-selector.ts';
import { summarizePod } from './pod.ts';

const ID = 'ab'.repeat(32);

const status = (name: string, state: object, more: object = {}) => ({
  name,
  state,
  ready: true,
  restartCount: 2,
  containerID: `containerd://${ID}`,
  imageID: 'sha256:1',
  ...more,
});

const pod = {
  metadata: {
    name: 'web',
    namespace: 'shop',
    uid: 'u1',
    labels: { app: 'web' },
    annotations: { 'kubectl.kubernetes.io/default-container': 'app' },
  },
  spec: {
    nodeName: 'n1',
    initContainers: [
      { name: 'setup', image: 'i:1' },
      { name: 'mesh', image: 'i:2', restartPolicy: 'Always' },
    ],
    containers: [
      { name: 'app', image: 'i:3' },
      { name: 'log', image: 'i:4' },
    ],
    ephemeralContainers: [{ name: 'debug', image: 'i:5' }],
  },
  status: {
    phase: 'Running',
    hostIP: '10.0.0.7',
    initContainerStatuses: [
      status('setup', { terminated: { reason: 'Completed', startedAt: '2026-01-01T00:00:00Z' } }),
      status('mesh', { running: { startedAt: '2026-01-01T00:00:01Z' } }),
    ],
    containerStatuses: [
      // In another order than the spec's, as the kubelet may send them.
      status('log', { waiting: { reason: 'CrashLoopBackOff' } }, { ready: false }),
      status('app', { running: { startedAt: '2026-01-01T00:00:02Z' } }, { restartCount: 0 }),
    ],
    ephemeralContainerStatuses: [status('debug', { running: {} })],
  },
};

describe('summarizePod', () => {
  test('knows the mirror of a static pod, and by which UID its node knows it', () => {
    const annotations = { 'kubernetes.io/config.mirror': 'abc' };
    const mirror = { ...pod, metadata: { ...pod.metadata, annotations } };
    expect([summarizePod(mirror).static_uid, summarizePod(pod).static_uid]).toEqual(['abc', undefined]);
  });

  test('reads names, node, kinds, states and ids', () => {
    const summary = summarizePod(pod);
    expect(summary).toMatchObject({
      namespace: 'shop',
      pod: 'web',
      uid: 'u1',
      node: 'n1',
      node_address: '10.0.0.7',
      phase: 'Running',
      labels: { app: 'web' },
      default_container: 'app',
    });
    expect(summary.containers.map(({ name, kind, state, reason }) => [name, kind, state, reason])).toEqual([
      ['setup', 'init', 'terminated', 'Completed'],
      ['mesh', 'sidecar', 'running', undefined],
      ['app', 'container', 'running', undefined],
      ['log', 'container', 'waiting', 'CrashLoopBackOff'],
      ['debug', 'ephemeral', 'running', undefined],
    ]);
    expect(summary.containers[2]).toEqual({
      name: 'app',
      kind: 'container',
      image: 'i:3',
      image_id: 'sha256:1',
      runtime: 'containerd',
      id: ID,
      state: 'running',
      reason: undefined,
      ready: true,
      restarts: 0,
      started: '2026-01-01T00:00:02Z',
    });
  });

  test('reads whatever a hostile node sends without failing', () => {
    const junk = fc.anything({ maxDepth: 3 });
    const podLike = fc.record({
      metadata: junk,
      spec: fc.record({ containers: junk, initContainers: junk }),
      status: junk,
    });
    fc.assert(
      fc.property(fc.oneof(junk, podLike), (value) => {
        const { containers, labels, pod: name } = summarizePod(value);
        expect(typeof name).toBe('string');
        expect(Object.values(labels).every((label) => typeof label === 'string')).toBe(true);
        expect(containers.length).toBeLessThanOrEqual(3000);
      }),
    );
  });

  test('takes no id that is none: it becomes part of commands to paste', () => {
    const evil = structuredClone(pod);
    for (const item of evil.status.containerStatuses) item.containerID = 'containerd://$(reboot)';
    expect(summarizePod(evil).containers[2]?.id).toBeUndefined();
  });
});

describe('chooseContainer', () => {
  const summary = summarizePod(pod);
  const { default_container: _, ...undecided } = summary;

  test.each([
    ['app', 'app'],
    ['mesh', 'mesh'],
    ['debug', 'debug'],
    [undefined, 'app'],
  ])('%s → %s', (wanted, chosen) => {
    expect(chooseContainer(summary, wanted).name).toBe(chosen);
  });

  test('takes the only one, sidecars and init containers aside', () => {
    const containers = summary.containers.filter(({ name }) => name !== 'log');
    expect(chooseContainer({ ...undecided, containers }, undefined).name).toBe('app');
  });

  test.each([
    ['CONTAINER_CHOICE', undefined, /say which/],
    ['CONTAINER_NOT_FOUND', 'nope', /no container nope/],
    ['CONTAINER_NOT_RUNNING', 'log', /waiting: CrashLoopBackOff/],
    ['CONTAINER_NOT_RUNNING', 'setup', /terminated: Completed/],
  ])('%s lists the containers', (code, wanted, message) => {
    const choose = () => chooseContainer(undecided, wanted);
    expect(choose).toThrow(
      expect.objectContaining({
        code,
        message: expect.stringMatching(message),
        help: expect.arrayContaining(['mesh  (sidecar, running, i:2)', 'app  (running, i:3)']),
      }),
    );
  });
});

describe('parseLabelSelector', () => {
  const labels = { app: 'web', tier: 'front', 'example.com/zone': 'a' };
  test.each([
    ['', true],
    ['app=web', true],
    ['app == web', true],
    ['app=web,tier!=back', true],
    ['app=web,tier=back', false],
    ['missing!=x', true],
    ['app in (web, api), tier', true],
    ['app notin (web)', false],
    ['missing notin (a)', true],
    ['!missing,example.com/zone=a', true],
    ['!app', false],
    ['toString', false],
  ])('%s → %s', (selector, expected) => {
    expect(parseLabelSelector(selector)(labels)).toBe(expected);
  });

  test.each(['=x', 'app in web', 'a=b=c', 'app>1', ','])('refuses %s', (selector) => {
    expect(() => parseLabelSelector(selector)).toThrow(expect.objectContaining({ code: 'BAD_TARGET' }));
  });
});
