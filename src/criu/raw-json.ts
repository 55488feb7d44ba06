/**
 * Raw images as JSON, in a form of our own, because crit has none: `{"raw": NAME, "content": what it is, "size": bytes,
 * "entries": [one netlink message each]}`, or `"lines"` of text. Images of pages and packed files are only described.
 */
import type { ByteSource } from '../bytes/byte-source.ts';
import { concat } from '../bytes/concat.ts';
import type { Note } from '../bytes/note.ts';
import type { CritJsonOptions, WriteText } from './crit-json.ts';
import type { RawKind } from './image-kinds.ts';
import { isNetworkDump, readNetworkDump } from './netlink/network-dump.ts';
import { type Indent, type JsonValue, lineBreak, members, pythonJson, separator } from './python-json.ts';
import { surrogateEscaped } from './text-encodings.ts';

const TEXT_KINDS: ReadonlySet<string> = new Set(['IPTABLES', 'IP6TABLES', 'NFTABLES']);

/** Bytes of text read at once; a line that is longer is no firewall rule and comes in pieces. */
const PIECE = 64 * 1024;
const LF = 10;

/** Whether a raw image is more than bytes: whether `writeRawJson` shows what it holds. */
export function isReadableRaw(kind: RawKind): boolean {
  return isNetworkDump(kind.name) || TEXT_KINDS.has(kind.name);
}

/** Writes one raw image, without a line feed at the end. Returns what was damaged. */
export async function writeRawJson(
  name: string,
  kind: RawKind,
  source: ByteSource,
  write: WriteText,
  options: CritJsonOptions = {},
): Promise<readonly Note[]> {
  const notes: Note[] = [];
  const indent: Indent = options.pretty === true ? 4 : undefined;
  const head = { ...options.prefix, raw: kind.name, content: kind.content, size: source.size };
  if (!isReadableRaw(kind)) {
    await write(pythonJson(head, indent));
    return notes;
  }
  const isDump = isNetworkDump(kind.name);
  const items = isDump ? readNetworkDump(name, kind.name, source, notes) : readLines(source);
  const opening = [...members(head, indent, 1), `"${isDump ? 'entries' : 'lines'}": [`];
  await write(`{${lineBreak(indent, 1)}${opening.join(separator(indent, 1))}`);
  const isEmpty = (await writeItems(items, write, indent)) === 0;
  await write(`${isEmpty ? '' : lineBreak(indent, 1)}]${lineBreak(indent, 0)}}`);
  return notes;
}

async function writeItems(
  items: AsyncIterable<JsonValue>,
  write: WriteText,
  indent: Indent,
): Promise<number> {
  let count = 0;
  for await (const item of items) {
    const before = count++ === 0 ? lineBreak(indent, 2) : separator(indent, 2);
    await write(before + pythonJson(item, indent, 2));
  }
  return count;
}

async function* readLines(source: ByteSource): AsyncGenerator<string> {
  let rest: Uint8Array = new Uint8Array(0);
  for (let at = 0; at < source.size; at += PIECE) {
    let bytes = concat([rest, await source.read(at, PIECE)]);
    for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF)) {
      yield surrogateEscaped(bytes.subarray(0, end));
      bytes = bytes.subarray(end + 1);
    }
    if (bytes.length >= PIECE) yield surrogateEscaped(bytes);
    rest = bytes.length >= PIECE ? new Uint8Array(0) : bytes;
  }
  if (rest.length > 0) yield surrogateEscaped(rest);
}
