import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ByteSource, bufferSource } from '../bytes/byte-source.ts';
import { PieceReader } from './piece-reader.ts';

const bytes = randomBytes(1_500_000);

/** Reads that are cut short, as those of some sources are. */
function hesitant(source: ByteSource, most: number): ByteSource {
  return { ...source, read: (offset, length) => source.read(offset, Math.min(most, length)) };
}

describe('PieceReader', () => {
  it('gives all bytes in order, in whatever amounts they are asked for and come', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 128 * 1024 }), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1000, max: 2_000_000 }),
        async (lengths, most) => {
          const reader = new PieceReader(hesitant(bufferSource(bytes), most), {});
          for (const length of lengths) {
            const { offset } = reader;
            if (offset + length > bytes.length) {
              await expect(reader.view(length)).rejects.toMatchObject({ code: 'CUT_SHORT', offset });
              return;
            }
            const view = await reader.view(length);
            expect(Buffer.compare(view, bytes.subarray(offset, offset + length))).toBe(0);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('keeps what was taken, and skips', async () => {
    const reader = new PieceReader(bufferSource(bytes), {});
    const taken = await reader.take(10);
    await reader.skip(bytes.length - 20);
    expect(Buffer.compare(await reader.take(10), bytes.subarray(-10))).toBe(0);
    expect(Buffer.compare(taken, bytes.subarray(0, 10))).toBe(0);
    expect([await reader.isAtEnd(), reader.offset]).toEqual([true, bytes.length]);
  });

  it('tells how far it has read, and what a source throws', async () => {
    const told: number[] = [];
    const reader = new PieceReader(bufferSource(bytes), { onProgress: (read) => told.push(read) });
    await reader.skip(bytes.length);
    expect(told.at(-1)).toBe(bytes.length);
    const broken: ByteSource = { size: 10, read: () => Promise.reject(new Error('gone')) };
    await expect(new PieceReader(broken, {}).take(1)).rejects.toThrow('gone');
  });
});
