import { describe, expect, it } from 'vitest';
import {
  type ForgedVma,
  forgedFile,
  forgeMm,
  forgePagemap,
  forgeTasks,
  openForged,
} from '../../test/support/checkpoint-forge.ts';
import { type ForgedEntry, forgeImage } from '../../test/support/criu-forge.ts';
import { imageKinds } from '../criu/image-kinds.ts';

const fown = { pid: 0, uid: 0, euid: 0, signum: 0, pid_type: 0 };
const ids = { vm_id: 1, files_id: 1, fs_id: 1, sighand_id: 1 };
const MEMFD = 1 << 14;
const PRIVATE = { flags: 2, status: 0x41 | MEMFD };
const SHARED = { flags: 1, status: 0x81 | MEMFD };

const memfdFile = (id: number): ForgedEntry => ({
  message: { type: 'MEMFD', id, memfd: { id, flags: 2, pos: 0n, fown, inode_id: 1 } },
});

/** A process that holds a memfd of this name open as 3 and maps it as `vma` says. */
async function withMemfd(name: string, vma: Partial<ForgedVma>) {
  const inode = { name, uid: 0, gid: 0, size: 4096n, shmid: 9, seals: 1, inode_id: 1n };
  const checkpoint = await openForged({
    images: {
      ...forgeTasks([{ core: { ids } }]),
      'files.img': forgeImage(imageKinds.files, [memfdFile(7)]),
      'memfd.img': forgeImage(imageKinds.memfd, [{ message: inode }]),
      'fdinfo-1.img': forgeImage(imageKinds.fdinfo, [
        { message: { id: 7, flags: 0, type: 'MEMFD', fd: 3, xattr_security_selinux: undefined } },
      ]),
      'mm-1.img': forgeMm({ vmas: [{ start: 0x1000n, end: 0x2000n, shmid: 7n, ...vma }] }),
      'pagemap-1.img': forgePagemap([]),
      'pagemap-shmem-9.img': forgePagemap([[0n, 1, 4]], 2),
      'pages-2.img': new Uint8Array(4096).fill(5),
    },
  });
  const [process] = await checkpoint.processes();
  const [descriptor] = (await process?.descriptors()) ?? [];
  const space = await process?.addressSpace();
  const [held] = await checkpoint.heldFiles();
  return { descriptor, region: space?.regions[0], held };
}

describe('a memfd', () => {
  // CRIU drops the kernel's `/memfd:`, so that the name alone looks like a path.
  it('is one, even when its name is the path of a program', async () => {
    const { descriptor, region, held } = await withMemfd('/usr/sbin/sshd', PRIVATE);
    expect(descriptor).toMatchObject({
      path: '/memfd:/usr/sbin/sshd (deleted)',
      file: { memfd: true, deleted: true },
    });
    expect(region).toMatchObject({ name: '/memfd:/usr/sbin/sshd (deleted)', presentBytes: 4096 });
    expect(held).toMatchObject({ path: 'memfd:/usr/sbin/sshd', kind: 'memfd' });
  });

  it('that calls itself /dev/zero is anonymous shared memory only where it is mapped shared', async () => {
    const shared = await withMemfd('/dev/zero', SHARED);
    expect(shared.region?.name).toBe('/dev/zero (deleted)');
    expect(shared.descriptor).toMatchObject({ file: { memfd: true } });
    expect((await withMemfd('/dev/zero', PRIVATE)).region?.name).toBe('/memfd:/dev/zero (deleted)');
  });
});

describe('a file whose name was gone', () => {
  const held = async (remap: object) => {
    const checkpoint = await openForged({
      images: {
        'files.img': forgeImage(imageKinds.files, [forgedFile(5, '/tmp/gone')]),
        'remap-fpath.img': forgeImage(imageKinds.remapFpath, [{ message: { orig_id: 5, ...remap } }]),
        'ghost-file-1a.img': forgeImage(imageKinds.ghostFile, [
          { message: { uid: 0, gid: 0, mode: 0o100640 }, extra: Buffer.from('x') },
        ]),
      },
    });
    return (await checkpoint.heldFiles()).map(({ path }) => path);
  };

  it('is held where it is a ghost, which older CRIU told by a bit of the id', async () => {
    expect(await held({ remap_id: 0x1a, remap_type: 'GHOST' })).toEqual(['/tmp/gone']);
    expect(await held({ remap_id: 0x8000001a })).toEqual(['/tmp/gone']);
  });

  it('is not where it lives on under another name', async () => {
    expect(await held({ remap_id: 0x1a, remap_type: 'LINKED' })).toEqual([]);
    expect(await held({ remap_id: 0x1a })).toEqual([]);
  });

  it('is told by a path of a length that a kernel would give', async () => {
    const checkpoint = await openForged({
      images: {
        ...forgeTasks([{}]),
        'files.img': forgeImage(imageKinds.files, [forgedFile(5, `/${'a'.repeat(1_000_000)}`)]),
        'fs-1.img': forgeImage(imageKinds.fs, [{ message: { cwd_id: 5, root_id: 5 } }]),
      },
    });
    const [process] = await checkpoint.processes();
    expect(process?.workingDirectory?.path).toBe(`/${'a'.repeat(4095)}…`);
  });
});
