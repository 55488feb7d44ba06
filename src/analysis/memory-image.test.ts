import { describe, expect, it } from 'vitest';
import { forgeMm, forgePagemap, forgeTasks, openForged } from '../../test/support/checkpoint-forge.ts';
import { withFixture } from '../../test/support/fixture.ts';
import { imageParts, layOutImage } from './memory-image.ts';
import { selectMemory } from './memory-selection.ts';
import { extentsOf } from './region-extents.ts';

describe('a memory image', () => {
  it('holds each present byte of a region at its place in the region, and nothing else', () =>
    withFixture('containerd-zoo', async (checkpoint) => {
      for (const { space } of await selectMemory(checkpoint)) {
        const image = layOutImage(space);
        const file = Buffer.alloc(image.size);
        let written = 0;
        for await (const { offset, bytes } of imageParts(space, image)) {
          file.set(bytes, offset);
          written += bytes.length;
        }
        expect(written).toBe(image.presentBytes);
        for (const { region, offset } of image.regions) {
          if (offset === undefined) {
            expect(region.presentBytes).toBe(0);
            continue;
          }
          for (const { start, length, origin } of extentsOf(space, region)) {
            const from = offset + Number(start - region.start);
            const expected =
              origin === 'present' ? (await space.read(start, length)).bytes : Buffer.alloc(length);
            expect(Buffer.compare(file.subarray(from, from + length), expected)).toBe(0);
          }
        }
      }
    }));

  it('is refused when forged regions are longer than any file', async () => {
    const checkpoint = await openForged({
      images: {
        ...forgeTasks([{ pid: 1 }]),
        'mm-1.img': forgeMm({ vmas: [{ start: 0x1000n, end: 1n << 47n }] }),
        'pagemap-1.img': forgePagemap([[0x1000n, 1, 4]]),
        'pages-1.img': new Uint8Array(4096).fill(1),
      },
    });
    const [selected] = await selectMemory(checkpoint);
    if (selected === undefined) throw new Error('no memory');
    expect(() => layOutImage(selected.space)).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
  });
});
