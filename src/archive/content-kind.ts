import type { Compression } from './archive-index.ts';
import { isSkippableMagic, ZSTD_MAGIC } from './zstd.ts';

/** How much of a file's beginning decides what it is, in bytes: one tar block. */
export const HEAD_LENGTH = 512;

/** First bytes and what they mean; from each format's own specification. */
const KINDS: readonly (readonly [bytes: readonly number[], kind: string])[] = [
  [[0x7f, 0x45, 0x4c, 0x46], 'an ELF program or core dump'],
  [[0x50, 0x4b, 0x03, 0x04], 'a zip file'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], 'an xz file; unpack it with `xz -d` first'],
  [[0x42, 0x5a, 0x68], 'a bzip2 file; unpack it with `bzip2 -d` first'],
  [[0x04, 0x22, 0x4d, 0x18], 'an lz4 file; unpack it with `lz4 -d` first'],
  [[0x25, 0x50, 0x44, 0x46], 'a PDF document'],
  [[0x53, 0x51, 0x4c, 0x69, 0x74, 0x65], 'an SQLite database'],
  // Little-endian group magics of CRIU, images/README and criu/include/magic.h.
  [[0x19, 0x43, 0x56, 0x54], 'a single CRIU image; give the archive that it is from'],
  [[0x40, 0x59, 0x10, 0x55], 'a single CRIU image; give the archive that it is from'],
  [[0x16, 0x31, 0x31, 0x58], 'a single CRIU image; give the archive that it is from'],
];

/** How a file that begins with `head` is compressed. */
export function detectCompression(head: Uint8Array): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  if (head.length < 4) return 'none';
  const magic = new DataView(head.buffer, head.byteOffset, head.byteLength).getUint32(0, true);
  return magic === ZSTD_MAGIC || isSkippableMagic(magic) ? 'zstd' : 'none';
}

/** What a file that is no tar looks like; undefined where its beginning tells nothing. */
export function describeContent(head: Uint8Array): string | undefined {
  if (head.length === 0) return 'an empty file';
  const known = KINDS.find(([bytes]) => bytes.every((byte, index) => head[index] === byte));
  if (known !== undefined) return known[1];
  if (!isText(head)) return undefined;
  return head[0] === 0x7b || head[0] === 0x5b ? 'JSON or other text' : 'text';
}

/** Printable UTF-8 with the usual white space. A character that the end of `head` cuts does not count against it. */
function isText(head: Uint8Array): boolean {
  const text = new TextDecoder().decode(head, { stream: true });
  return !/[\x00-\x08\x0e-\x1a\x1c-\x1f\ufffd]/.test(text);
}
