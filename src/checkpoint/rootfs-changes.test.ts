import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { forgeTasks, messagesOf, openForged } from '../../test/support/checkpoint-forge.ts';
import { withFixture } from '../../test/support/fixture.ts';
import { type ForgedMember, forgeTar } from '../../test/support/tar-forge.ts';

const MEMBERS: readonly ForgedMember[] = [
  { name: 'tmp/', flag: '5', mode: 0o1777 },
  { name: 'tmp/dropped', data: 'payload', mode: 0o755, uid: 33 },
  { name: 'tmp/linked', flag: '1', link: 'tmp/dropped' },
  { name: 'etc/.wh.motd' },
  { name: 'opt/.wh..wh..opq' },
  { name: 'tmp/.wh.secret', data: 'a file of this name' },
];

const short = async (diff: Uint8Array, deleted?: string) => {
  const checkpoint = await openForged({
    images: forgeTasks([]),
    entries: { 'rootfs-diff.tar': diff, ...(deleted !== undefined && { 'deleted.files': deleted }) },
  });
  const changes = await checkpoint.rootfsChanges();
  const files = await checkpoint.heldFiles();
  return {
    changes: changes.map(({ kind, path }) => `${kind} ${path}`),
    files: files.map(({ path, size }) => `${path} ${size}`),
    messages: messagesOf(checkpoint),
  };
};

describe('rootfs-diff.tar', () => {
  it('is an OCI layer where it is compressed: whiteouts are deletions', async () => {
    expect(await short(gzipSync(forgeTar(MEMBERS)))).toEqual({
      changes: [
        'present /tmp',
        'present /tmp/dropped',
        'present /tmp/linked',
        'deleted /etc/motd',
        'deleted /opt/*',
        'present /tmp/.wh.secret',
      ],
      files: ['/tmp/dropped 7', '/tmp/linked 7', '/tmp/.wh.secret 19'],
      messages: [],
    });
  });

  it('has no whiteouts where it is plain: nobody hides a file by calling it so', async () => {
    const { changes, files } = await short(forgeTar(MEMBERS), '["/www/index.html", 7, null]');
    expect(changes).toEqual([
      'present /tmp',
      'present /tmp/dropped',
      'present /tmp/linked',
      'present /etc/.wh.motd',
      'present /opt/.wh..wh..opq',
      'present /tmp/.wh.secret',
      'deleted /www/index.html',
    ]);
    expect(files).toContain('/etc/.wh.motd 0');
  });

  it('tells owner, mode and size', async () => {
    const checkpoint = await openForged({ entries: { 'rootfs-diff.tar': forgeTar(MEMBERS) } });
    expect((await checkpoint.rootfsChanges())[1]).toEqual({
      path: '/tmp/dropped',
      kind: 'present',
      type: 'file',
      size: 7,
      mode: 0o755,
      uid: 33,
      gid: 0,
      modified: 1_767_225_600,
    });
  });

  it.each([
    ['text', Buffer.from('no archive at all')],
    ['a broken gzip', gzipSync(forgeTar(MEMBERS)).subarray(0, 20)],
  ])('gives a note where it is %s', async (_, diff) => {
    const { changes, messages } = await short(diff);
    expect(changes).toEqual([]);
    expect(messages.length).toBeGreaterThan(0);
  });

  it('of a recorded break-in shows what was dropped', async () => {
    await withFixture('containerd-compromised', async (checkpoint) => {
      const paths = (await checkpoint.rootfsChanges()).map(({ path }) => path);
      expect(paths).toEqual(expect.arrayContaining(['/etc/passwd', '/tmp/.cache/loader', '/tmp/.cron']));
    });
    await withFixture('podman-web', async (checkpoint) => {
      const changes = await checkpoint.rootfsChanges();
      expect(changes.filter(({ kind }) => kind === 'deleted').map(({ path }) => path)).toEqual([
        '/www/index.html',
      ]);
    });
  });
});
