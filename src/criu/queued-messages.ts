/**
 * The messages of a System V queue, behind its ipc_msg_entry: a `u32 size`, an ipc_msg of that size, and a text of `msize`
 * bytes rounded up to 8, one message after the other. The image reader has found where they end.
 * Facts: CRIU 4.2, criu/ipc_ns.c, and recorded images.
 */
import type { ByteSource } from '../bytes/byte-source.ts';
import type { ByteRange } from './byte-range.ts';
import type { MessageOf } from './schema.ts';
import { ipcMsg } from './schemas/ipc.ts';
import { decodeMessage } from './wire.ts';
import { wordAt } from './wire-cursor.ts';

/** Longest ipc_msg that is read: two varints and their tags, with room for fields of newer versions. */
const MAX_HEADER = 4096;

export interface QueuedMessage {
  readonly header: MessageOf<typeof ipcMsg>;
  /** The text, without its padding; shorter than the header says where the image is cut short. */
  readonly text: ByteRange;
}

/** The messages in a range of an image, in the order in which they would be received. Ends where one is damaged. */
export async function* readQueuedMessages(
  source: ByteSource,
  { offset, length }: ByteRange,
): AsyncGenerator<QueuedMessage> {
  const end = offset + length;
  for (let at = offset; at + 4 <= end; ) {
    const size = wordAt(await source.read(at, 4), 0);
    if (size > end - at - 4) return;
    const { message } = decodeMessage(ipcMsg, await source.read(at + 4, Math.min(size, MAX_HEADER)));
    at += 4 + size;
    yield { header: message, text: { offset: at, length: Math.min(message.msize, end - at) } };
    at += Math.ceil(message.msize / 8) * 8;
  }
}
