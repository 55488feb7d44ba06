import { describe, expect, it } from 'vitest';
import { forgedFile, forgeTasks, messagesOf, openForged } from '../../test/support/checkpoint-forge.ts';
import { type ForgedEntry, forgeImage } from '../../test/support/criu-forge.ts';
import { withFixture } from '../../test/support/fixture.ts';
import { imageKinds } from '../criu/image-kinds.ts';
import type { Descriptor } from './descriptors.ts';

const fown = { pid: 0, uid: 0, euid: 0, signum: 0, pid_type: 0 };
const ids = { vm_id: 1, files_id: 4, fs_id: 1, sighand_id: 1 };

/** One process whose descriptors 0, 1, 2… are the given entries of files.img. */
async function descriptorsOf(
  entries: readonly ForgedEntry[],
  more: Readonly<Record<string, Uint8Array>> = {},
) {
  const numbered = entries.map(({ message }) => message as { readonly id: number; readonly type: string });
  const checkpoint = await openForged({
    images: {
      ...forgeTasks([{ core: { ids } }]),
      'files.img': forgeImage(imageKinds.files, entries),
      'fdinfo-4.img': forgeImage(
        imageKinds.fdinfo,
        numbered.map(({ id, type }, fd) => ({ message: { id, flags: 0, type, fd } })),
      ),
      ...more,
    },
  });
  return { checkpoint, descriptors: (await (await checkpoint.processes())[0]?.descriptors()) ?? [] };
}

const unreadOf = (descriptor: Descriptor | undefined): number | undefined => {
  if (descriptor?.kind === 'socket') return descriptor.socket.unreadBytes;
  return descriptor?.kind === 'pipe' || descriptor?.kind === 'terminal' ? descriptor.unreadBytes : undefined;
};

describe('the descriptors of recorded processes', () => {
  it('count what nobody has read yet', async () => {
    await withFixture('containerd-zoo', async (checkpoint) => {
      const processes = await checkpoint.processes();
      const unread = await processes.find(({ comm }) => comm === 'unread')?.descriptors();
      expect(unread?.map((each) => [each.fd, each.kind, unreadOf(each)])).toEqual([
        [0, 'file', undefined],
        [1, 'pipe', 0],
        [2, 'pipe', 0],
        [3, 'pipe', 'unread-in-the-pipe\n'.length],
        [4, 'pipe', 'unread-in-the-pipe\n'.length],
        [5, 'socket', 0],
        [6, 'socket', 'unread-in-the-stream-pair\n'.length],
        [7, 'socket', 0],
        [8, 'socket', 'first datagramsecond datagram'.length],
        [9, 'terminal', 0],
        [10, 'terminal', 'typed-into-the-terminal\n'.length],
      ]);
      const kinds = await processes.find(({ comm }) => comm === 'kinds')?.descriptors();
      expect(unreadOf(kinds?.find(({ path }) => path === '/tmp/fifo'))).toBe('unread-in-the-fifo\n'.length);
    });
  });

  it('show positions and deleted files', async () => {
    await withFixture('containerd-zoo', async (checkpoint) => {
      const kinds = (await checkpoint.processes()).find(({ comm }) => comm === 'kinds');
      const descriptors = await kinds?.descriptors();
      expect(descriptors?.find(({ fd }) => fd === 11)).toMatchObject({
        path: '/tmp/dropped (deleted)',
        file: { path: '/tmp/dropped', deleted: true, memfd: false },
        position: 26n,
      });
      expect(descriptors?.find(({ fd }) => fd === 4)).toMatchObject({
        path: '/memfd:notes (deleted)',
        file: { memfd: true },
        position: 11n,
      });
      expect(descriptors?.find(({ fd }) => fd === 3)?.closeOnExec).toBe(true);
    });
  });
});

describe('the descriptors of a process', () => {
  it('are told as /proc/PID/fd tells them', async () => {
    const event = (type: string, id: number, field: string, more: object = {}): ForgedEntry => ({
      message: { type, id, [field]: { id, flags: 2, fown, ...more } },
    });
    const { descriptors } = await descriptorsOf([
      event('EVENTFD', 1, 'efd', { counter: 1n }),
      event('EVENTPOLL', 2, 'epfd', { tfd: [] }),
      event('INOTIFY', 3, 'ify', { wd: [] }),
      event('NS', 4, 'nsf', { ns_id: 9, ns_cflag: 0x40000000 }),
      event('PIDFD', 5, 'pidfd', { ino: 1, nspid: 7 }),
      event('PIPE', 6, 'pipe', { pipe_id: 321, flags: 1 }),
      event('TUNF', 7, 'tunf', { netdev: 'tun0' }),
    ]);
    expect(descriptors.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
      'eventfd anon_inode:[eventfd]',
      'eventpoll anon_inode:[eventpoll]',
      'inotify anon_inode:inotify',
      'namespace net:[9]',
      'pidfd anon_inode:[pidfd]',
      'pipe pipe:[321]',
      'tun /dev/net/tun',
    ]);
  });

  it('are read from the images that CRIU wrote before files.img', async () => {
    const { message } = forgedFile(3, '/var/log/old') as { message: { reg: object } };
    const { descriptors } = await descriptorsOf([], {
      'reg-files.img': forgeImage(imageKinds.regFiles, [
        { message: { ...message.reg, pos: 7n, flags: 0o2001 } },
      ]),
      'pipes.img': forgeImage(imageKinds.pipes, [{ message: { id: 5, pipe_id: 8, flags: 0, fown } }]),
      'pipes-data.img': forgeImage(imageKinds.pipesData, [
        { message: { pipe_id: 8, bytes: 3 }, extra: Buffer.from('abc') },
      ]),
      'fdinfo-4.img': forgeImage(imageKinds.fdinfo, [
        { message: { id: 5, flags: 1, type: 'PIPE', fd: 9 } },
        { message: { id: 3, flags: 0, type: 'REG', fd: 2 } },
      ]),
    });
    expect(descriptors).toMatchObject([
      { fd: 2, kind: 'file', path: '/var/log/old', position: 7n, flags: 0o2001, closeOnExec: false },
      { fd: 9, kind: 'pipe', path: 'pipe:[8]', unreadBytes: 3, closeOnExec: true },
    ]);
    expect(descriptors[0]?.location?.entry).toBe('checkpoint/reg-files.img');
  });

  it('stay when the file that they refer to is lost', async () => {
    const { checkpoint, descriptors } = await descriptorsOf([], {
      'fdinfo-4.img': forgeImage(imageKinds.fdinfo, [{ message: { id: 99, flags: 0, type: 'REG', fd: 3 } }]),
    });
    expect(descriptors).toMatchObject([{ fd: 3, kind: 'unknown', fileId: 99, path: '' }]);
    expect(messagesOf(checkpoint)).toContain('descriptor 3 refers to file 99, which is not in the archive');
  });

  it('are said to be unknown when their image is lost', async () => {
    const checkpoint = await openForged({ images: forgeTasks([{ core: { ids } }]) });
    expect(await (await checkpoint.processes())[0]?.descriptors()).toEqual([]);
    expect(messagesOf(checkpoint)).toContain(
      'fdinfo-4.img is missing: the descriptors that it held are not known',
    );
  });
});
