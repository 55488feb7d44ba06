import { execFileSync } from 'node:child_process';
import { fstatSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeCause, openFileSource } from './file-source.ts';
import { fileSpills } from './file-spill.ts';
import { nodeUnpacking } from './node-unpacking.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'exhibit-bytes-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

describe('openFileSource', () => {
  it('reads anywhere, and short only at the end', async () => {
    const path = join(folder, 'file');
    writeFileSync(path, '0123456789');
    const source = await openFileSource(path);
    expect(source.size).toBe(10);
    expect(text(await source.read(3, 4))).toBe('3456');
    expect(text(await source.read(8, 100))).toBe('89');
    expect(await source.read(11, 1)).toHaveLength(0);
    await expect(source.read(-1, 1)).rejects.toMatchObject({ code: 'BAD_RANGE' });
    await expect(source.read(0, 1, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
    writeFileSync(path, '0123456789 appended', { flag: 'r+' });
    expect(text(await source.read(0, 100))).toBe('0123456789');
    truncateSync(path, 5);
    await expect(source.read(0, 10)).rejects.toMatchObject({ code: 'CUT_SHORT', source: path, offset: 5 });
    await source.close();
  });

  it('names what it cannot open', async () => {
    const missing = join(folder, 'missing.tar');
    await expect(openFileSource(missing)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND', source: missing });
    await expect(openFileSource(join(folder, 'file', 'x'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(openFileSource('a\0b')).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
    await expect(openFileSource(folder)).rejects.toMatchObject({
      code: 'NOT_AN_ARCHIVE',
      message: `${folder} is a folder, not a file`,
    });
    await expect(openFileSource('/dev/null')).rejects.toMatchObject({ code: 'NOT_AN_ARCHIVE' });
  });

  it('does not wait for the writer of a FIFO', async () => {
    const path = join(folder, 'fifo');
    execFileSync('sh', ['-c', 'mkfifo "$0"', path]);
    await expect(openFileSource(path)).rejects.toMatchObject({ code: 'NOT_AN_ARCHIVE' });
  });

  it('says what the system said without the call', () => {
    expect(describeCause(new Error("EACCES: permission denied, open '/x, y/z'"))).toBe(
      'EACCES: permission denied',
    );
    expect(describeCause(new Error('ENOSPC: no space left on device, write'))).toBe(
      'ENOSPC: no space left on device',
    );
  });
});

describe('fileSpills', () => {
  it('keeps bytes in a file that has no name', async () => {
    const spillFolder = mkdtempSync(join(folder, 'spill-'));
    const spill = await fileSpills(spillFolder)();
    await spill.append(Buffer.from('one,'));
    await spill.append(Buffer.from('two'));
    expect(spill.size).toBe(7);
    expect(text(await spill.read(2, 3))).toBe('e,t');
    expect(text(await spill.read(5, 100))).toBe('wo');
    expect(readdirSync(spillFolder)).toEqual([]);
    await spill.close();
  });

  it('gives back what it was given, in whatever lengths, and while more comes', async () => {
    const spill = await fileSpills(folder)();
    const whole = Buffer.from(
      Array.from({ length: 5 * 1024 * 1024 }, (_, index) => index * 31 + (index >> 8)),
    );
    const cuts = [0, 1, 1_000, 1_048_576, 1_048_577, 2_500_000, 2_500_000, 4_194_304, whole.length];
    for (const [index, end] of cuts.entries()) {
      await spill.append(whole.subarray(cuts[index - 1] ?? 0, end));
      const reads = await Promise.all([spill.read(0, end), spill.read(Math.max(0, end - 10), 10)]);
      expect(
        Buffer.concat(reads).equals(
          Buffer.concat([whole.subarray(0, end), whole.subarray(Math.max(0, end - 10), end)]),
        ),
      ).toBe(true);
      const room = new Uint8Array(100);
      expect(await spill.readInto?.(room, Math.max(0, end - 50))).toBe(Math.min(50, end));
    }
    expect(spill.size).toBe(whole.length);
    await spill.close();
  });

  it('takes no room for zeros', async () => {
    const spill = await fileSpills(folder)();
    const zeros = new Uint8Array(20 * 1024 * 1024);
    await spill.append(zeros);
    await spill.append(Buffer.from('end'));
    expect(text(await spill.read(zeros.length - 1, 10))).toBe('\0end');
    await spill.append(zeros);
    expect((await spill.read(spill.size - 10, 20)).length).toBe(10);
    const { size, blocks } = fstatSync(spill.place?.descriptor ?? -1);
    expect(size).toBe(2 * zeros.length + 3);
    expect(blocks * 512).toBeLessThan(4 * 1024 * 1024);
    await spill.close();
  });

  it('says where there is no room', async () => {
    const nowhere = join(folder, 'no-such-folder');
    await expect(fileSpills(nowhere)()).rejects.toMatchObject({
      code: 'WRITE_FAILED',
      message: expect.stringContaining('TMPDIR'),
    });
  });
});

describe('nodeUnpacking', () => {
  it.each([
    [undefined, undefined],
    ['', undefined],
    ['1000', 1000],
    ['2k', 2048],
    ['500G', 500 * 1024 ** 3],
    ['1TiB', 1024 ** 4],
  ])('EXHIBIT_UNPACK_LIMIT=%s is %s bytes', (value, limit) => {
    expect(nodeUnpacking({ EXHIBIT_UNPACK_LIMIT: value }).unpackedLimit).toBe(limit);
  });

  it.each(['lots', '-1', '1.5G', '999999999999999T'])('EXHIBIT_UNPACK_LIMIT=%s is refused', (value) => {
    expect(() => nodeUnpacking({ EXHIBIT_UNPACK_LIMIT: value })).toThrow(
      expect.objectContaining({ code: 'BAD_RANGE' }),
    );
  });
});
