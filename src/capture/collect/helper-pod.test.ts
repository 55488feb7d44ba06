import { expect, test } from 'vitest';
import { type HelperPodOptions, helperPod } from './helper-pod.ts';

const OPTIONS: HelperPodOptions = {
  node: 'n1',
  namespace: 'forensics',
  suffix: 'k3x9',
  owner: 'o',
  image: 'busybox:1',
  imagePullPolicy: 'IfNotPresent',
  folder: '/var/lib/kubelet/checkpoints',
  deadlineSeconds: 600,
};

test('sees the checkpoints folder only, and cannot write', () => {
  const { spec } = helperPod(OPTIONS);
  expect(spec.volumes).toEqual([
    { name: 'checkpoints', hostPath: { path: '/var/lib/kubelet/checkpoints', type: 'Directory' } },
  ]);
  expect(spec.containers).toHaveLength(1);
  expect(spec.containers[0].volumeMounts).toEqual([
    { name: 'checkpoints', mountPath: '/checkpoints', readOnly: true },
  ]);
  expect(spec.containers[0].securityContext).toEqual({
    runAsUser: 0,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
});

test('has no identity, shares nothing of the node, and ends by itself', () => {
  const { spec } = helperPod(OPTIONS);
  expect(spec).toMatchObject({
    nodeName: 'n1',
    activeDeadlineSeconds: 600,
    automountServiceAccountToken: false,
    restartPolicy: 'Never',
    tolerations: [{ operator: 'Exists' }],
  });
  for (const shared of ['hostNetwork', 'hostPID', 'hostIPC']) expect(spec).not.toHaveProperty(shared);
});

test.each(['', '/', 'checkpoints', '/var/../etc', '/var//lib', '/var/lib/', '/a\nb', '/a\u001b', '/.hidden'])(
  'refuses the folder %j',
  (folder) => {
    const make = () => helperPod({ ...OPTIONS, folder });
    expect(make).toThrow(expect.objectContaining({ code: 'UNSAFE_PATH' }));
  },
);
