import { describe, expect, it } from 'vitest';
import { concat, encodeMessage, forgeImage, rawField, u32 } from '../../test/support/criu-forge.ts';
import { bufferSource } from '../bytes/byte-source.ts';
import { imageKinds } from './image-kinds.ts';
import { readPagemap } from './pagemap.ts';
import { pagemapEntry } from './schemas/memory.ts';

const HEAD = { message: { pages_id: 1 } };
const run = (page: number, count: number, flags = 4) => ({
  vaddr: BigInt(page) * 4096n,
  compat_nr_pages: 0,
  nr_pages: BigInt(count),
  flags,
});
const read = (image: Uint8Array) => readPagemap(bufferSource(image), 'pagemap-1.img', { pageSize: 4096 });
const readMessages = (messages: readonly (object | Uint8Array)[]) =>
  read(forgeImage(imageKinds.pagemap, [HEAD, ...messages.map((message) => ({ message }))]));

describe('a damaged pagemap', () => {
  it('that is no image at all gives a note', async () => {
    const { runs, notes, pagesId } = await read(new TextEncoder().encode('hello world'));
    expect([runs, pagesId]).toEqual([[], undefined]);
    expect(notes).toMatchObject([{ severity: 'warning', entry: 'pagemap-1.img' }]);
  });

  it('that is another image gives a note', async () => {
    const { runs, notes } = await read(forgeImage(imageKinds.pstree, []));
    expect(runs).toEqual([]);
    expect(notes[0]?.message).toContain('is a PSTREE image');
  });

  it('that is cut short gives the runs before the cut', async () => {
    const whole = forgeImage(imageKinds.pagemap, [HEAD, { message: run(1, 1) }, { message: run(5, 1) }]);
    const { runs, notes } = await read(whole.subarray(0, whole.length - 3));
    expect(runs).toHaveLength(1);
    expect(notes).toHaveLength(1);
  });

  it('with overlapping runs keeps the first, and the offsets of later ones', async () => {
    const { runs, notes } = await readMessages([run(1, 4), run(2, 2), run(9, 1)]);
    expect(runs.map((each) => each.origin === 'present' && each.offset)).toEqual([0, 6 * 4096]);
    expect(notes).toHaveLength(1);
  });

  it.each([1n << 63n, (1n << 64n) - 1n, 1n << 45n])('with a run of %s pages stops there', async (count) => {
    const { runs, notes } = await readMessages([
      run(1, 1),
      { vaddr: 0x9000n, compat_nr_pages: 0, nr_pages: count, flags: 4 },
    ]);
    expect(runs).toHaveLength(1);
    expect(notes[0]?.message).toContain('more than an address space holds');
  });

  it('that ends at the top of the address space is read', async () => {
    const top = { vaddr: (1n << 64n) - 4096n, compat_nr_pages: 1, flags: 4 };
    const { runs, notes } = await readMessages([top]);
    expect([runs.length, notes]).toEqual([1, []]);
  });

  it('of a CRIU that compresses pages says that they cannot be read from there on', async () => {
    const compressed = concat(encodeMessage(pagemapEntry, run(4, 1)), rawField(6, 1234));
    const { runs, notes, presentBytes } = await readMessages([run(1, 1), compressed, run(9, 1)]);
    expect(runs.map((each) => each.origin)).toEqual(['present', 'unreadable', 'unreadable']);
    expect(notes).toHaveLength(1);
    expect(notes[0]?.message).toContain('compress');
    expect(presentBytes).toBe(0);
  });

  it('with flags of the future is unreadable from there on', async () => {
    const { runs } = await readMessages([run(1, 1, 4 | 8), run(3, 1)]);
    expect(runs.map((each) => each.origin)).toEqual(['unreadable', 'unreadable']);
  });

  it('with a run that is nowhere says so', async () => {
    const { runs, notes } = await readMessages([run(1, 1, 0)]);
    expect(runs).toEqual([]);
    expect(notes[0]?.message).toContain('nowhere');
  });

  it('with an entry size beyond the image gives a note', async () => {
    const { notes } = await read(concat(forgeImage(imageKinds.pagemap, [HEAD]), u32(0xffffffff)));
    expect(notes[0]?.message).toContain('promises an entry of 4294967295 bytes');
  });
});
