import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { countingSource, readAll, sparseSource } from '../../test/support/sources.ts';
import { forgeTar } from '../../test/support/tar-forge.ts';
import { forgeZstdFrame } from '../../test/support/zstd-forge.ts';
import { bufferSource } from '../bytes/byte-source.ts';
import { nodeUnpacking } from '../bytes/node-unpacking.ts';
import { memorySpill, type Spill } from '../bytes/spill.ts';
import type { ArchiveEntry, ArchiveIndex } from './archive-index.ts';
import { openArchive } from './open-archive.ts';

const FIXTURES = readdirSync('fixtures').flatMap((name) =>
  ['', '.gz', '.zst']
    .map((suffix) => `fixtures/${name}/checkpoint.tar${suffix}`)
    .filter((path) => existsSync(path)),
);

const open = (bytes: Uint8Array) => openArchive(bufferSource(bytes));
const textOf = async (index: ArchiveIndex, path: string) =>
  (await readAll(index.open(index.find(path) as ArchiveEntry))).toString();

describe.each(FIXTURES)('%s', (path) => {
  it('has the entries and contents that tar sees, and nothing to remark', async () => {
    const index = await openArchive(bufferSource(readFileSync(path)), nodeUnpacking({}));
    const plain = await readAll(index.tar);
    const names = execFileSync('tar', ['tf', '-', '--quoting-style=literal'], { input: plain })
      .toString()
      .trim()
      .split('\n');
    expect(index.entries.map((entry) => entry.path)).toEqual(
      names.map((name) => name.replace(/^\.\//, '').replace(/\/$/, '')),
    );
    expect([index.notes, index.tail]).toEqual([[], undefined]);
    const members = index.entries.filter(({ type }) => type === 'file');
    const contents = await Promise.all(members.map((entry) => readAll(index.open(entry))));
    const whole = execFileSync('tar', ['xOf', '-'], { input: plain, maxBuffer: 1e9 });
    expect(Buffer.concat(contents).equals(whole)).toBe(true);
    await index.close();
  });

  it('opens the archives within', async () => {
    const index = await openArchive(bufferSource(readFileSync(path)), nodeUnpacking({}));
    const inner = index.entries.filter((entry) => /\.tar(\.gz\.img)?$/.test(entry.path));
    expect(inner.length).toBeGreaterThan(0);
    for (const entry of inner) {
      const nested = await index.openNested(entry);
      expect(nested.notes).toEqual([]);
    }
    await index.close();
  });
});

describe('openArchive', () => {
  const tar = forgeTar([
    { name: './checkpoint/pstree.img', data: 'first' },
    { name: 'l', flag: '1', link: './checkpoint/pstree.img' },
    { name: 'll', flag: '1', link: 'l' },
    { name: 'checkpoint/pstree.img', data: 'second' },
    { name: 'inner.tar', data: gzipSync(forgeTar([{ name: 'deep', data: 'content' }])) },
  ]);

  it.each([
    ['none', tar],
    ['gzip', gzipSync(tar)],
    ['zstd', forgeZstdFrame(tar)],
  ] as const)('reads a tar packed as %s', async (compression, bytes) => {
    const index = await open(bytes);
    expect([index.compression, index.storedSize, index.tar.size]).toEqual([
      compression,
      bytes.length,
      tar.length,
    ]);
    expect(await textOf(index, 'checkpoint/pstree.img')).toBe('second');
    expect(index.find('./checkpoint/pstree.img')).toBeUndefined();
    const nested = await index.openNested(index.find('inner.tar') as ArchiveEntry);
    expect(await textOf(nested, 'deep')).toBe('content');
  });

  it('holds all archives within an archive to the limits of one, and closes them with it', async () => {
    const inner = gzipSync(forgeTar([{ name: 'deep', data: Buffer.alloc(300_000) }]));
    const outer = forgeTar(['a', 'b', 'c'].map((name) => ({ name, data: inner })));
    let open = 0;
    const spill = async (): Promise<Spill> => {
      open++;
      const room = memorySpill(1_000_000);
      return {
        get size() {
          return room.size;
        },
        append: (bytes) => room.append(bytes),
        read: (offset, length) => room.read(offset, length),
        close: async () => {
          open--;
          await room.close();
        },
      };
    };
    const limits = { spill, memoryLimit: 400_000, unpackedLimit: 700_000 };
    const index = await openArchive(bufferSource(outer), limits);
    const [a, b, c] = index.entries as [ArchiveEntry, ArchiveEntry, ArchiveEntry];
    await index.openNested(a);
    expect(open).toBe(0);
    await index.openNested(b);
    expect(open).toBe(1);
    await expect(index.openNested(c)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(open).toBe(1);
    await index.close();
    expect(open).toBe(0);
  });

  it('follows hard links', async () => {
    expect(await textOf(await open(tar), 'll')).toBe('second');
  });

  it.each([
    ['itself', 'a', 'a'],
    ['nothing', 'a', 'b'],
  ])('a hard link to %s is ENTRY_NOT_FOUND', async (_name, name, link) => {
    const index = await open(
      forgeTar([
        { name, flag: '1', link },
        { name: 'x', flag: '1', link: 'y' },
        { name: 'y', flag: '1', link: 'x' },
      ]),
    );
    expect(() => index.open(index.find('a') as ArchiveEntry)).toThrow(
      expect.objectContaining({ code: 'ENTRY_NOT_FOUND', source: 'a' }),
    );
    expect(() => index.open(index.find('x') as ArchiveEntry)).toThrow(
      expect.objectContaining({ code: 'ENTRY_NOT_FOUND' }),
    );
  });

  it('reads a few KiB of a 4 GiB tar', async () => {
    const size = 4 * 1024 ** 3;
    const header = forgeTar([{ name: 'pages-1.img', size }], { endBlocks: 0 });
    const source = countingSource(sparseSource(512 + size + 10_240, [{ offset: 0, bytes: header }]));
    const index = await openArchive(source);
    expect(index.find('pages-1.img')?.size).toBe(size);
    expect(source.bytesRead).toBeLessThan(32 * 1024);
  });

  it('opens an empty tar, as an engine writes it when nothing changed', async () => {
    expect((await open(new Uint8Array(10_240))).entries).toEqual([]);
  });

  it('reads a tar whose first header is damaged', async () => {
    const damaged = Buffer.from(tar);
    damaged.fill(0, 0, 8);
    damaged[300] = 0xff;
    expect((await open(damaged)).entries).toHaveLength(5);
    damaged.fill(0xee, 0, 512);
    const index = await open(damaged);
    expect(index.entries.map(({ path }) => path)).toEqual(['l', 'll', 'checkpoint/pstree.img', 'inner.tar']);
    expect(index.notes[0]?.message).toContain('damaged');
  });

  it('gives what a cut archive still holds', async () => {
    const content = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7919) >> 3));
    const packed = gzipSync(
      forgeTar([
        { name: 'a', data: 'x' },
        { name: 'pages-1.img', data: content },
      ]),
    );
    const index = await openArchive(bufferSource(packed.subarray(0, packed.length / 2)), nodeUnpacking({}));
    const pages = await readAll(index.open(index.find('pages-1.img') as ArchiveEntry));
    expect(pages.length).toBeGreaterThan(1000);
    expect(pages.equals(content.subarray(0, pages.length))).toBe(true);
    expect(index.notes.map(({ message }) => message)).toEqual([
      expect.stringContaining('the gzip data is cut short'),
      expect.stringContaining('pages-1.img is cut short'),
    ]);
  });

  it('tells progress in bytes of the packed file', async () => {
    const packed = gzipSync(tar);
    const steps: number[][] = [];
    await openArchive(bufferSource(packed), { onProgress: (done, total) => void steps.push([done, total]) });
    expect(steps.at(-1)).toEqual([packed.length, packed.length]);
  });

  it('gives the room of an archive back when it is closed, and when it is none', async () => {
    let open = 0;
    const spill = async () => {
      open++;
      const { memorySpill } = await import('../bytes/spill.ts');
      const room = memorySpill(10_000_000);
      return {
        ...room,
        get size() {
          return room.size;
        },
        close: async () => void open--,
      };
    };
    const index = await openArchive(bufferSource(gzipSync(tar)), { spill, memoryLimit: 10 });
    expect(open).toBe(1);
    await index.close();
    await expect(
      openArchive(bufferSource(gzipSync('text'.repeat(1000))), { spill, memoryLimit: 10 }),
    ).rejects.toThrow();
    expect(open).toBe(0);
  });
});

