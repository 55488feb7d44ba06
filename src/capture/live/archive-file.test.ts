import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openArchive } from '../../archive/open-archive.ts';
import { openFileSource } from '../../bytes/file-source.ts';
import { ArchiveFile, removeLeftovers } from './archive-file.ts';
import { writeAll } from './memory/copy-target.ts';
import type { PlannedPages } from './memory/memory-plan.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'exhibit-archive-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const started = new Date('2026-11-24T16:00:00Z');
const pages = (pagesId: number, bytes: number): PlannedPages => ({ pagesId, bytes }) as PlannedPages;

async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

describe('ArchiveFile', () => {
  it('has pages in their places and all else behind them, and its name only when it is whole', async () => {
    const file = path.join(folder, 'below/checkpoint-a.tar');
    const archive = await ArchiveFile.create(file, started);
    const offsetOf = archive.placePages([pages(1, 4096), pages(2, 0), pages(3, 8192)]);
    await writeAll(archive.target, Buffer.alloc(64 * 1024, 0xff), 64 * 1024, 0);
    for (const [id, bytes] of [
      [1, 4096],
      [3, 8192],
    ] as const)
      await writeAll(archive.target, Buffer.alloc(bytes, id), bytes, offsetOf(pages(id, bytes)));
    await archive.writePagesHeaders();
    await archive.add('checkpoint/pstree.img', Buffer.from('tree'));
    await archive.addPieces('container.log', pieces('a', 'bc'));
    expect(existsSync(file)).toBe(false);
    expect(statSync(`${file}.part`).mode & 0o777).toBe(0o600);
    await archive.finish();
    expect(readdirSync(path.dirname(file))).toEqual(['checkpoint-a.tar']);
    const source = await openFileSource(file);
    const index = await openArchive(source);
    const entries = index.entries.map(({ path: name, size }) => [name, size]);
    expect(entries).toEqual([
      ['checkpoint', 0],
      ['checkpoint/pages-1.img', 4096],
      ['checkpoint/pages-2.img', 0],
      ['checkpoint/pages-3.img', 8192],
      ['checkpoint/pstree.img', 4],
      ['container.log', 3],
    ]);
    await source.close();
  });

  it('holds a pages image of more than 8 GiB, and what comes behind it', async () => {
    const file = path.join(folder, 'large.tar');
    const bytes = 9 * 1024 ** 3;
    const archive = await ArchiveFile.create(file, started);
    const offsetOf = archive.placePages([pages(1, bytes)]);
    await writeAll(archive.target, Buffer.from('last'), 4, offsetOf(pages(1, bytes)) + bytes - 4);
    await archive.writePagesHeaders();
    await archive.addPieces('container.log', pieces('abc'));
    await archive.finish();
    const source = await openFileSource(file);
    const { entries, notes } = await openArchive(source);
    const [, image, log] = entries;
    expect(notes).toEqual([]);
    expect([image?.size, log?.size]).toEqual([bytes, 3]);
    expect(Buffer.from(await source.read((image?.offset ?? 0) + bytes - 4, 4)).toString()).toBe('last');
    expect(Buffer.from(await source.read(log?.offset ?? 0, 3)).toString()).toBe('abc');
    await source.close();
    const listing = execFileSync('tar', ['tvf', file]).toString().trimEnd().split('\n');
    expect(listing.map((line) => line.split(/ +/)[2])).toEqual(['0', `${bytes}`, '3']);
  });

  it('leaves nothing when it is given up', async () => {
    const archive = await ArchiveFile.create(path.join(folder, 'a.tar'), started);
    await archive.add('a', Buffer.from('b'));
    await archive.abandon();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('does not write over anything', async () => {
    const file = path.join(folder, 'a.tar');
    writeFileSync(file, '');
    await expect(ArchiveFile.create(file, started)).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    writeFileSync(`${file}2.part`, '');
    await expect(ArchiveFile.create(`${file}2`, started)).rejects.toMatchObject({ code: 'WRITE_FAILED' });
  });
});

describe('removeLeftovers', () => {
  it('removes what captures of this container left, and no archive of anybody', async () => {
    const kept = [
      'checkpoint-web_shop-app-20261124T160000.000Z.tar',
      'checkpoint-web_shop-app-2-20261124T160000.000Z.tar.part',
      'mine.part',
    ];
    for (const name of [...kept, 'checkpoint-web_shop-app-20261124T160000.001Z.tar.part'])
      writeFileSync(path.join(folder, name), '');
    await removeLeftovers(folder, 'web_shop-app');
    expect(readdirSync(folder).sort()).toEqual([...kept].sort());
    await removeLeftovers(path.join(folder, 'none'), 'web_shop-app');
  });
});
