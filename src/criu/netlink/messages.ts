/**
 * A dump of netlink messages, as the kernel sent them to whoever saved them. Host byte order, which is little-endian on
 * every machine that CRIU images come from in practice: `u32 length` (with this header), `u16 type`, `u16 flags`,
 * `u32 sequence`, `u32 port`, then the message; the next one begins at a multiple of 4.
 * Facts: linux/netlink.h, netlink(7), and recorded dumps.
 */
import type { ByteSource } from '../../bytes/byte-source.ts';
import type { Note } from '../../bytes/note.ts';
import { ReadWindow } from '../read-window.ts';
import { wordAt } from '../wire-cursor.ts';

const HEADER = 16;

/** The kernel sends dumps in buffers of at most 64 KiB; a message of a megabyte is none of its. */
const MAX_MESSAGE = 1024 * 1024;

/** One message; `offset` is that of its header in the image. */
export interface NetlinkMessage {
  readonly offset: number;
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly port: number;
  /** What is behind the header. */
  readonly payload: Uint8Array;
}

/** The messages from `start` on, one after the other; where they cannot be read on, `notes` says why. */
export async function* readNetlink(
  name: string,
  source: ByteSource,
  start: number,
  notes: Note[],
): AsyncGenerator<NetlinkMessage> {
  const window = new ReadWindow(source);
  for (let at = start; at < source.size; ) {
    const header = window.at(at, HEADER) ?? (await window.fill(at, HEADER));
    const length = wordAt(header, 0);
    const problem = checkLength(header.length < HEADER ? undefined : length, source.size - at);
    if (problem !== undefined) {
      notes.push({
        severity: 'warning',
        message: `${problem}; what follows was not read`,
        entry: name,
        offset: at,
      });
      return;
    }
    const bytes = window.at(at, length) ?? (await window.fill(at, length));
    yield {
      offset: at,
      type: wordAt(bytes, 4) & 0xffff,
      flags: wordAt(bytes, 4) >>> 16,
      sequence: wordAt(bytes, 8),
      port: wordAt(bytes, 12),
      payload: bytes.slice(HEADER, length),
    };
    at += Math.ceil(length / 4) * 4;
  }
}

function checkLength(length: number | undefined, available: number): string | undefined {
  if (length === undefined) return 'is cut short inside the header of a netlink message';
  if (length < HEADER) return `has a netlink message of ${length} bytes, which its own header is longer than`;
  if (length > available)
    return `promises a netlink message of ${length} bytes but only ${available} are there`;
  if (length > MAX_MESSAGE)
    return `has a netlink message of ${length} bytes, over the limit of ${MAX_MESSAGE}`;
  return undefined;
}
