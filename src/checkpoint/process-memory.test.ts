import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ForgedMemory,
  type ForgedRun,
  forgedFile,
  forgeMm,
  forgePagemap,
  forgeTasks,
  type Images,
  messagesOf,
  openForged,
} from '../../test/support/checkpoint-forge.ts';
import { forgeImage } from '../../test/support/criu-forge.ts';
import { MAX_READ_LENGTH } from '../bytes/byte-source.ts';
import { imageKinds } from '../criu/image-kinds.ts';
import type { AddressSpace } from './address-space.ts';
import type { Checkpoint } from './checkpoint.ts';

const PAGE = 4096;
const AT = 0x10000n;
const [PARENT, LAZY, PRESENT] = [1, 2, 4];
const FILE_PRIVATE = 0x41;

const bytesOf = (pages: number, fill = (page: number) => page + 1): Uint8Array =>
  Uint8Array.from({ length: pages * PAGE }, (_, at) => fill(Math.floor(at / PAGE)));

async function open(memory: ForgedMemory, images: Images): Promise<[AddressSpace, Checkpoint]> {
  const checkpoint = await openForged({
    images: { ...forgeTasks([{}]), 'mm-1.img': forgeMm(memory), ...images },
  });
  const space = await (await checkpoint.processes())[0]?.addressSpace();
  if (space === undefined) throw new Error('no address space');
  return [space, checkpoint];
}

const shapeOf = (space: AddressSpace, start: bigint, length: number) =>
  space
    .extents(start, length)
    .map(({ start: at, length: bytes, origin }) => [Number(at - start) / PAGE, bytes / PAGE, origin]);

const region = (pages: number, more: object = {}) => ({ start: AT, end: AT + BigInt(pages * PAGE), ...more });

