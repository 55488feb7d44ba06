import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { archivePath, explainKubeletAnswer } from './kubelet-answer.ts';

const target = { namespace: 'shop', pod: 'web', container: 'app' };
const failed = (inner: string) => `checkpointing of shop/web/app failed (${inner})`;
const explain = (status: number, body: string) => explainKubeletAnswer({ status, body }, target);

describe('every answer has its code, and its text names what to look at', () => {
  test.each([
    [401, 'Unauthorized', 'KUBELET_UNAUTHORIZED', /clientCAFile/],
    [403, 'Forbidden', 'KUBELET_FORBIDDEN', /nodes\/checkpoint: create/],
    [404, 'pod does not exist', 'POD_NOT_FOUND', /no pod web in namespace shop/],
    [404, 'container app does not exist', 'CONTAINER_NOT_FOUND', /shop\/web has no container app/],
    [404, 'cannot parse value of timeout parameter', 'KUBELET_BAD_ANSWER', /whole seconds/],
    [404, '404 page not found\n', 'CHECKPOINT_DISABLED', /ContainerCheckpoint/],
    [404, '404: Page Not Found', 'CHECKPOINT_DISABLED', /ContainerCheckpoint/],
    [405, 'Debug endpoints are disabled.', 'CHECKPOINT_DISABLED', /debugging handlers/],
    [500, 'Authorization error (user=x, verb=create)', 'KUBELET_AUTHORIZATION_FAILED', /API server/],
    [500, failed('container app not found'), 'CONTAINER_NOT_RUNNING', /shop\/web\/app is not running/],
    [
      500,
      failed('rpc error: code = Unimplemented desc = method CheckpointContainer not implemented'),
      'CHECKPOINT_UNSUPPORTED',
      /containerd can from 2\.0/,
    ],
    [500, failed('checkpoint/restore support not available'), 'CRIU_DISABLED', /CRI-O/],
    [500, failed('criu support is disabled by configuration'), 'CRIU_DISABLED', /CRI-O/],
    [
      500,
      failed(
        'rpc error: code = Unknown desc = CRIU binary not found or too old (<31600). Failed to checkpoint',
      ),
      'CRIU_MISSING',
      /\(CRIU binary not found or too old/,
    ],
    [500, failed('criu binary not found in shim path or system PATH'), 'CRIU_MISSING', /missing or too old/],
    [
      500,
      failed('rpc error: code = Unknown desc = already in progress'),
      'CHECKPOINT_IN_PROGRESS',
      /another/,
    ],
    [
      500,
      failed('open /var/lib/containerd/x/ctrd-checkpoint/status: no such file or directory'),
      'CHECKPOINT_IN_PROGRESS',
      /another/,
    ],
    [
      500,
      failed('rpc error: code = DeadlineExceeded desc = context deadline exceeded'),
      'CHECKPOINT_TIMED_OUT',
      /frozen.*--timeout/,
    ],
    [
      500,
      failed(
        'failed to create diff tar stream: lstat /x/ctrd-checkpoint/checkpoint/pstree.img: no such file or directory',
      ),
      'CHECKPOINT_IN_PROGRESS',
      /another/,
    ],
    [
      500,
      failed(
        'checkpointing container "ab" failed: image "containerd.io/checkpoint/ab:11-24-2026-10:01:34": already exists',
      ),
      'CHECKPOINT_IN_PROGRESS',
      /another/,
    ],
    [
      500,
      failed('checkpointing container "ab" failed: cannot pause a paused container'),
      'CHECKPOINT_IN_PROGRESS',
      /stands still already/,
    ],
    [500, failed('write x: no space left on device'), 'CHECKPOINT_FAILED', /disk is full/],
    [
      500,
      failed('rpc error: code = Unknown desc = runc failed: criu'),
      'CHECKPOINT_FAILED',
      /: runc failed: criu$/,
    ],
    [500, 'something else', 'KUBELET_BAD_ANSWER', /500: something else/],
    [502, '', 'KUBELET_BAD_ANSWER', /502: \(empty\)/],
  ])('%i %s', (status, body, code, message) => {
    const error = explain(status, body);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });
});

describe('a denial', () => {
  const older = 'Forbidden (user=investigator, verb=create, resource=nodes, subresource=checkpoint)';
  const newer = 'Forbidden (user=investigator, verb=create, resource=nodes, subresource(s)=[checkpoint])\n';

  test.each([older, newer])('names user, verb and resource, and the grant: %s', (body) => {
    const error = explain(403, body);
    expect(error.code).toBe('KUBELET_FORBIDDEN');
    expect(error.message).toContain('user investigator may not create nodes/checkpoint');
    expect(error.help).toEqual([
      'A cluster administrator allows it with:',
      'kubectl create clusterrole exhibit-create-nodes-checkpoint --verb=create --resource=nodes/checkpoint',
      'kubectl create clusterrolebinding exhibit-create-nodes-checkpoint-investigator --clusterrole=exhibit-create-nodes-checkpoint --user=investigator',
      expect.stringContaining('30 seconds'),
    ]);
  });

  test.each([
    ['system:serviceaccount:forensics:camera', '--serviceaccount=forensics:camera'],
    ['system:node:n1', '--group=system:nodes'],
    ["x'; rm -rf / #", "--user='x'\\''; rm -rf / #'"],
  ])('of %s is granted with %s', (user, subject) => {
    const body = `Forbidden (user=${user}, verb=create, resource=nodes, subresource(s)=[checkpoint])`;
    expect(explain(403, body).help[2]).toMatch(
      new RegExp(`${subject.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`),
    );
  });

  test('of the API server says that it is the API server', () => {
    const body =
      'Forbidden (user=kube-apiserver-kubelet-client, verb=create, resource=nodes, subresource(s)=[checkpoint])';
    const error = explain(403, body);
    expect(error.message).toMatch(/API server's own client/);
    expect(error.help[0]).toContain('--via kubelet');
  });

  test('names the narrowest of several subresources', () => {
    const body = 'Forbidden (user=a, verb=get, resource=nodes, subresource(s)=[pods proxy])';
    expect(explain(403, body).message).toContain('may not get nodes/pods');
  });
});

describe('archivePath', () => {
  test('reads the first item', () => {
    expect(archivePath('{"items":["/var/lib/kubelet/checkpoints/checkpoint-a.tar"]}')).toBe(
      '/var/lib/kubelet/checkpoints/checkpoint-a.tar',
    );
  });

  test.each([
    '',
    'null',
    '{}',
    '{"items":[]}',
    '{"items":[7]}',
    '{"items":["relative"]}',
    '{"items":"x"}',
    '[]',
  ])('refuses %j', (body) => {
    expect(() => archivePath(body)).toThrow(expect.objectContaining({ code: 'KUBELET_BAD_ANSWER' }));
  });
});

test('whatever a node answers becomes one bounded error', () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 599 }), fc.string({ maxLength: 5000 }), (status, body) => {
      const error = explain(status, body);
      expect(error).toBeInstanceOf(ExhibitError);
      expect(error.message.length).toBeLessThan(1500);
    }),
  );
});
