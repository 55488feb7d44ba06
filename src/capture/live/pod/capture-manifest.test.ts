import { expect, test } from 'vitest';
import { captureManifest } from './capture-manifest.ts';

const OPTIONS = {
  node: 'n1',
  namespace: 'forensics',
  suffix: 'k3x9',
  owner: 'o',
  image: 'localhost/exhibit:1',
  imagePullPolicy: 'Never',
  deadlineSeconds: 600,
  args: ['shop/web/app'],
  keptIn: undefined,
} as const;

const writable = (keptIn?: string) => {
  const { spec } = captureManifest({ ...OPTIONS, keptIn });
  const places = new Map(spec.volumes.map((volume) => [volume.name, volume]));
  return spec.containers[0].volumeMounts
    .filter(({ readOnly }) => !readOnly)
    .map(({ name, mountPath }) => ({ mountPath, of: places.get(name) }));
};

test('may write control groups and folders of its own, and nothing else of the node', () => {
  expect(writable()).toEqual([
    {
      mountPath: '/sys/fs/cgroup',
      of: expect.objectContaining({ hostPath: { path: '/sys/fs/cgroup', type: 'Directory' } }),
    },
    { mountPath: '/work', of: { name: 'work', emptyDir: {} } },
    { mountPath: '/checkpoints', of: { name: 'spool', emptyDir: {} } },
  ]);
});

test('may write the checkpoints folder where the archive is to stay there', () => {
  const folder = '/var/lib/kubelet/checkpoints';
  expect(writable(folder).at(-1)).toEqual({
    mountPath: '/checkpoints',
    of: { name: 'spool', hostPath: { path: folder, type: 'DirectoryOrCreate' } },
  });
  expect(() => captureManifest({ ...OPTIONS, keptIn: '/var/../etc' })).toThrow(
    expect.objectContaining({ code: 'UNSAFE_PATH' }),
  );
});

test('goes onto its node past schedulers and taints, holds no token, and ends by itself', () => {
  const { spec } = captureManifest(OPTIONS);
  expect(spec).toMatchObject({
    nodeName: 'n1',
    tolerations: [{ operator: 'Exists' }],
    automountServiceAccountToken: false,
    activeDeadlineSeconds: 600,
    hostPID: true,
    restartPolicy: 'Never',
  });
  expect(spec.containers[0].command.slice(-2)).toEqual(['run', 'shop/web/app']);
  expect(spec.containers[0].resources.limits.memory).toBe('256Mi');
});
