import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  forgeCheckpointTar,
  forgeTasks,
  messagesOf,
  openForged,
} from '../../test/support/checkpoint-forge.ts';
import { fixtureArchive, withFixture } from '../../test/support/fixture.ts';
import { countingSource } from '../../test/support/sources.ts';
import { forgeTar } from '../../test/support/tar-forge.ts';
import { openArchive } from '../archive/open-archive.ts';
import { bufferSource } from '../bytes/byte-source.ts';
import { openFileSource } from '../bytes/file-source.ts';
import { openCheckpoint } from './open-checkpoint.ts';

const fixtures = path.resolve(import.meta.dirname, '../../fixtures');
const images = forgeTasks([]);

interface CheckpointctlRun {
  /** Empty where checkpointctl gave up, as it does on the zoo's zombie. */
  readonly stdout: readonly [Told] | '';
}

interface Told {
  readonly [field: string]: unknown;
  readonly engine: string;
  readonly checkpoint_size: Readonly<Record<string, number>>;
}

const checkpointctlOf = (fixture: string): CheckpointctlRun =>
  JSON.parse(readFileSync(path.join(fixtures, fixture, 'oracle/checkpointctl-inspect.json'), 'utf8'));

const readable = readdirSync(fixtures).filter((fixture) => checkpointctlOf(fixture).stdout !== '');

describe.each(readable)('openCheckpoint of %s', (fixture) => {
  it('knows what checkpointctl knows', async () => {
    await withFixture(fixture, async ({ container, sizes, engine }) => {
      const [told] = checkpointctlOf(fixture).stdout as readonly [Told];
      expect({
        name: container.name,
        image: container.image,
        id: container.id,
        runtime: container.runtime,
      }).toEqual({
        name: told.container_name,
        image: told.image,
        id: told.id,
        runtime: told.runtime,
      });
      expect(engine).toBe(told.engine.toLowerCase());
      expect(sizes).toEqual({
        total: told.checkpoint_size.total_size,
        memoryPages: told.checkpoint_size.memory_pages_size,
        rootfsDiff: told.checkpoint_size.root_fs_diff_size,
      });
    });
  });
});

