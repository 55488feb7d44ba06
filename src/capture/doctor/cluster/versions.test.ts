import { describe, expect, test } from 'vitest';
import type { ClusterNode } from '../../cluster/nodes.ts';
import { judgeKubelet, judgeRuntime } from './versions.ts';

const node = (more: Partial<ClusterNode>): ClusterNode => ({
  name: 'n1',
  ready: true,
  kubelet: '10.0.0.1:10250',
  names: ['n1'],
  kubeletVersion: 'v1.36.3',
  runtime: 'containerd://2.1.9',
  system: 'linux',
  ...more,
});

describe('the kubelet', () => {
  test.each([
    ['v1.24.17', 'failure'],
    ['v1.25.0', 'warning'],
    ['v1.28.15', 'warning'],
    ['v1.29.13', 'warning'],
    ['v1.29.14', 'ok'],
    ['v1.30.9', 'warning'],
    ['v1.30.10', 'ok'],
    ['v1.31.5+k3s1', 'warning'],
    ['v1.31.6', 'ok'],
    ['v1.32.1', 'warning'],
    ['v1.32.2+rke2r1', 'ok'],
    ['v1.33.0', 'ok'],
    ['v1.36.3', 'ok'],
    ['v2.0.0', 'ok'],
    ['', 'unknown'],
    ['v1.x', 'unknown'],
  ] as const)('%s: %s', (kubeletVersion, status) => {
    expect(judgeKubelet(node({ kubeletVersion })).status).toBe(status);
  });

  test('with the disk-filling hole: says where it is closed, and what closes it until then', () => {
    const { evidence, cure } = judgeKubelet(node({ kubeletVersion: 'v1.31.5' }));
    expect(evidence).toContain('GO-2025-3465');
    expect(cure).toEqual([
      'update the kubelet to 1.31.6 or later',
      "until then, in the kubelet's configuration: readOnlyPort: 0",
    ]);
    expect(judgeKubelet(node({ kubeletVersion: 'v1.27.1' })).cure[0]).toContain('1.29.14');
  });
});

describe('the runtime', () => {
  test.each([
    ['containerd://1.7.27', 'failure'],
    ['containerd://2.0.0-k3s1', 'ok'],
    ['containerd://2.1.9', 'ok'],
    ['cri-o://1.24.6', 'failure'],
    ['cri-o://1.25.0', 'ok'],
    ['cri-o://1.33.0', 'ok'],
    ['docker://27.0.1', 'unknown'],
    ['', 'unknown'],
  ] as const)('%s: %s', (runtime, status) => {
    expect(judgeRuntime(node({ runtime })).status).toBe(status);
  });

  test('of Windows has no CRIU', () => {
    expect(judgeRuntime(node({ system: 'windows' }))).toMatchObject({ status: 'warning' });
  });
});