describe('the address space of a process', () => {
  it('tells what stands behind each page', async () => {
    const runs: ForgedRun[] = [
      [AT + 4096n, 2, PRESENT],
      [AT + 3n * 4096n, 1, LAZY],
      [AT + 4n * 4096n, 1, PARENT],
    ];
    const [space] = await open(
      { vmas: [region(6), { start: AT + 0x8000n, end: AT + 0x9000n, status: FILE_PRIVATE, flags: 2 }] },
      { 'pagemap-1.img': forgePagemap(runs), 'pages-1.img': bytesOf(2) },
    );
    expect(shapeOf(space, AT - 4096n, 12 * PAGE)).toEqual([
      [0, 1, 'unmapped'],
      [1, 1, 'zero'],
      [2, 2, 'present'],
      [4, 1, 'lazy'],
      [5, 1, 'parent'],
      [6, 1, 'zero'],
      [7, 2, 'unmapped'],
      [9, 1, 'file'],
      [10, 2, 'unmapped'],
    ]);
    expect(space.regions.map(({ presentBytes }) => presentBytes)).toEqual([2 * PAGE, 0]);
    expect(space.regionAt(AT + 5n)?.kind).toBe('anonymous');
    expect(space.regionAt(AT - 1n)).toBeUndefined();
  });

  it('says of every byte where it lies', async () => {
    const [space, checkpoint] = await open(
      { vmas: [region(3)] },
      {
        'pagemap-1.img': forgePagemap([
          [AT, 1, PRESENT],
          [AT + 8192n, 1, PRESENT],
        ]),
        'pages-1.img': bytesOf(2),
      },
    );
    const { bytes, extents } = await space.read(AT + 8190n, 4);
    expect([...bytes]).toEqual([0, 0, 2, 2]);
    expect(extents.at(-1)?.location).toEqual({ entry: 'checkpoint/pages-1.img', offset: PAGE, length: 2 });
    expect(checkpoint.notes()).toEqual([]);
  });

  it('takes the page size of the dumped machine', async () => {
    const size = 65536;
    const [space] = await open(
      { vmas: [{ start: 0x100000n, end: 0x120000n }], auxv: [16n, 0n, 6n, BigInt(size), 0n, 0n] },
      {
        'pagemap-1.img': forgePagemap([[0x110000n, 1, PRESENT]]),
        'pages-1.img': new Uint8Array(size).fill(7),
      },
    );
    expect(space.pageSize).toBe(size);
    expect((await space.read(0x11ffffn, 1)).bytes[0]).toBe(7);
    expect(space.regions[0]?.presentBytes).toBe(size);
  });

  it('does not take a page size that no machine has', async () => {
    for (const size of [0n, 1n, 5000n, 1n << 40n, (1n << 64n) - 1n]) {
      const [space] = await open({ vmas: [], auxv: [6n, size] }, { 'pagemap-1.img': forgePagemap([]) });
      expect(space.pageSize).toBe(4096);
    }
  });

  it('reads what the pages of a model hold', async () => {
    const run = fc.tuple(
      fc.nat({ max: 3 }),
      fc.integer({ min: 1, max: 4 }),
      fc.constantFrom(PARENT, LAZY, PRESENT),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(run, { maxLength: 6 }),
        fc.nat({ max: 40 * PAGE }),
        fc.nat({ max: 3 * PAGE }),
        async (steps, from, length) => {
          const model = new Uint8Array(60 * PAGE);
          const saved: Uint8Array[] = [];
          const runs: ForgedRun[] = [];
          let page = 0;
          for (const [gap, pages, flags] of steps) {
            page += gap;
            runs.push([AT + BigInt(page * PAGE), pages, flags]);
            if (flags === PRESENT) {
              const content = bytesOf(pages, (each) => page + each + 1);
              model.set(content, page * PAGE);
              saved.push(content);
            }
            page += pages;
          }
          const [space] = await open(
            { vmas: [region(60)] },
            { 'pagemap-1.img': forgePagemap(runs), 'pages-1.img': Buffer.concat(saved) },
          );
          const { bytes, extents } = await space.read(AT + BigInt(from), length);
          expect(Buffer.compare(bytes, model.subarray(from, from + length))).toBe(0);
          expect(extents.reduce((sum, extent) => sum + extent.length, 0)).toBe(length);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('reads shared memory through every process that maps it', async () => {
    const mm = (start: bigint) =>
      forgeMm({ vmas: [{ start, end: start + 8192n, shmid: 9n, flags: 0x21, status: 0x101, pgoff: 4096n }] });
    const checkpoint = await openForged({
      images: {
        ...forgeTasks([{ pid: 1 }, { pid: 2, ppid: 1 }]),
        'mm-1.img': mm(0x10000n),
        'mm-2.img': mm(0x90000n),
        'pagemap-1.img': forgePagemap([], 2),
        'pagemap-2.img': forgePagemap([], 3),
        'pagemap-shmem-9.img': forgePagemap([[0n, 2, PRESENT]]),
        'pages-1.img': bytesOf(2),
      },
    });
    for (const [index, start] of [0x10000n, 0x90000n].entries()) {
      const space = await (await checkpoint.processes())[index]?.addressSpace();
      expect(space?.regions[0]).toMatchObject({
        kind: 'shared-memory',
        permissions: 'rw-s',
        presentBytes: PAGE,
      });
      const read = await space?.read(start, 2 * PAGE);
      expect([read?.bytes[0], read?.bytes[PAGE]]).toEqual([2, 0]);
      expect(read?.extents.map(({ origin }) => origin)).toEqual(['present', 'zero']);
    }
  });

  it('names mappings as the kernel does', async () => {
    const checkpoint = await openForged({
      images: {
        ...forgeTasks([{}]),
        'mm-1.img': forgeMm({
          vmas: [
            { start: 0x1000n, end: 0x2000n, shmid: 5n, status: FILE_PRIVATE, flags: 2, prot: 5 },
            { start: 0x3000n, end: 0x4000n, shmid: 3n, status: 0x501, flags: 0x21 },
            { start: 0x5000n, end: 0x6000n, status: 0x1201, prot: 1 },
            { start: 0x7000n, end: 0x8000n, status: 0x209, prot: 5 },
          ],
        }),
        'pagemap-1.img': forgePagemap([]),
        'files.img': forgeImage(imageKinds.files, [forgedFile(5, '/usr/lib/libgone.so')]),
        'remap-fpath.img': forgeImage(imageKinds.remapFpath, [
          { message: { orig_id: 5, remap_id: 1, remap_type: 'GHOST' } },
        ]),
        'ipcns-shm-1.img': forgeImage(imageKinds.ipcShm, [
          {
            message: {
              desc: { key: 0xabc, uid: 0, gid: 0, cuid: 0, cgid: 0, mode: 0o600, id: 3 },
              size: 4096n,
              in_pagemaps: true,
            },
          },
        ]),
      },
    });
    const space = await (await checkpoint.processes())[0]?.addressSpace();
    expect(space?.regions.map(({ name, permissions }) => `${permissions} ${name}`)).toEqual([
      'r-xp /usr/lib/libgone.so (deleted)',
      'rw-s /SYSV00000abc (deleted)',
      'r--p [vvar]',
      'r-xp [vdso]',
    ]);
  });
});

describe('a damaged address space', () => {
  it('tells how much a pages image that was cut short lacks', async () => {
    const [space, checkpoint] = await open(
      { vmas: [region(4)] },
      {
        'pagemap-1.img': forgePagemap([[AT, 4, PRESENT]]),
        'pages-1.img': bytesOf(4).subarray(0, PAGE + 100),
      },
    );
    expect(shapeOf(space, AT, 4 * PAGE).map(([, , origin]) => origin)).toEqual(['present', 'missing']);
    expect(messagesOf(checkpoint)).toEqual([
      'is shorter than its pagemap says: 12188 bytes of process 1 between 0x11064 to 0x14000 are missing',
    ]);
    expect((await space.read(AT + 4095n, 3)).bytes).toEqual(Uint8Array.of(1, 2, 2));
  });

  it('does not call zero what an absent or damaged pagemap cannot tell', async () => {
    const [absent] = await open({ vmas: [region(2)] }, {});
    expect(shapeOf(absent, AT, 2 * PAGE)).toEqual([[0, 2, 'missing']]);
    const whole = forgePagemap([
      [AT, 1, PRESENT],
      [AT + 0x3000n, 1, PRESENT],
    ]);
    const [cut, checkpoint] = await open(
      { vmas: [region(5)] },
      { 'pagemap-1.img': whole.subarray(0, whole.length - 3), 'pages-1.img': bytesOf(2) },
    );
    expect(shapeOf(cut, AT, 5 * PAGE)).toEqual([
      [0, 1, 'present'],
      [1, 4, 'missing'],
    ]);
    expect(checkpoint.notes()[0]?.severity).toBe('warning');
  });

  it('does not call shared memory zero that is not there', async () => {
    const [space] = await open(
      { vmas: [region(1, { shmid: 77n, flags: 0x21, status: 0x101 })] },
      { 'pagemap-1.img': forgePagemap([]) },
    );
    expect(shapeOf(space, AT, PAGE)).toEqual([[0, 1, 'missing']]);
  });

  it('leaves out VMAs that no kernel makes', async () => {
    const [space, checkpoint] = await open(
      {
        vmas: [
          region(2),
          { start: AT + 4096n, end: AT + 0x5000n },
          { start: 5n, end: 5n },
          { start: 9n, end: 2n },
        ],
      },
      { 'pagemap-1.img': forgePagemap([]) },
    );
    expect(space.regions.length).toBe(1);
    expect(messagesOf(checkpoint).filter((message) => message.includes('overlaps')).length).toBe(3);
  });

  it('takes a guard below a stack for what it is: a part of the mapping that it lies in', async () => {
    const [space, checkpoint] = await open(
      { vmas: [region(4), { start: AT, end: AT + 4096n, status: 1 << 16, prot: 0, flags: 0 }] },
      { 'pagemap-1.img': forgePagemap([[AT + 3n * 4096n, 1, PRESENT]]), 'pages-1.img': bytesOf(1) },
    );
    expect(space.regions.map(({ start, end, permissions }) => [start, end, permissions])).toEqual([
      [AT, AT + 4n * 4096n, 'rw-p'],
    ]);
    expect(messagesOf(checkpoint).filter((message) => message.includes('overlaps'))).toEqual([]);
  });

  it('refuses reads beyond the limit', async () => {
    const [space] = await open({ vmas: [region(1)] }, { 'pagemap-1.img': forgePagemap([]) });
    await expect(space.read(AT, MAX_READ_LENGTH + 1)).rejects.toMatchObject({ code: 'BAD_RANGE' });
    await expect(space.read(AT, -1)).rejects.toMatchObject({ code: 'BAD_RANGE' });
  });
});
