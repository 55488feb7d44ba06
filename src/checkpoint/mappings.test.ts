import { describe, expect, it } from 'vitest';
import {
  type ForgedMemory,
  type ForgedRun,
  forgeMm,
  forgePagemap,
  forgeTasks,
  type Images,
  messagesOf,
  openForged,
} from '../../test/support/checkpoint-forge.ts';
import { forgeImage } from '../../test/support/criu-forge.ts';
import { imageKinds } from '../criu/image-kinds.ts';

const PAGE = 4096;
const AT = 0x10000n;
const PRESENT = 4;
const ANONYMOUS_SHARED = 0x101;
const SYSV = 1 << 10;

async function open(memory: ForgedMemory | undefined, images: Images) {
  const checkpoint = await openForged({
    images: { ...forgeTasks([{}]), ...(memory && { 'mm-1.img': forgeMm(memory) }), ...images },
  });
  const [process] = await checkpoint.processes();
  const space = await process?.addressSpace();
  if (process === undefined || space === undefined) throw new Error('no address space');
  return { checkpoint, process, space };
}

const pages = (count: number) =>
  Uint8Array.from({ length: count * PAGE }, (_, at) => Math.floor(at / PAGE) + 1);

describe('pages that lie in no VMA', () => {
  const runs: ForgedRun[] = [
    [AT, 1, PRESENT],
    [AT + 0x1000n, 1, PRESENT],
    [AT + 0x4000n, 1, PRESENT],
  ];
  const images = { 'pagemap-1.img': forgePagemap(runs), 'pages-1.img': pages(3) };

  it('are regions of which nothing else is known, and can be read', async () => {
    const { space, checkpoint } = await open({ vmas: [{ start: AT, end: AT + 0x1000n }] }, images);
    expect(
      space.regions.map(({ start, end, permissions, kind, presentBytes }) => [
        Number(start - AT),
        Number(end - AT),
        permissions,
        kind,
        presentBytes,
      ]),
    ).toEqual([
      [0, 0x1000, 'rw-p', 'anonymous', PAGE],
      [0x1000, 0x2000, '????', 'other', PAGE],
      [0x4000, 0x5000, '????', 'other', PAGE],
    ]);
    expect((await space.read(AT + 0x4000n, 1)).bytes[0]).toBe(3);
    expect(messagesOf(checkpoint)).toEqual([expect.stringContaining('places 8192 bytes of process 1')]);
  });

  it('are all pages where the mm image is lost; what it alone knew stays unknown', async () => {
    const { space, process, checkpoint } = await open(undefined, images);
    expect(space.regions.map(({ presentBytes }) => presentBytes)).toEqual([2 * PAGE, PAGE]);
    expect(await process.commandLine()).toBeUndefined();
    expect(await process.environment()).toBeUndefined();
    expect(messagesOf(checkpoint)).toContain(
      'mm-1.img is missing: it is not known where the memory of process 1 was',
    );
  });

  it('are cut where they reach into a VMA', async () => {
    const { space } = await open(
      { vmas: [{ start: AT + 0x1000n, end: AT + 0x2000n }] },
      { 'pagemap-1.img': forgePagemap([[AT, 3, PRESENT]]), 'pages-1.img': pages(3) },
    );
    expect(space.regions.map(({ start, kind }) => [Number(start - AT), kind])).toEqual([
      [0, 'other'],
      [0x1000, 'anonymous'],
      [0x2000, 'other'],
    ]);
    const { bytes, extents } = await space.read(AT, 3 * PAGE);
    expect([bytes[0], bytes[PAGE], bytes[2 * PAGE]]).toEqual([1, 2, 3]);
    expect(extents.every(({ origin }) => origin === 'present')).toBe(true);
  });
});

