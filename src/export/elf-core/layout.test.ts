import { expect, it } from 'vitest';
import { MemorySink, readCore } from '../../../test/support/core-reader.ts';
import { headersSize, placeSegments, writeHeaders } from './layout.ts';

it.each([1, 0xfffd, 0xfffe, 0xffff, 100_000])(
  'a core of %i segments tells how many it has',
  async (count) => {
    const segments = Array.from({ length: count }, (_, index) => ({
      start: BigInt(index * 4096),
      memorySize: 4096n,
      fileSize: 0,
      flags: 4,
    }));
    const layout = placeSegments(segments, { notesEnd: headersSize(count), pageSize: 4096 });
    const sink = new MemorySink();
    await writeHeaders(layout, 62, sink);
    const core = readCore(sink.bytes(layout.size));
    expect([core.segments.length, core.notes, core.segments.at(-1)?.address]).toEqual([
      count,
      [],
      BigInt((count - 1) * 4096),
    ]);
  },
);
