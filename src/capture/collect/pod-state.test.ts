import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readPodState } from './pod-state.ts';

const withStatus = (status: object, metadata: object = {}) =>
  readPodState({ metadata, spec: { containers: [{ name: 'reader' }] }, status });
const waiting = (reason: string, message?: string) => ({
  phase: 'Pending',
  containerStatuses: [{ name: 'reader', state: { waiting: { reason, message } } }],
});
const running = {
  phase: 'Running',
  containerStatuses: [{ name: 'reader', state: { running: { startedAt: '2026-11-24T10:00:00Z' } } }],
};

test('tells a pod that runs, one that is about to, and one that will not', () => {
  expect(withStatus(running)).toEqual({ kind: 'running' });
  expect(withStatus({ phase: 'Pending' })).toEqual({ kind: 'starting', detail: 'Pending' });
  expect(withStatus(waiting('ContainerCreating'))).toEqual({ kind: 'starting', detail: 'ContainerCreating' });
  expect(withStatus(waiting('ErrImageNeverPull', 'not\npresent'))).toEqual({
    kind: 'failed',
    reason: 'ErrImageNeverPull',
    detail: 'not present',
  });
  expect(withStatus({ phase: 'Failed', reason: 'DeadlineExceeded', message: 'too long' })).toEqual({
    kind: 'failed',
    reason: 'DeadlineExceeded',
    detail: 'too long',
  });
  expect(withStatus(running, { deletionTimestamp: '2026-11-24T10:00:00Z' })).toMatchObject({
    kind: 'failed',
  });
});

test('reads whatever a server answers', () => {
  fc.assert(
    fc.property(
      fc.object({ key: fc.constantFrom('status', 'phase', 'metadata', 'containerStatuses', 'state') }),
      (pod) => {
        expect(['running', 'starting', 'failed']).toContain(
          readPodState(pod as Record<string, unknown>).kind,
        );
      },
    ),
  );
});
