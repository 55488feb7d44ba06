import type { MatchRange, MemoryScanner } from '../checkpoint/scan/memory-scanner.ts';

/** Bytes of a chunk at most: enough that handing it over costs little beside looking at it. */
const CHUNK_LENGTH = 128 * 1024;

/**
 * A scanner to which every byte is a match: it hands all memory over once, in chunks that follow each other, to whatever
 * must see all of it. A chunk may reach over the border of regions that follow each other in memory.
 */
export const chunkScanner: MemoryScanner = {
  overlap: 0,
  *matches(_window, from, limit): Generator<MatchRange, number> {
    for (let start = from; start < limit; start += CHUNK_LENGTH) {
      yield { start, end: Math.min(start + CHUNK_LENGTH, limit) };
    }
    return limit;
  },
};
