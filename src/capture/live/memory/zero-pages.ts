/**
 * The kernel's pages of zeros, which stand wherever a process read memory that it had never written: one small page, and one
 * huge page of 512 frames. CRIU leaves them out (PAGE_IS_PFNZERO); a program that read through a large reservation would
 * otherwise fill an archive with zeros. They are found by reading untouched memory of our own, and asking the kernel of its
 * frames: /proc/kpageflags has 8 bytes a frame, of which bit 24 is KPF_ZERO_PAGE.
 * Facts: Linux, Documentation/admin-guide/mm/pagemap.rst.
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { parseMappings } from '../proc/mappings.ts';
import { readFrames, type ZeroPages } from './pagemap-file.ts';

/** Larger than the largest piece that the C library takes from its heap (32 MiB), so that it is a mapping of its own. */
const UNTOUCHED_BYTES = 64 * 1024 * 1024;
/** Read at the end of it: a huge page, and small ones behind the last boundary of one. */
const TOUCHED_BYTES = 3 * 1024 * 1024;
const ODD_BYTES = 512 * 1024;
const ZERO_PAGE = 1 << 24;

/**
 * Empty where the kernel does not tell: then pages of zeros are copied like others. To be called before a container is frozen.
 * `pageSize` in bytes.
 */
export function findZeroPages(pageSize: number): ZeroPages {
  const found = new Set<number>();
  const untouched = new Uint8Array(UNTOUCHED_BYTES + ODD_BYTES);
  readPages(untouched, pageSize);
  try {
    const descriptor = openSync('/proc/kpageflags', 'r');
    try {
      for (const frame of ownFrames(untouched.length, pageSize)) {
        if (isZeroPage(descriptor, frame)) found.add(frame);
      }
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // Without rights, or on a kernel without CONFIG_PROC_PAGE_MONITOR.
  }
  // Used here once more, so that the memory cannot have been given back before its frames were looked up.
  readPages(untouched, pageSize);
  return found;
}

function readPages(untouched: Uint8Array, pageSize: number): number {
  let sum = 0;
  for (let at = untouched.length - TOUCHED_BYTES; at < untouched.length; at += pageSize)
    sum += untouched[at] ?? 0;
  return sum;
}

/** The kernel joins neighbouring mappings: the untouched memory may lie in one that is so many times as large. */
const MAX_JOINED = 16;

/** The frames in mappings of our own that are large enough for the untouched memory. */
function ownFrames(length: number, pageSize: number): readonly number[] {
  const likely = parseMappings(readFileSync('/proc/self/maps', 'utf8')).filter(({ start, end, inode }) => {
    const size = Number(end - start);
    return inode === 0n && size >= length && size <= MAX_JOINED * length;
  });
  return likely.flatMap(({ start, end }) => {
    const first = Number(start / BigInt(pageSize));
    return readFrames('/proc/self/pagemap', first, Number(end / BigInt(pageSize)) - first);
  });
}

function isZeroPage(descriptor: number, frame: number): boolean {
  const word = new Uint32Array(2);
  return readSync(descriptor, word, 0, 8, BigInt(frame) * 8n) === 8 && ((word[0] ?? 0) & ZERO_PAGE) !== 0;
}
