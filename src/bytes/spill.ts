import { type ByteSource, bufferSource } from './byte-source.ts';

/** Room for bytes that come as a stream and must then be readable at any offset. */
export interface Spill extends ByteSource {
  /** Adds bytes at the end. The bytes may be reused by the caller once it resolves. */
  append(bytes: Uint8Array): Promise<void>;
  /** Gives the room back. */
  close(): Promise<void>;
}

/** Makes an empty spill: a temporary file, a browser's private file system. */
export type SpillFactory = () => Promise<Spill>;

/** Room in memory. It grows by doubling; `maximum` bounds what is reserved. */
export function memorySpill(maximum: number): Spill {
  let room = new Uint8Array(Math.min(maximum, 64 * 1024));
  let size = 0;
  return {
    get size() {
      return size;
    },
    append: async (bytes) => {
      if (size + bytes.length > room.length) {
        const grown = new Uint8Array(Math.max(size + bytes.length, Math.min(maximum, room.length * 2)));
        grown.set(room.subarray(0, size));
        room = grown;
      }
      room.set(bytes, size);
      size += bytes.length;
    },
    read: (offset, length) => bufferSource(room.subarray(0, size)).read(offset, length),
    close: async () => {
      room = new Uint8Array(0);
      size = 0;
    },
  };
}
