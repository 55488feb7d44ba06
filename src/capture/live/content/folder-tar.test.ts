import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { walkTar } from '../../../archive/tar-walk.ts';
import { bufferSource } from '../../../bytes/byte-source.ts';
import { loadCLibrary } from '../look/c-library.ts';
import { openAttributes } from './extended-attributes.ts';
import { type FolderTarOptions, folderTar } from './folder-tar.ts';
import { OpenFolder } from './open-folder.ts';

let base: string;
let gaps: string[];
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'exhibit-folder-tar-'));
  gaps = [];
});
afterEach(() => rmSync(base, { recursive: true }));

const options = (changes: Partial<FolderTarOptions> = {}): FolderTarOptions => ({
  prefix: './',
  withRoot: true,
  gap: (what) => gaps.push(what),
  limit: 1024 * 1024,
  ...changes,
});

/** The tar, with something that happens once `after` has gone by in it. */
async function tarOf(
  folder: string,
  changes?: Partial<FolderTarOptions>,
  then?: () => void,
): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of folderTar(OpenFolder.open(folder), options(changes))) {
    pieces.push(piece);
    if (pieces.length === 1) then?.();
  }
  return Buffer.concat(pieces);
}

/** What GNU tar makes of it: a line a member, without owner and time. */
function listed(tar: Buffer): readonly string[] {
  const text = execFileSync('tar', ['--list', '--verbose', '--numeric-owner', '--file=-'], {
    input: tar,
  }).toString();
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => line.replace(/ \S+ +(\S+) \S+ \S+ /, ' $1 '));
}

describe('a folder as a tar', () => {
  it('has files, folders, links and FIFOs, and no sockets', async () => {
    mkdirSync(join(base, 'etc/deep'), { recursive: true });
    writeFileSync(join(base, 'etc/deep/file'), 'content');
    chmodSync(join(base, 'etc/deep/file'), 0o4750);
    symlinkSync('/nowhere', join(base, 'link'));
    execFileSync('mkfifo', [join(base, 'pipe')]);
    const server = createServer().listen(join(base, 'socket'));
    const tar = await tarOf(base);
    server.close();
    expect(listed(tar)).toEqual([
      'drwx------ 0 ./',
      'drwxr-xr-x 0 ./etc/',
      'drwxr-xr-x 0 ./etc/deep/',
      '-rwsr-x--- 7 ./etc/deep/file',
      'lrwxrwxrwx 0 ./link -> /nowhere',
      'prw-r--r-- 0 ./pipe',
    ]);
    expect(execFileSync('tar', ['-xOf', '-', './etc/deep/file'], { input: tar }).toString()).toBe('content');
    expect(gaps).toEqual([]);
  });

  it('has the extended attributes of each, but for those that overlayfs keeps for itself', async () => {
    const library = loadCLibrary();
    const set = library?.function('int lsetxattr(const char *, const char *, const void *, size_t, int)');
    mkdirSync(join(base, 'folder'));
    writeFileSync(join(base, 'folder/file'), 'content');
    symlinkSync('/etc/passwd', join(base, 'folder/link'));
    const attribute = (name: string, attributeName: string, value: string) =>
      expect(set?.(join(base, name), attributeName, Buffer.from(value), value.length, 0)).toBe(0);
    attribute('folder', 'trusted.overlay.opaque', 'y');
    attribute('folder', 'user.of-folder', '');
    attribute('folder/file', 'user.a', 'one');
    attribute('folder/file', 'trusted.b', 'a\0b\n');
    attribute('folder/link', 'trusted.c', 'of the link');
    const attributes = openAttributes();
    const { entries } = await walkTar(bufferSource(await tarOf(base, { attributes })));
    const texts = (values = {}) =>
      Object.entries(values).map(([name, value]) => [name, Buffer.from(value as Uint8Array).toString()]);
    expect(entries.map(({ path, extendedAttributes }) => [path, texts(extendedAttributes)])).toEqual([
      ['.', []],
      ['folder', [['user.of-folder', '']]],
      [
        'folder/file',
        expect.arrayContaining([
          ['user.a', 'one'],
          ['trusted.b', 'a\0b\n'],
        ]),
      ],
      ['folder/link', [['trusted.c', 'of the link']]],
    ]);
    expect(attributes?.(join(base, 'gone'))).toBeUndefined();
  });

  it('does not follow a folder or a file that becomes a link while it is read', async () => {
    mkdirSync(join(base, 'a'));
    writeFileSync(join(base, 'b'), 'ours');
    const swap = () => {
      renameSync(join(base, 'a'), join(base, 'aside'));
      symlinkSync('/etc', join(base, 'a'));
      rmSync(join(base, 'b'));
      symlinkSync('/etc/passwd', join(base, 'b'));
    };
    const lines = listed(await tarOf(base, {}, swap));
    expect(lines).toContain('lrwxrwxrwx 0 ./a -> /etc');
    expect(lines).toContain('lrwxrwxrwx 0 ./b -> /etc/passwd');
    expect(lines.length).toBe(4);
  });

  it('keeps to the length of its header where a file shrinks, and tells of it', async () => {
    writeFileSync(join(base, 'log'), 'x'.repeat(2000));
    const chunks: Uint8Array[] = [];
    for await (const piece of folderTar(OpenFolder.open(base), options())) {
      if (chunks.length === 1) truncateSync(join(base, 'log'), 500);
      chunks.push(piece);
    }
    expect(listed(Buffer.concat(chunks))).toContain('-rw-r--r-- 2000 ./log');
    expect(gaps).toEqual(['/log: ends at 500 of 2000 bytes; the rest is zeros']);
  });

  it('leaves out what goes beyond the limit, and tells of it', async () => {
    writeFileSync(join(base, 'large'), 'x'.repeat(2000));
    writeFileSync(join(base, 'small'), 'x');
    expect(listed(await tarOf(base, { limit: 1000, withRoot: false, prefix: '' }))).toEqual([
      '-rw-r--r-- 1 small',
    ]);
    expect(gaps).toEqual(['/large: too large (2000 bytes), left out']);
  });
});

describe('a folder that is held open', () => {
  it('goes no way that leads out of it', () => {
    mkdirSync(join(base, 'in/deep'), { recursive: true });
    symlinkSync('/etc', join(base, 'in/out'));
    const folder = OpenFolder.open(base);
    expect(folder.descend('in/deep')?.names()).toEqual([]);
    expect(folder.descend('in/out')).toBeUndefined();
    expect(folder.descend('in/../..')).toBeUndefined();
    expect(folder.file('in')).toBeUndefined();
    folder.close();
  });
});
