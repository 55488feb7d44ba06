import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRootfsFolder } from './rootfs-folder.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'exhibit-rootfs-'));
  writeFileSync(join(folder, 'secret'), 'outside');
  const root = join(folder, 'root');
  mkdirSync(join(root, 'usr/lib'), { recursive: true });
  writeFileSync(join(root, 'usr/lib/libc.so'), 'libc');
  writeFileSync(join(root, 'secret'), 'inside');
  symlinkSync('usr/lib', join(root, 'lib'));
  symlinkSync('/usr/lib/libc.so', join(root, 'absolute'));
  symlinkSync('../../../../../secret', join(root, 'usr/climbing'));
  symlinkSync(join(folder, 'secret'), join(root, 'escaping'));
  symlinkSync('loop', join(root, 'loop'));
  mkdirSync(join(root, 'proc'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function read(path: string): Promise<string | undefined> {
  const source = await (await openRootfsFolder(join(folder, 'root'))).open(path);
  if (source === undefined) return undefined;
  const bytes = await source.read(0, source.size);
  await source.close();
  return Buffer.from(bytes).toString();
}

describe('a folder as a root filesystem', () => {
  it.each([
    ['/usr/lib/libc.so', 'libc'],
    ['/lib/libc.so', 'libc'],
    ['/absolute', 'libc'],
    ['/lib/../lib/./libc.so', 'libc'],
    ['/../../secret', 'inside'],
    ['/usr/climbing', 'inside'],
  ])('has %s', async (path, content) => {
    expect(await read(path)).toBe(content);
  });

  it.each([
    ['a link that leads out of it', '/escaping'],
    ['a link to itself', '/loop'],
    ['a folder', '/proc'],
    ['itself', '/'],
    ['a file below a file', '/secret/more'],
    ['a name that no file system has', `/${'x'.repeat(5000)}`],
    ['a name with a zero in it', '/sec\0ret'],
    ['nothing', ''],
  ])('has not %s', async (_, path) => {
    expect(await read(path)).toBeUndefined();
  });

  it('is a folder, or a link to one', async () => {
    await expect(openRootfsFolder(join(folder, 'secret'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(openRootfsFolder(join(folder, 'none'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    symlinkSync('root', join(folder, 'link'));
    expect((await openRootfsFolder(join(folder, 'link'))).name).toBe(join(folder, 'link'));
  });
});
