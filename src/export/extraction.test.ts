import { describe, expect, it } from 'vitest';
import { type ForgedMember, forgeTar } from '../../test/support/tar-forge.ts';
import { openArchive } from '../archive/open-archive.ts';
import { bufferSource } from '../bytes/byte-source.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { Checkpoint, HeldFile } from '../checkpoint/checkpoint.ts';
import {
  type Extractable,
  type ExtractionTarget,
  extract,
  listExtractables,
  selectExtractables,
} from './extraction.ts';
import { OutputNames } from './output-names.ts';

const held = (kind: HeldFile['kind'], path: string, text: string): HeldFile => ({
  kind,
  path,
  size: text.length,
  mode: 0o4755,
  entry: 'some-entry',
  content: async function* () {
    yield Buffer.from(text);
  },
});

async function itemsOf(
  members: readonly ForgedMember[],
  files: readonly HeldFile[] = [],
  behind = '',
): Promise<readonly Extractable[]> {
  const archive = await openArchive(bufferSource(Buffer.concat([forgeTar(members), Buffer.from(behind)])));
  return listExtractables({ archive, heldFiles: async () => files } as unknown as Checkpoint);
}

/** Keeps what it is given, by name. */
function memoryTarget(): ExtractionTarget & {
  readonly files: Map<string, string>;
  readonly folders: Set<string>;
} {
  const files = new Map<string, string>();
  const folders = new Set<string>();
  return {
    files,
    folders,
    folder: async (path) => void folders.add(path),
    file: async (path, content) => {
      const pieces: Uint8Array[] = [];
      for await (const piece of content) pieces.push(piece);
      files.set(path, Buffer.concat(pieces).toString());
      return `/out/${path}`;
    },
  };
}

const MEMBERS: readonly ForgedMember[] = [
  { name: 'checkpoint/', flag: '5' },
  { name: 'checkpoint/core-1.img', data: 'core' },
  { name: 'checkpointer', data: 'not of the folder' },
  { name: 'config.dump', data: '{}' },
];
const HELD = [
  held('rootfs', '/tmp/dropped', 'payload'),
  held('deleted', '/tmp/dropped', 'gone'),
  held('memfd', 'memfd:x', 'elf'),
];

describe('selectExtractables', () => {
  const select = async (...names: string[]) =>
    selectExtractables(await itemsOf(MEMBERS, HELD), names).map(({ origin, path }) => `${origin} ${path}`);

  it.each([
    ['config.dump', ['archive config.dump']],
    ['./config.dump', ['archive config.dump']],
    ['checkpoint', ['archive checkpoint', 'archive checkpoint/core-1.img']],
    ['checkpoint/', ['archive checkpoint', 'archive checkpoint/core-1.img']],
    ['/tmp/dropped', ['rootfs /tmp/dropped', 'deleted /tmp/dropped']],
    ['/tmp', ['rootfs /tmp/dropped', 'deleted /tmp/dropped']],
    ['/', ['rootfs /tmp/dropped', 'deleted /tmp/dropped']],
    ['memfd:x', ['memfd memfd:x']],
  ])('%s', async (name, expected) => {
    expect(await select(name)).toEqual(expected);
  });

  it('keeps the order of the archive and takes nothing twice', async () => {
    expect(await select('config.dump', 'checkpoint', 'config.dump')).toEqual([
      'archive checkpoint',
      'archive checkpoint/core-1.img',
      'archive config.dump',
    ]);
  });

  it.each(['nothing', '/config.dump', 'tmp/dropped', '/tmp/drop', 'checkpoint/core'])(
    '%s is ENTRY_NOT_FOUND',
    async (name) => {
      await expect(select('config.dump', name)).rejects.toMatchObject({
        code: 'ENTRY_NOT_FOUND',
        source: name,
      });
    },
  );
});