describe('the size of a page', () => {
  const size = 65536;
  const vmas = [{ start: 0x100000n, end: 0x140000n }];
  const images = {
    'pagemap-1.img': forgePagemap([[0x110000n, 2, PRESENT]]),
    'pages-1.img': Uint8Array.from({ length: 2 * size }, (_, at) => Math.floor(at / size) + 1),
  };

  it.each([
    ['lost', []],
    ['changed', [6n, 16384n]],
  ])('is taken from the images where what the process was told is %s', async (_, auxv) => {
    const { space, checkpoint } = await open({ vmas, auxv }, images);
    expect(space.pageSize).toBe(size);
    expect((await space.read(0x12ffffn, 1)).bytes[0]).toBe(2);
    expect(messagesOf(checkpoint)).toEqual([expect.stringContaining('pages of 65536 bytes')]);
  });

  it('is not taken from a pages image that only happens to be longer than a damaged pagemap says', async () => {
    const pagemap = forgePagemap([
      [0x110000n, 1, PRESENT],
      [0x120000n, 1, PRESENT],
    ]);
    const { space } = await open(
      { vmas },
      { 'pagemap-1.img': pagemap.subarray(0, pagemap.length - 2), 'pages-1.img': pages(2) },
    );
    expect(space.pageSize).toBe(PAGE);
    expect(space.regions[0]?.presentBytes).toBe(PAGE);
  });

  it('that leaves bytes over is a note', async () => {
    const { checkpoint } = await open({ vmas }, { ...images, 'pages-1.img': pages(7) });
    expect(messagesOf(checkpoint)).toEqual(['holds 20480 bytes more than the pagemap of process 1 places']);
  });
});

describe('shared memory', () => {
  it('of System V is mapped from behind its entry where older CRIU put it', async () => {
    const desc = { key: 0x51, uid: 0, gid: 0, cuid: 0, cgid: 0, mode: 0o640, id: 4 };
    const status = ANONYMOUS_SHARED | SYSV;
    const { space, checkpoint } = await open(
      { vmas: [{ start: AT, end: AT + 0x1000n, flags: 1, status, shmid: 4n }] },
      {
        'pagemap-1.img': forgePagemap([]),
        'ipcns-shm-9.img': forgeImage(imageKinds.ipcShm, [
          { message: { desc, size: 4096n }, extra: pages(1) },
        ]),
      },
    );
    const { bytes, extents } = await space.read(AT, PAGE);
    expect(bytes.every((byte) => byte === 1)).toBe(true);
    expect(extents).toMatchObject([{ origin: 'present', location: { entry: 'checkpoint/ipcns-shm-9.img' } }]);
    expect(space.regions[0]?.name).toBe('/SYSV00000051 (deleted)');
    expect(checkpoint.notes()).toEqual([]);
  });

  it('counts what is the process’s own where it has both, and costs little in many fragments', async () => {
    const count = 100_000;
    const runs = Array.from(
      { length: count },
      (_, index): ForgedRun => [BigInt(index * 2 * PAGE), 1, PRESENT],
    );
    const status = ANONYMOUS_SHARED;
    const length = BigInt(count * 2 * PAGE);
    const vmas = Array.from({ length: 2000 }, (_, index) => ({
      start: BigInt(index) * length,
      end: BigInt(index + 1) * length,
      flags: 1,
      status,
      shmid: 4n,
    }));
    const { space } = await open(
      { vmas },
      {
        'pagemap-1.img': forgePagemap([[0n, 2, PRESENT]], 1),
        'pages-1.img': pages(2),
        'pagemap-shmem-4.img': forgePagemap(runs, 2),
        'pages-2.img': new Uint8Array(count * PAGE),
      },
    );
    const before = performance.now();
    expect(space.regions[0]?.presentBytes).toBe((count + 1) * PAGE);
    expect(space.regions.at(-1)?.presentBytes).toBe(count * PAGE);
    for (const { presentBytes } of space.regions) expect(presentBytes).toBeGreaterThan(0);
    // Going through all fragments for each region would be 200 million steps.
    expect(performance.now() - before).toBeLessThan(2000);
  });
});
