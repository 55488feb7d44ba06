/**
 * The bytes behind a message as crit shows them under `extra`: base64 in lines; for TCP streams the receive and the send
 * queue apart, for semaphores their values, for message queues each header and its text.
 * Read and written in pieces, because a ghost file may be larger than memory.
 * Facts: the output of CRIU 4.2's crit.
 */
import type { ByteSource } from '../bytes/byte-source.ts';
import type { ByteRange } from './byte-range.ts';
import type { Entry } from './image.ts';
import { type ImageKind, imageKinds } from './image-kinds.ts';
import { messageJson } from './message-json.ts';
import { escapeJson, type Indent, lineBreak, pythonJson, separator } from './python-json.ts';
import { readQueuedMessages } from './queued-messages.ts';
import type { TcpStreamEntry } from './schemas/sockets.ts';
import { BASE64_LINE, base64Lines } from './text-encodings.ts';

/** Bytes read at once: whole lines of base64, whole semaphores. */
const PIECE = BASE64_LINE * 1024;

/** JSON text in pieces, to stand at nesting `level`. */
export type JsonPieces = (indent: Indent, level: number) => AsyncGenerator<string>;

/** The value of `extra` for an entry; undefined where nothing is behind the message. */
export function extraJson(kind: ImageKind, entry: Entry, source: ByteSource): JsonPieces | undefined {
  const { extra } = entry;
  // crit prints the member behind every segment of shared memory.
  if (extra === undefined) return kind.magic === imageKinds.ipcShm.magic ? () => emptyString() : undefined;
  switch (kind.magic) {
    case imageKinds.tcpStream.magic:
      return (indent, level) => tcpQueues(source, extra, entry.message as TcpStreamEntry, indent, level);
    case imageKinds.ipcSem.magic:
      return (indent, level) => list(semaphores(source, extra), indent, level);
    case imageKinds.ipcMsg.magic:
      return (indent, level) => list(queuedMessages(source, extra, indent, level + 1), indent, level);
    default:
      return () => base64String(source, extra);
  }
}

async function* emptyString(): AsyncGenerator<string> {
  yield '""';
}

async function* base64String(source: ByteSource, range: ByteRange): AsyncGenerator<string> {
  yield '"';
  for (let done = 0; done < range.length; done += PIECE) {
    const bytes = await source.read(range.offset + done, Math.min(PIECE, range.length - done));
    yield escapeJson(base64Lines(bytes));
  }
  yield '"';
}

async function* tcpQueues(
  source: ByteSource,
  { offset, length }: ByteRange,
  stream: TcpStreamEntry,
  indent: Indent,
  level: number,
): AsyncGenerator<string> {
  const received = Math.min(stream.inq_len, length);
  yield `{${lineBreak(indent, level + 1)}"inq": `;
  yield* base64String(source, { offset, length: received });
  yield `${separator(indent, level + 1)}"outq": `;
  yield* base64String(source, { offset: offset + received, length: length - received });
  yield `${lineBreak(indent, level)}}`;
}

/** A JSON array of items that are texts in one or more pieces; each item begins with an empty piece. */
async function* list(items: AsyncIterable<string>, indent: Indent, level: number): AsyncGenerator<string> {
  let count = 0;
  yield '[';
  for await (const piece of items) {
    if (piece !== ITEM) yield piece;
    else yield count++ === 0 ? lineBreak(indent, level + 1) : separator(indent, level + 1);
  }
  yield count === 0 ? ']' : `${lineBreak(indent, level)}]`;
}

/** Marks the beginning of an item of a `list`; no JSON text is empty. */
const ITEM = '';

async function* semaphores(source: ByteSource, { offset, length }: ByteRange): AsyncGenerator<string> {
  for (let done = 0; done < length - 1; done += PIECE & ~1) {
    const bytes = await source.read(offset + done, Math.min(PIECE & ~1, length - done));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + 2 <= bytes.length; at += 2) {
      yield ITEM;
      yield String(view.getUint16(at, true));
    }
  }
}

async function* queuedMessages(
  source: ByteSource,
  range: ByteRange,
  indent: Indent,
  level: number,
): AsyncGenerator<string> {
  for await (const { header, text } of readQueuedMessages(source, range)) {
    yield ITEM;
    // crit shows these the plain way, with --pretty too.
    yield pythonJson(messageJson(header, false), indent, level);
    yield ITEM;
    yield* base64String(source, text);
  }
}
