import { describe, expect, it } from 'vitest';
import { forgedFile, forgePagemap, messagesOf, openForged } from '../../test/support/checkpoint-forge.ts';
import { forgeImage } from '../../test/support/criu-forge.ts';
import { withFixture } from '../../test/support/fixture.ts';
import { imageKinds } from '../criu/image-kinds.ts';
import type { Checkpoint, HeldFile } from './checkpoint.ts';

async function contentOf(file: HeldFile | undefined): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of file?.content() ?? []) pieces.push(piece.slice());
  return Buffer.concat(pieces);
}

const find = async (checkpoint: Checkpoint, path: string) =>
  (await checkpoint.heldFiles()).find((file) => file.path === path);

const ghost = (more: object = {}) => ({ message: { uid: 0, gid: 0, mode: 0o100640, ...more } });

/** A deleted file whose ghost image is as given. */
const withGhost = (image: Uint8Array | undefined) =>
  openForged({
    images: {
      'files.img': forgeImage(imageKinds.files, [forgedFile(5, '/tmp/gone'), forgedFile(6, '/tmp/gone')]),
      'remap-fpath.img': forgeImage(
        imageKinds.remapFpath,
        [5, 6].map((id) => ({ message: { orig_id: id, remap_id: 26, remap_type: 'GHOST' } })),
      ),
      ...(image && { 'ghost-file-1a.img': image }),
    },
  });

describe('the held files of recorded checkpoints', () => {
  it('are there with their content, by the path that the container knew', async () => {
    await withFixture('containerd-zoo', async (checkpoint) => {
      const content = async (path: string) => (await contentOf(await find(checkpoint, path))).toString();
      expect(await content('/tmp/dropped')).toBe('content-of-a-deleted-file\n');
      expect((await content('memfd:notes')).length).toBe(11);
      expect((await contentOf(await find(checkpoint, '/tmp/update'))).subarray(1, 4).toString()).toBe('ELF');
      expect((await contentOf(await find(checkpoint, 'SYSV45584849'))).length).toBe(8192);
      expect((await contentOf(await find(checkpoint, '/dev/.hidden'))).length).toBe(24);
      for (const file of await checkpoint.heldFiles()) {
        expect(`${file.path} ${(await contentOf(file)).length}`).toBe(`${file.path} ${file.size}`);
        expect(checkpoint.archive.find(file.entry)).toBeDefined();
      }
      expect(checkpoint.notes()).toEqual([]);
    });
  });

  it('hold what the memory of their processes shows', async () => {
    await withFixture('containerd-zoo', async (checkpoint) => {
      const kinds = (await checkpoint.processes()).find(({ comm }) => comm === 'kinds');
      const space = await kinds?.addressSpace();
      for (const [name, path] of [
        ['/dev/zero (deleted)', '/dev/zero'],
        ['/SYSV45584849 (deleted)', 'SYSV45584849'],
      ]) {
        const region = space?.regions.find((each) => each.name === name);
        expect(region).toMatchObject({ kind: 'shared-memory', presentBytes: 4096 });
        const read = await space?.read(region?.start ?? 0n, 8192);
        expect(Buffer.from(read?.bytes ?? [])).toEqual(await contentOf(await find(checkpoint, path ?? '')));
        expect(read?.bytes.some((byte) => byte !== 0)).toBe(true);
      }
    });
  });

  it('include tmpfs mounts and volumes of Podman', async () => {
    await withFixture('podman-web', async (checkpoint) => {
      expect(await find(checkpoint, '/scratch/note')).toMatchObject({ kind: 'tmpfs' });
      expect((await contentOf(await find(checkpoint, '/scratch/note'))).toString()).toBe('in a tmpfs\n');
      expect(await find(checkpoint, '/orders/1.txt')).toMatchObject({ kind: 'volume' });
      expect((await contentOf(await find(checkpoint, '/orders/1.txt'))).toString()).toContain('one camera');
    });
  });
});

describe('a file deleted while open', () => {
  it('is one file, however often it was open', async () => {
    const checkpoint = await withGhost(
      forgeImage(imageKinds.ghostFile, [{ ...ghost(), extra: Buffer.from('whole content') }]),
    );
    const files = await checkpoint.heldFiles();
    expect(files).toMatchObject([{ path: '/tmp/gone', kind: 'deleted', size: 13, mode: 0o640 }]);
    expect((await contentOf(files[0])).toString()).toBe('whole content');
  });

  it('has zeros where it was sparse, and ends where it ended', async () => {
    const chunk = (off: bigint, text: string) => ({
      message: { off, len: BigInt(text.length) },
      extra: Buffer.from(text),
    });
    const checkpoint = await withGhost(
      forgeImage(imageKinds.ghostFile, [
        ghost({ chunks: true, size: 12n }),
        chunk(2n, 'ab'),
        chunk(6n, 'cd'),
      ] as never),
    );
    const [file] = await checkpoint.heldFiles();
    expect((await contentOf(file)).toString()).toBe('\0\0ab\0\0cd\0\0\0\0');
  });

  it('takes no chunk that goes back or beyond its end', async () => {
    const chunk = (off: bigint) => ({ message: { off, len: 2n }, extra: Buffer.from('xy') });
    const checkpoint = await withGhost(
      forgeImage(imageKinds.ghostFile, [
        ghost({ chunks: true, size: 6n }),
        chunk(2n),
        chunk(0n),
        chunk((1n << 64n) - 2n),
        chunk(5n),
      ] as never),
    );
    const [file] = await checkpoint.heldFiles();
    expect((await contentOf(file)).toString()).toBe('\0\0xy\0\0');
  });

  it.each([
    ['is missing', undefined],
    ['is no image', Buffer.from('garbage')],
    ['is empty', new Uint8Array(0)],
    ['is another image', forgePagemap([])],
    ['ends within its first message', forgeImage(imageKinds.ghostFile, [ghost()]).subarray(0, 10)],
  ])('gives a note where its image %s', async (_, image) => {
    const checkpoint = await withGhost(image);
    expect(await checkpoint.heldFiles()).toEqual([]);
    expect(messagesOf(checkpoint)).toContain('the content of the deleted /tmp/gone cannot be read');
  });
});

describe('shared memory', () => {
  it('of System V is read from the image of its namespace where older CRIU put it', async () => {
    const desc = { key: 0x51, uid: 0, gid: 0, cuid: 0, cgid: 0, mode: 0o640, id: 4 };
    const checkpoint = await openForged({
      images: {
        'ipcns-shm-9.img': forgeImage(imageKinds.ipcShm, [
          { message: { desc, size: 5n }, extra: Buffer.from('hello\0\0\0') },
        ]),
      },
    });
    const [file] = await checkpoint.heldFiles();
    expect(file).toMatchObject({ path: 'SYSV00000051', kind: 'shared-memory', size: 5, mode: 0o640 });
    expect((await contentOf(file)).toString()).toBe('hello');
  });

  it('is as long as it was, zeros where it was never written', async () => {
    const checkpoint = await openForged({
      images: {
        'memfd.img': forgeImage(imageKinds.memfd, [
          { message: { name: 'x', uid: 0, gid: 0, size: 10_000n, shmid: 3, seals: 0, inode_id: 1n } },
        ]),
        'pagemap-shmem-3.img': forgePagemap([[4096n, 1, 4]]),
        'pages-1.img': new Uint8Array(4096).fill(5),
      },
    });
    const [file] = await checkpoint.heldFiles();
    const content = await contentOf(file);
    expect(content.length).toBe(10_000);
    expect(content.indexOf(5)).toBe(4096);
    expect(content.lastIndexOf(5)).toBe(8191);
  });
});
