import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type ForgedMember, forgeTar } from '../../test/support/tar-forge.ts';
import { openArchive } from '../archive/open-archive.ts';
import { bufferSource } from '../bytes/byte-source.ts';
import { filesOfLayers, imageLayers } from './image-layers.ts';

const LOWER: readonly ForgedMember[] = [
  { name: 'bin/busybox', data: 'lower busybox' },
  { name: 'bin/removed', data: 'gone' },
  { name: 'etc/old/a', data: 'hidden' },
  { name: 'etc/kept', data: 'kept' },
  { name: 'opt/tree/b', data: 'hidden' },
  { name: 'srv/x/y', data: 'behind a link' },
];
const UPPER: readonly ForgedMember[] = [
  { name: './bin/busybox', data: 'upper busybox' },
  { name: 'bin/sh', flag: '1', link: 'bin/busybox' },
  { name: 'bin/.wh.removed', data: '' },
  { name: 'etc/old/.wh..wh..opq', data: '' },
  { name: 'etc/old/new', data: 'new' },
  { name: 'opt/.wh.tree', data: '' },
  { name: 'srv/x', flag: '2', link: '/elsewhere' },
];

const sha = (data: Buffer): string => createHash('sha256').update(data).digest('hex');
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const blob = (data: Buffer): ForgedMember => ({ name: `blobs/sha256/${sha(data)}`, data });
const digest = (data: Buffer) => ({ digest: `sha256:${sha(data)}` });

function dockerArchive(layers: readonly Buffer[]): Buffer {
  const names = layers.map((_, index) => `${index}/layer.tar`);
  const members = layers.map((data, index) => ({ name: names[index] ?? '', data }));
  return forgeTar([...members, { name: 'manifest.json', data: json([{ Layers: names }]) }]);
}

function ociLayout(layers: readonly Buffer[]): Buffer {
  const manifest = json({ layers: layers.map(digest) });
  const platforms = json({
    manifests: [digest(manifest), { ...digest(json({})), platform: { os: 'unknown' } }],
  });
  const top = json({ manifests: [digest(platforms)] });
  const files = [manifest, platforms, ...layers].map(blob);
  return forgeTar([{ name: 'oci-layout', data: '{}' }, ...files, { name: 'index.json', data: top }]);
}

async function contentOf(image: Buffer, path: string): Promise<string | undefined> {
  const layers = await imageLayers(await openArchive(bufferSource(image)));
  const file = await filesOfLayers('image.tar', layers ?? []).open(path);
  return file && Buffer.from(await file.read(0, file.size)).toString();
}

const open = async (members: readonly ForgedMember[]) =>
  imageLayers(await openArchive(bufferSource(forgeTar(members))));

describe.each([
  ['docker save', dockerArchive([forgeTar(LOWER), forgeTar(UPPER)])],
  ['an OCI layout, packed', ociLayout([gzipSync(forgeTar(LOWER)), gzipSync(forgeTar(UPPER))])],
])('an image of %s', (_what, image) => {
  it.each([
    ['/bin/busybox', 'upper busybox'],
    ['/bin/sh', 'upper busybox'],
    ['/bin/removed', undefined],
    ['/etc/old/a', undefined],
    ['/etc/old/new', 'new'],
    ['/etc/kept', 'kept'],
    ['/opt/tree/b', undefined],
    ['/srv/x/y', undefined],
    ['/srv', undefined],
    ['/nowhere', undefined],
  ])('has at %s what its layers leave there', async (path, content) => {
    expect(await contentOf(image, path)).toBe(content);
  });
});

describe('a tar', () => {
  it('of files alone is no image', async () => {
    expect(await open(LOWER)).toBeUndefined();
    expect(
      await open([...LOWER, { name: 'manifest.json', data: '[{"name": "of a browser"}]' }]),
    ).toBeUndefined();
    expect(await open([...LOWER, { name: 'index.json', data: '{}' }])).toBeUndefined();
  });

  it.each([
    [
      'two images',
      [{ name: 'manifest.json', data: json([{ Layers: ['a'] }, { Layers: ['b'] }]) }],
      /holds 2 images/,
    ],
    ['a missing layer', [{ name: 'manifest.json', data: json([{ Layers: ['gone.tar'] }]) }], /gone\.tar/],
    [
      'too many layers',
      [{ name: 'manifest.json', data: json([{ Layers: Array(129).fill('x') }]) }],
      /129 layers/,
    ],
    ['an index of nothing', [{ name: 'oci-layout', data: '{}' }], /no manifest/],
    [
      'a digest that leads out',
      [
        { name: 'oci-layout', data: '{}' },
        { name: 'index.json', data: json({ manifests: [{ digest: '../../etc/passwd' }] }) },
      ],
      /which is none/,
    ],
  ])('with %s is refused', async (_what, members, message) => {
    await expect(open(members)).rejects.toMatchObject({
      code: 'BAD_ROOTFS',
      message: expect.stringMatching(message),
    });
  });

  it('whose manifest leads to itself is refused', async () => {
    const loop = { name: 'blobs/sha256/aa', data: json({ manifests: [{ digest: 'sha256:aa' }] }) };
    const index = { name: 'index.json', data: loop.data };
    await expect(open([{ name: 'oci-layout', data: '{}' }, loop, index])).rejects.toMatchObject({
      code: 'BAD_ROOTFS',
    });
  });
});
