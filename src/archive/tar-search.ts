import type { ByteSource } from '../bytes/byte-source.ts';
import { BLOCK, parseTarHeader } from './tar-header.ts';

/** How far, in all, an archive with damaged headers is searched for the next ones: about two seconds of reading. */
export const RESYNC_LIMIT = 1024 * 1024 * 1024;

/** How far the bytes behind an archive's end are looked at. Honest padding is below 10 KiB (GNU tar's record). */
export const TAIL_SCAN_LIMIT = 64 * 1024 * 1024;

const CHUNK = 1024 * 1024;
const USTAR = [0x75, 0x73, 0x74, 0x61, 0x72];

export interface HeaderSearch {
  readonly offset: number | undefined;
  /** Bytes that were read for it. */
  readonly searched: number;
}

/** The first block from `from` on, at most `limit` bytes further, that is a tar header with magic and right checksum. */
export async function findNextHeader(
  source: ByteSource,
  from: number,
  limit: number,
  signal?: AbortSignal,
): Promise<HeaderSearch> {
  const end = Math.min(source.size, from + limit);
  for (let at = from; at + BLOCK <= end; at += CHUNK) {
    const chunk = await source.read(at, Math.min(CHUNK, end - at), signal);
    for (let block = 0; block + BLOCK <= chunk.length; block += BLOCK) {
      if (isHeader(chunk, block)) return { offset: at + block, searched: at + block - from };
    }
  }
  return { offset: undefined, searched: Math.max(0, end - from) };
}

function isHeader(chunk: Uint8Array, at: number): boolean {
  if (!USTAR.every((byte, index) => chunk[at + 257 + index] === byte)) return false;
  const header = parseTarHeader(chunk.subarray(at, at + BLOCK));
  return header.checksumValid && header.size !== undefined;
}

/** Bytes behind the end of a tar. */
export interface Tail {
  /** The block of the first byte that is not zero, or where the search stopped, in bytes. */
  readonly offset: number;
  readonly size: number;
}

/**
 * Looks for bytes behind the end mark. Padding is zeros; zeros beyond TAIL_SCAN_LIMIT are no padding any more and are
 * told of as a tail unread.
 */
export async function findTail(
  source: ByteSource,
  from: number,
  signal?: AbortSignal,
): Promise<Tail | undefined> {
  const end = Math.min(source.size, from + TAIL_SCAN_LIMIT);
  for (let at = from; at < end; at += CHUNK) {
    const chunk = await source.read(at, Math.min(CHUNK, end - at), signal);
    const index = firstNonZero(chunk);
    if (index === undefined) continue;
    const offset = at + index - ((at + index) % BLOCK);
    return { offset, size: source.size - offset };
  }
  return end < source.size ? { offset: end, size: source.size - end } : undefined;
}

function firstNonZero(chunk: Uint8Array): number | undefined {
  for (let index = 0; index < chunk.length; index++) if (chunk[index] !== 0) return index;
  return undefined;
}
