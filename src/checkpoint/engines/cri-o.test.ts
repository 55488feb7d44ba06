import { expect, it } from 'vitest';
import { openForged } from '../../../test/support/checkpoint-forge.ts';

const annotations = {
  'io.container.manager': 'cri-o',
  'io.kubernetes.container.name': 'app',
  'io.kubernetes.pod.name': 'web',
  'io.kubernetes.pod.namespace': 'shop',
  'io.kubernetes.cri-o.IP.0': '',
  'io.kubernetes.cri-o.Volumes': '',
};

it('takes empty annotations for unknown, and keeps them as evidence', async () => {
  const { container, pod } = await openForged({ entries: { 'spec.dump': { annotations } } });
  expect(container).toMatchObject({ name: 'app', ip: undefined });
  expect(container.annotations).toEqual(annotations);
  expect(pod).toEqual({ name: 'web', namespace: 'shop', uid: undefined });
});

it('shows what bind.mounts has and spec.dump has not', async () => {
  const checkpoint = await openForged({
    entries: {
      'spec.dump': {
        annotations,
        mounts: [{ destination: '/etc/hosts', type: 'bind', source: '/run/hosts' }],
      },
      'bind.mounts': [
        { source: '/run/hosts', destination: '/etc/hosts', file_type: 'file', permissions: 420 },
        { source: '/srv/data', destination: '/data', file_type: 'directory', permissions: 493 },
        { source: 7 },
      ],
    },
  });
  expect((await checkpoint.mounts()).map(({ destination, source }) => [destination, source])).toEqual([
    ['/etc/hosts', '/run/hosts'],
    ['/data', '/srv/data'],
  ]);
});

it.each(['{', 'null', '[]', '{"name":7}'])('names a container whose metadata are %s', async (metadata) => {
  const all = { ...annotations, 'io.kubernetes.cri-o.Metadata': metadata };
  const { container } = await openForged({ entries: { 'spec.dump': { annotations: all } } });
  expect(container.name).toBe('app');
});
