import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ByteSource, bufferSource } from '../../bytes/byte-source.ts';
import { PageReader } from './page-reader.ts';

/** A source that fills the reader's rooms, as files do, and not at once. */
function fillingSource(bytes: Uint8Array): ByteSource {
  const { read, size } = bufferSource(bytes);
  return {
    size,
    read,
    readInto: async (target, offset) => {
      await new Promise(setImmediate);
      const part = bytes.subarray(offset, offset + target.length);
      target.set(part);
      return part.length;
    },
  };
}

describe('PageReader', () => {
  it('gives the bytes of a range until the next load, wherever it goes', async () => {
    const bytes = Uint8Array.from({ length: 3_000 }, (_, index) => index * 7);
    const steps = fc.array(fc.tuple(fc.nat(3_100), fc.integer({ min: 1, max: 300 })), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 500 }), async (ranges, windowSize) => {
        const reader = new PageReader(fillingSource(bytes), { windowSize });
        for (const [offset, length] of ranges) {
          const held = reader.peek(offset, length) ?? (await reader.load(offset, length));
          expect(held.length > 0).toBe(offset < bytes.length);
          expect(held).toEqual(bytes.subarray(offset, offset + held.length));
        }
      }),
    );
  });

  it('reads front to back, each byte once', async () => {
    const bytes = Uint8Array.from({ length: 1_000 }, (_, index) => index * 7);
    const reader = new PageReader(fillingSource(bytes), { windowSize: 64 });
    const seen: number[] = [];
    while (seen.length < bytes.length) seen.push(...(await reader.load(seen.length, 1_000)));
    expect(Uint8Array.from(seen)).toEqual(bytes);
  });

  it('tells the failure of a read-ahead to who loads that window', async () => {
    const source: ByteSource = {
      ...bufferSource(new Uint8Array(200)),
      readInto: async (target, offset) => {
        if (offset >= 100) throw new Error('no more');
        return target.length;
      },
    };
    const reader = new PageReader(source, { windowSize: 100 });
    expect(await reader.load(0, 10)).toHaveLength(10);
    await expect(reader.load(100, 10)).rejects.toThrow('no more');
  });
});
