import { read } from 'node:fs';
import { promisify } from 'node:util';

const PIECE_BYTES = 256 * 1024;

const readInto = promisify(read);

/** Exactly the first `size` bytes behind a descriptor; zeros stand for what is not there or cannot be read. */
export async function* readPieces(descriptor: number, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < size; ) {
    const piece = Buffer.alloc(Math.min(PIECE_BYTES, size - at));
    const count = await readAt(descriptor, piece, at);
    // The rest of a file that became shorter is not asked for again and again.
    const length = count === 0 ? piece.length : count;
    yield piece.subarray(0, length);
    at += length;
  }
}

async function readAt(descriptor: number, piece: Buffer, position: number): Promise<number> {
  try {
    return (await readInto(descriptor, piece, 0, piece.length, position)).bytesRead;
  } catch {
    return 0;
  }
}