describe('openCheckpoint', () => {
  it('reads no image', async () => {
    const file = await openFileSource(fixtureArchive('containerd-zoo'));
    const source = countingSource(file);
    const archive = await openArchive(source);
    const before = source.bytesRead;
    await openCheckpoint('zoo', archive);
    const json = ['config.dump', 'spec.dump', 'status.dump'].map((name) => archive.find(name)?.size ?? 0);
    expect(source.bytesRead - before).toBe(json.reduce((sum, size) => sum + size, 0));
    await file.close();
  });

  it('reads each part once', async () => {
    await withFixture('containerd-web', async (checkpoint) => {
      expect(await checkpoint.processes()).toBe(await checkpoint.processes());
      expect(await checkpoint.heldFiles()).toBe(await checkpoint.heldFiles());
      const [process] = await checkpoint.processes();
      expect(await process?.addressSpace()).toBe(await process?.addressSpace());
    });
  });

  it('reads a CRI-O archive', async () => {
    const checkpoint = await openForged({
      images,
      entries: {
        'config.dump': {
          id: 'abc',
          name: 'k8s_counter_counters_default_1_0',
          rootfsImageName: 'quay.io/adrianreber/counter:latest',
          rootfsImageRef: 'quay.io/adrianreber/counter@sha256:1',
          runtime: 'runc',
          createdTime: '2026-01-02T03:04:05Z',
          checkpointedTime: '2026-01-02T04:04:05Z',
          restoredTime: '0001-01-01T00:00:00Z',
        },
        'spec.dump': {
          hostname: 'counters',
          annotations: {
            'io.container.manager': 'cri-o',
            'io.kubernetes.cri-o.Metadata': '{"name":"counter","attempt":1}',
            'io.kubernetes.cri-o.IP.0': '10.88.0.7',
            'io.kubernetes.cri-o.Created': '2026-01-02T03:04:05.123456789Z',
            'io.kubernetes.pod.name': 'counters',
            'io.kubernetes.pod.namespace': 'default',
            'io.kubernetes.pod.uid': 'f00',
          },
        },
      },
    });
    expect(checkpoint).toMatchObject({
      engine: 'cri-o',
      container: {
        id: 'abc',
        name: 'counter',
        image: 'quay.io/adrianreber/counter:latest',
        imageId: 'quay.io/adrianreber/counter@sha256:1',
        created: '2026-01-02T03:04:05.123456789Z',
        checkpointed: '2026-01-02T04:04:05Z',
        ip: '10.88.0.7',
        hostname: 'counters',
      },
      pod: { name: 'counters', namespace: 'default', uid: 'f00' },
    });
  });

  it('reads the address that Podman gave a container', async () => {
    const checkpoint = await openForged({
      images,
      entries: {
        'spec.dump': { annotations: { 'io.container.manager': 'libpod' } },
        'network.status': {
          podman: {
            interfaces: {
              eth0: { subnets: [{ ipnet: '10.88.0.2/16', gateway: '10.88.0.1' }], mac_address: '0e:1f' },
            },
          },
        },
      },
    });
    expect(checkpoint.container).toMatchObject({ ip: '10.88.0.2', mac: '0e:1f' });
  });

  it('knows containerd’s pod without spec.dump', async () => {
    const archive = await openArchive(
      bufferSource(
        forgeCheckpointTar({
          images,
          entries: {
            'config.dump': { id: 'abc', name: 'app_web_shop_1_0' },
            'status.dump': {
              metadata: { name: 'app' },
              labels: {
                'io.kubernetes.container.name': 'app',
                'io.kubernetes.pod.name': 'web',
                'io.kubernetes.pod.namespace': 'shop',
                'io.kubernetes.pod.uid': 'f00',
              },
            },
          },
        }),
      ),
    );
    const checkpoint = await openCheckpoint('no-spec.tar', archive);
    expect(checkpoint).toMatchObject({
      engine: 'containerd',
      container: { name: 'app' },
      pod: { name: 'web', namespace: 'shop', uid: 'f00' },
    });
    expect(messagesOf(checkpoint)).toEqual([
      'spec.dump is missing: not all that identifies the container is known',
    ]);
  });

  it('refuses a tar that is no checkpoint', async () => {
    const archive = await openArchive(bufferSource(forgeTar([{ name: 'manifest.json', data: '[]' }])));
    await expect(openCheckpoint('image.tar', archive)).rejects.toMatchObject({
      code: 'NOT_A_CHECKPOINT',
      message: expect.stringMatching(/^image\.tar is a tar.*no config\.dump and no spec\.dump/),
    });
  });

  it('opens a pre-checkpoint', async () => {
    const checkpoint = await openForged({
      entries: { 'pre-checkpoint/pages-1.img': new Uint8Array(4096), 'pre-checkpoint/inventory.img': 'x' },
    });
    expect(checkpoint.notes()).toMatchObject([
      { severity: 'info', message: expect.stringContaining('pre-checkpoint') },
    ]);
    expect(checkpoint.sizes).toMatchObject({ total: 4097, memoryPages: 4096 });
    expect(await checkpoint.processes()).toEqual([]);
  });

  it('says that a checkpoint is incremental', async () => {
    const parent = { name: 'checkpoint/parent', flag: '2', link: '../pre-checkpoint' };
    const checkpoint = await openForged({ images, members: [parent] });
    expect(checkpoint.notes()).toMatchObject([
      { severity: 'info', message: expect.stringContaining('incremental') },
    ]);
  });

  it('names the likely cause where the images are elsewhere, though the runtime left its file', async () => {
    const checkpoint = await openForged({ images: { 'descriptors.json': Buffer.from('[]') } });
    expect(messagesOf(checkpoint)).toEqual([expect.stringContaining('images-dir')]);
    expect(await checkpoint.processes()).toEqual([]);
  });

  it('misses pstree.img where other images are there', async () => {
    const checkpoint = await openForged({ images: { 'files.img': new Uint8Array(0) } });
    expect(messagesOf(checkpoint)).toEqual(['checkpoint/pstree.img is missing: no process can be listed']);
  });

  it('warns of what lies behind the end of the archive', async () => {
    const tar = Buffer.concat([
      forgeCheckpointTar({ images }),
      Buffer.alloc(10_240, 'secret of another container'),
    ]);
    const checkpoint = await openCheckpoint('tail.tar', await openArchive(bufferSource(tar)));
    expect(messagesOf(checkpoint)).toContainEqual(expect.stringContaining('memory of another container'));
  });
});
