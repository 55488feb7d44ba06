import { describe, expect, it } from 'vitest';
import { openForged } from '../../test/support/checkpoint-forge.ts';
import { forgeImage } from '../../test/support/criu-forge.ts';
import { imageKinds } from '../criu/image-kinds.ts';

const mount = (mountpoint: string, more: object = {}) => ({
  message: {
    fstype: 5,
    mnt_id: 1,
    root_dev: 2,
    parent_mnt_id: 0,
    flags: 0,
    root: '/',
    mountpoint,
    source: 'tmpfs',
    options: '',
    ...more,
  },
});

describe('the mounts of a checkpoint', () => {
  it('are those that the engine asked for, in its words, then those that it did not', async () => {
    const checkpoint = await openForged({
      entries: {
        'spec.dump': {
          mounts: [
            { destination: '/data', type: 'bind', source: '/srv/data', options: ['rbind', 7] },
            'odd',
            null,
          ],
        },
      },
      images: {
        'mountpoints-9.img': forgeImage(imageKinds.mountpoints, [
          mount('./'),
          mount('./data'),
          mount('/mnt/later', { fstype: 16, fsname: 'xfs', source: '/dev/sdb' }),
        ]),
      },
    });
    expect(await checkpoint.mounts()).toEqual([
      { destination: '/data', type: 'bind', source: '/srv/data', options: ['rbind'] },
      { destination: '', type: '', source: '', options: [] },
      { destination: '', type: '', source: '', options: [] },
      { destination: '/mnt/later', type: 'xfs', source: '/dev/sdb', options: [] },
    ]);
  });
});
