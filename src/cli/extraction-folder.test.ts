import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openExtractionFolder } from './extraction-folder.ts';

let parent: string;
let root: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'exhibit-extract-'));
  root = join(parent, 'deep', 'out');
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

async function* pieces(...parts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

describe('openExtractionFolder', () => {
  it('writes files and folders that only their owner may read', async () => {
    const target = await openExtractionFolder(root);
    await target.folder('empty/folder');
    const output = await target.file('a/b/web:80', pieces('one,', 'two'), 1_700_000_000.5);
    expect(output).toBe(join(root, 'a/b/web:80'));
    expect(readFileSync(output, 'utf8')).toBe('one,two');
    const stats = statSync(output);
    expect([stats.mode & 0o7777, stats.mtimeMs]).toEqual([0o600, 1_700_000_000_500]);
    expect(statSync(join(root, 'a')).mode & 0o7777).toBe(0o700);
    expect(statSync(join(root, 'empty/folder')).isDirectory()).toBe(true);
  });

  it('keeps holes as holes, wherever the pieces are cut', async () => {
    const target = await openExtractionFolder(root);
    const output = await target.file(
      'sparse',
      pieces('start', Buffer.alloc(8 * 1024 * 1024), 'end', Buffer.alloc(1000)),
      undefined,
    );
    const expected = Buffer.concat([
      Buffer.from('start'),
      Buffer.alloc(8 * 1024 * 1024),
      Buffer.from('end'),
      Buffer.alloc(1000),
    ]);
    expect(readFileSync(output).equals(expected)).toBe(true);
    expect(statSync(output).blocks * 512).toBeLessThan(1024 * 1024);
  });

  it('writes over nothing, but with force', async () => {
    const target = await openExtractionFolder(root);
    await target.file('a', pieces('first'), undefined);
    await expect(target.file('a', pieces('second'), undefined)).rejects.toMatchObject({
      code: 'FILE_EXISTS',
      source: join(root, 'a'),
    });
    expect(readFileSync(join(root, 'a'), 'utf8')).toBe('first');
    const forced = await openExtractionFolder(root, { force: true });
    await forced.file('a', pieces('second'), undefined);
    expect(readFileSync(join(root, 'a'), 'utf8')).toBe('second');
    await forced.folder('folder');
    await expect(forced.file('folder', pieces('x'), undefined)).rejects.toMatchObject({
      code: 'FILE_EXISTS',
    });
  });

  it.each([false, true])('follows no link that lies in the folder (force: %s)', async (force) => {
    const outside = join(parent, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'victim'), 'precious');
    mkdirSync(root, { recursive: true });
    symlinkSync(outside, join(root, 'dir'));
    symlinkSync(join(outside, 'victim'), join(root, 'file'));
    symlinkSync(join(outside, 'new'), join(root, 'dangling'));
    const target = await openExtractionFolder(root, { force });
    await expect(target.file('dir/victim', pieces('evil'), undefined)).rejects.toMatchObject({
      code: 'FILE_EXISTS',
    });
    await expect(target.folder('dir/sub')).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    for (const name of ['file', 'dangling']) {
      const written = target.file(name, pieces('evil'), undefined);
      if (force) expect(lstatSync(await written).isFile()).toBe(true);
      else await expect(written).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    }
    expect(readFileSync(join(outside, 'victim'), 'utf8')).toBe('precious');
    expect(() => statSync(join(outside, 'new'))).toThrow();
  });

  it('leaves nothing of a file whose content fails', async () => {
    const target = await openExtractionFolder(root);
    const failing = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half');
      throw new Error('no more');
    };
    await expect(target.file('a', failing(), undefined)).rejects.toThrow('no more');
    expect(() => statSync(join(root, 'a'))).toThrow();
  });

  it('names what it cannot write', async () => {
    writeFileSync(join(parent, 'file'), '');
    await expect(openExtractionFolder(join(parent, 'file', 'out'))).rejects.toMatchObject({
      code: 'WRITE_FAILED',
    });
    const target = await openExtractionFolder(root);
    await target.file('a', pieces('x'), undefined);
    await expect(target.file('a/b', pieces('x'), undefined)).rejects.toMatchObject({ code: 'FILE_EXISTS' });
  });
});
