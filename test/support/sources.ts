import type { ByteSource } from '../../src/bytes/byte-source.ts';

/** Counts what is asked of a source. */
export interface CountingSource extends ByteSource {
  readonly reads: number;
  readonly bytesRead: number;
}

export function countingSource(source: ByteSource): CountingSource {
  let reads = 0;
  let bytesRead = 0;
  return {
    size: source.size,
    read: async (offset, length, signal) => {
      const bytes = await source.read(offset, length, signal);
      reads++;
      bytesRead += bytes.length;
      return bytes;
    },
    get reads() {
      return reads;
    },
    get bytesRead() {
      return bytesRead;
    },
  };
}

/** A source of any size that is zeros but for some parts, as a sparse file is. */
export function sparseSource(
  size: number,
  parts: readonly { offset: number; bytes: Uint8Array }[],
): ByteSource {
  return {
    size,
    read: async (offset, length) => {
      const result = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
      for (const part of parts) {
        const from = Math.max(offset, part.offset);
        const to = Math.min(offset + result.length, part.offset + part.bytes.length);
        if (from < to) result.set(part.bytes.subarray(from - part.offset, to - part.offset), from - offset);
      }
      return result;
    },
  };
}

/** All of a source. */
export async function readAll(source: ByteSource): Promise<Buffer> {
  return Buffer.from(await source.read(0, source.size));
}