describe('extract', () => {
  it('writes each origin to its own place', async () => {
    const target = memoryTarget();
    const report = await extract(await itemsOf(MEMBERS, HELD, 'another container'), target);
    expect(Object.fromEntries(target.files)).toEqual({
      'archive/checkpoint/core-1.img': 'core',
      'archive/checkpointer': 'not of the folder',
      'archive/config.dump': '{}',
      'files/rootfs/tmp/dropped': 'payload',
      'files/deleted/tmp/dropped': 'gone',
      'files/memfd/memfd:x': 'elf',
      tail: 'another container',
    });
    expect([...target.folders]).toEqual(['archive/checkpoint']);
    expect(report.skipped).toEqual([]);
    expect(report.bytes).toBe(54);
    expect(report.files.find(({ origin }) => origin === 'deleted')).toEqual({
      origin: 'deleted',
      path: '/tmp/dropped',
      size: 4,
      output: '/out/files/deleted/tmp/dropped',
    });
  });

  it('makes no links, devices or FIFOs, and says so', async () => {
    const target = memoryTarget();
    const { skipped } = await extract(
      await itemsOf([
        { name: 'link', flag: '2', link: '/etc/shadow' },
        { name: 'sda', flag: '4' },
        { name: 'null', flag: '3' },
        { name: 'fifo', flag: '6' },
      ]),
      target,
    );
    expect(target.files.size).toBe(0);
    expect(skipped.map(({ path, reason, damaged }) => [path, reason, damaged])).toEqual([
      ['link', 'a symbolic link to /etc/shadow; links are not created', false],
      ['sda', 'a block device; it has no content', false],
      ['null', 'a character device; it has no content', false],
      ['fifo', 'a fifo; it has no content', false],
    ]);
  });

  it.each(['../x', 'a/../../x', '..', 'n'.repeat(300)])('writes nothing for the path %j', async (path) => {
    const target = memoryTarget();
    const items = await itemsOf(
      [{ name: 'x', data: 'evil', pax: { path } }],
      [held('rootfs', `/${path}`, 'evil')],
    );
    const report = await extract(items, target);
    expect([target.files.size, target.folders.size]).toEqual([0, 0]);
    expect(report.skipped).toHaveLength(2);
    expect(report.skipped.every(({ damaged }) => damaged)).toBe(true);
  });

  it('keeps absolute paths inside', async () => {
    const target = memoryTarget();
    await extract(await itemsOf([{ name: '/etc/passwd', data: 'x' }]), target);
    expect([...target.files.keys()]).toEqual(['archive/etc/passwd']);
  });

  it('copies hard links, and passes over those that lead nowhere', async () => {
    const target = memoryTarget();
    const { skipped } = await extract(
      await itemsOf([
        { name: 'a', data: 'content' },
        { name: 'b', flag: '1', link: 'a' },
        { name: 'c', flag: '1', link: '../../etc/shadow' },
      ]),
      target,
    );
    expect(Object.fromEntries(target.files)).toEqual({ 'archive/a': 'content', 'archive/b': 'content' });
    expect(skipped).toEqual([
      expect.objectContaining({
        path: 'c',
        damaged: true,
        reason: expect.stringContaining('not in the archive'),
      }),
    ]);
  });

  it('lets no entry hide another: same path, other case, file where a folder is', async () => {
    const target = memoryTarget();
    await extract(
      await itemsOf([
        { name: 'a', data: 'old' },
        { name: 'a', data: 'new' },
        { name: 'README', data: 'upper' },
        { name: 'readme', data: 'lower' },
        { name: 'd', data: 'file' },
        { name: 'd/e', data: 'below' },
      ]),
      target,
    );
    expect(Object.fromEntries(target.files)).toEqual({
      'archive/a': 'new',
      'archive/a~2': 'old',
      'archive/readme': 'lower',
      'archive/README~2': 'upper',
      'archive/d/e': 'below',
      'archive/d~2': 'file',
    });
  });

  it('refuses more than the limit before anything is written, and while it comes', async () => {
    const target = memoryTarget();
    await expect(extract(await itemsOf(MEMBERS), target, { limit: 10 })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
    expect(target.files.size).toBe(0);
    const lying = { ...held('rootfs', '/x', 'much more than it says'), size: 1 };
    await expect(extract(await itemsOf([], [lying]), target, { limit: 10 })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });

  it('goes on after a file that cannot be read, and ends when nothing can be written', async () => {
    const broken: HeldFile = {
      ...held('tmpfs', '/dev/shm/x', ''),
      content: async function* () {
        yield Buffer.from('half');
        throw new ExhibitError('CUT_SHORT', 'the rest is missing');
      },
    };
    const target = memoryTarget();
    const report = await extract(await itemsOf([], [broken, held('tmpfs', '/dev/shm/y', 'fine')]), target);
    expect(report.skipped).toEqual([
      expect.objectContaining({ path: '/dev/shm/x', reason: 'the rest is missing', damaged: true }),
    ]);
    expect([report.bytes, [...target.files.keys()]]).toEqual([4, ['files/tmpfs/dev/shm/y']]);
    const full: ExtractionTarget = {
      ...target,
      file: async () => {
        throw new ExhibitError('WRITE_FAILED', 'disk full');
      },
    };
    await expect(extract(await itemsOf(MEMBERS), full)).rejects.toMatchObject({ code: 'WRITE_FAILED' });
  });

  it('tells progress and stops when told to', async () => {
    const steps: number[] = [];
    const items = await itemsOf(MEMBERS);
    await extract(items, memoryTarget(), { onProgress: (done) => void steps.push(done) });
    expect(steps).toEqual([4, 21, 23]);
    await expect(extract(items, memoryTarget(), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
  });
});

describe('OutputNames', () => {
  it('takes names apart that differ in case or normalisation only, and merges such folders', () => {
    const names = new OutputNames();
    expect([names.file('a/\u00e9'), names.file('A/e\u0301'), names.file('a/\u00c9')]).toEqual([
      'a/\u00e9',
      'a/e\u0301~2',
      'a/\u00c9~3',
    ]);
  });

  it('gives thousands of equal names in time', () => {
    const names = new OutputNames();
    const start = performance.now();
    for (let at = 0; at < 20_000; at++) names.file('same');
    expect(names.file('same')).toBe('same~20001');
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