describe('what is no archive', () => {
  it.each([
    ['an empty file', ''],
    ['text', 'hello\n'],
    ['JSON or other text', '{"name": "web"}'],
    ['an ELF program', '\x7fELF\x02\x01\x01'],
    ['a zip file', 'PK\x03\x04'],
    ['an xz file', '\xfd7zXZ\0'],
    ['a single CRIU image', '\x19CVT\x30\x30\x27\x50'],
    ['data of an unknown kind', '\x00\x01\x02\x03'.repeat(1000)],
  ])('%s is NOT_AN_ARCHIVE, and is named', async (kind, text) => {
    const bytes = Buffer.from(text, 'latin1');
    await expect(open(bytes)).rejects.toMatchObject({
      code: 'NOT_AN_ARCHIVE',
      message: expect.stringContaining(kind),
    });
    await expect(open(gzipSync(bytes))).rejects.toMatchObject({
      code: 'NOT_AN_ARCHIVE',
      message: expect.stringContaining(`gzip data that holds ${kind}`),
    });
  });

  it('is not unpacked to its end', async () => {
    const source = countingSource(bufferSource(gzipSync(randomBytes(8_000_000).toString('base64'))));
    await expect(openArchive(source)).rejects.toMatchObject({ code: 'NOT_AN_ARCHIVE' });
    expect(source.bytesRead).toBeLessThan(1_000_000);
  });

  it('is not searched through to its end', async () => {
    const source = countingSource(
      sparseSource(50 * 1024 ** 3, [{ offset: 0, bytes: Buffer.from('\x00\x01\x02') }]),
    );
    await expect(openArchive(source)).rejects.toMatchObject({ code: 'NOT_AN_ARCHIVE' });
    expect(source.bytesRead).toBeLessThan(2 * 1024 * 1024);
  });
});
