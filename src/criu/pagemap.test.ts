import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { forgeImage } from '../../test/support/criu-forge.ts';
import { bufferSource } from '../bytes/byte-source.ts';
import { imageKinds } from './image-kinds.ts';
import { readPagemap } from './pagemap.ts';

const read = (entries: readonly object[], pageSize = 4096) =>
  readPagemap(
    bufferSource(
      forgeImage(
        imageKinds.pagemap,
        [{ pages_id: 4 }, ...entries].map((message) => ({ message })),
      ),
    ),
    'pagemap-1.img',
    { pageSize },
  );

describe('readPagemap', () => {
  it('places present runs one behind the other and lets others use no bytes', async () => {
    const { pagesId, runs, presentBytes, notes } = await read([
      { vaddr: 0x1000n, compat_nr_pages: 0, nr_pages: 2n, flags: 4 },
      { vaddr: 0x5000n, compat_nr_pages: 0, nr_pages: 3n, flags: 1 },
      { vaddr: 0x9000n, compat_nr_pages: 0, nr_pages: 1n, flags: 2 },
      { vaddr: 0xa000n, compat_nr_pages: 0, nr_pages: 1n, flags: 6 },
    ]);
    expect(notes).toEqual([]);
    expect(pagesId).toBe(4);
    expect(presentBytes).toBe(3 * 4096);
    expect(runs).toEqual([
      { vaddr: 0x1000n, pages: 2, origin: 'present', offset: 0 },
      { vaddr: 0x5000n, pages: 3, origin: 'parent' },
      { vaddr: 0x9000n, pages: 1, origin: 'lazy' },
      { vaddr: 0xa000n, pages: 1, origin: 'present', offset: 8192 },
    ]);
  });

  it('reads the page count and the parent mark of older CRIU', async () => {
    const { runs } = await read([
      { vaddr: 0x1000n, compat_nr_pages: 7 },
      { vaddr: 0x9000n, compat_nr_pages: 2, in_parent: true },
      { vaddr: 0xc000n, compat_nr_pages: 1, in_parent: false },
    ]);
    expect(runs).toEqual([
      { vaddr: 0x1000n, pages: 7, origin: 'present', offset: 0 },
      { vaddr: 0x9000n, pages: 2, origin: 'parent' },
      { vaddr: 0xc000n, pages: 1, origin: 'present', offset: 7 * 4096 },
    ]);
  });

  it('counts in pages of the dumped machine', async () => {
    const { runs } = await read(
      [
        { vaddr: 0x10000n, compat_nr_pages: 1 },
        { vaddr: 0x40000n, compat_nr_pages: 1 },
      ],
      65536,
    );
    expect(runs.map((run) => run.origin === 'present' && run.offset)).toEqual([0, 65536]);
  });

  it('gives back what was written, whatever the runs', async () => {
    const gaps = fc.array(
      fc.record({ gap: fc.nat(50), pages: fc.integer({ min: 1, max: 50 }), flags: fc.constantFrom(1, 2, 4) }),
    );
    await fc.assert(
      fc.asyncProperty(gaps, fc.boolean(), async (runs, old) => {
        let page = 16;
        let used = 0;
        const expected: { vaddr: bigint; pages: number; offset: number | undefined }[] = [];
        const entries = runs.map(({ gap, pages, flags }) => {
          const vaddr = BigInt(page + gap) * 4096n;
          page += gap + pages;
          expected.push({ vaddr, pages, offset: flags === 4 ? used : undefined });
          if (flags === 4) used += pages * 4096;
          return old
            ? { vaddr, compat_nr_pages: pages, flags }
            : { vaddr, compat_nr_pages: 0, nr_pages: BigInt(pages), flags };
        });
        const { runs: got } = await read(entries);
        expect(
          got.map((run) => ({
            vaddr: run.vaddr,
            pages: run.pages,
            offset: run.origin === 'present' ? run.offset : undefined,
          })),
        ).toEqual(expected);
      }),
    );
  });

  it('decodes 100,000 runs in well under a second', async () => {
    const entries = Array.from({ length: 100_000 }, (_, index) => ({
      vaddr: 0x7f0000000000n + BigInt(index) * 8192n,
      compat_nr_pages: 0,
      nr_pages: 1n,
      flags: 4,
    }));
    const image = forgeImage(
      imageKinds.pagemap,
      [{ pages_id: 1 }, ...entries].map((message) => ({ message })),
    );
    // Of this process's own time (milliseconds): what else runs on the machine does not count.
    let fastest = Number.POSITIVE_INFINITY;
    for (let attempt = 0; attempt < 3; attempt++) {
      const start = process.cpuUsage();
      const { runs } = await readPagemap(bufferSource(image), 'pagemap-1.img', { pageSize: 4096 });
      fastest = Math.min(fastest, process.cpuUsage(start).user / 1000);
      expect(runs).toHaveLength(100_000);
    }
    expect(fastest).toBeLessThan(800);
  });
});
