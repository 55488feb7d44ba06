/**
 * Room for a container's memory, made before the container stands still. Most of the time that writing takes is spent on
 * finding memory for the page cache: 2.4 s of 2.5 s for 1 GiB on a virtual machine whose host had to find it too. Zeros
 * written beforehand take that time while the container still runs, and tell of a full disk before it is frozen.
 */
import { readFileSync } from 'node:fs';
import { type CopyTarget, writeAll } from './copy-target.ts';

const PIECE_BYTES = 1024 * 1024;
/** Of the memory that is available: from there on (vm.dirty_background_ratio) the kernel writes to the disk what was written. */
const SHARE_OF_MEMORY = 10;
/** What is gained on more is not worth what it takes from the node's other work. */
const MAX_BYTES = 4 * 1024 ** 3;

/**
 * Writes zeros where up to `bytes` will be written from `offset` on, as far as the node has memory to spare; the file may
 * then be longer than the archive, and is to be cut to its length. Throws `WRITE_FAILED`.
 */
export async function makeRoom(
  target: Pick<CopyTarget, 'descriptor' | 'name'>,
  offset: number,
  bytes: number,
  signal?: AbortSignal,
): Promise<void> {
  const zeros = Buffer.alloc(PIECE_BYTES);
  const length = Math.min(bytes, MAX_BYTES, Math.floor(availableMemory() / SHARE_OF_MEMORY));
  for (let at = 0; at < length; at += PIECE_BYTES) {
    signal?.throwIfAborted();
    await writeAll(target, zeros, Math.min(PIECE_BYTES, length - at), offset + at);
  }
}

/** Bytes; 0 where the kernel does not tell. */
function availableMemory(): number {
  try {
    const text = readFileSync('/proc/meminfo', 'utf8');
    return Number(/^MemAvailable: +(\d{1,15}) kB$/m.exec(text)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
