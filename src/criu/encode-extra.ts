/**
 * The bytes behind a message from the `extra` that extra-json.ts writes, padded as the image has them
 * (extra-padding.ts).
 */
import { concat } from '../bytes/concat.ts';
import type { JsonContext } from './encode-context.ts';
import { encodeMessage, memberOf } from './encode-message.ts';
import { base64Bytes, plainInteger } from './encode-value.ts';
import { littleEndian } from './encode-wire.ts';
import { Padding } from './extra-padding.ts';
import { type ExtraRule, type ImageKind, imageKinds } from './image-kinds.ts';
import type { JsonNode, JsonObject } from './json-tree.ts';
import { ipcMsg } from './schemas/ipc.ts';
import { decodeMessage } from './wire.ts';

const NO_BYTES = new Uint8Array(0);
const MAX_SEMAPHORE = 0xffffn;

/**
 * Encodes the member `extra` of an entry whose message is decoded. Its length must be the one that the message tells:
 * an image in which they differ would be read as something else.
 */
export function encodeExtra(
  kind: ImageKind,
  rule: ExtraRule<unknown>,
  message: unknown,
  entry: JsonObject,
  context: JsonContext,
): Uint8Array {
  const padding = new Padding(entry, context);
  const bytes = paddedExtra(kind, rule, message, entry, context, padding);
  padding.finish(entry, context);
  return bytes;
}

function paddedExtra(
  kind: ImageKind,
  rule: ExtraRule<unknown>,
  message: unknown,
  entry: JsonObject,
  context: JsonContext,
  padding: Padding,
): Uint8Array {
  const node = entry.members.get('extra');
  const inside = context.inside('extra');
  switch (rule.kind) {
    case 'none':
      return NO_BYTES;
    case 'rest':
      if (rule.applies(message)) return node === undefined ? NO_BYTES : base64Bytes(node, inside);
      return nothing(node, inside);
    case 'bytes': {
      const parts = rule.parts(message);
      if (parts === undefined) return nothing(node, inside);
      const promised = parts.reduce<bigint>((sum, part) => sum + BigInt(part), 0n);
      const bytes = node === undefined ? NO_BYTES : payload(kind, node, inside);
      if (BigInt(bytes.length) === promised) return padding.fill(bytes, rule.paddedTo);
      return inside.fail(node ?? entry, `has ${bytes.length} bytes where the entry promises ${promised}`);
    }
    case 'ipc-messages':
      return queuedMessages(rule.count(message), node, entry, inside, padding);
  }
}

function nothing(node: JsonNode | undefined, context: JsonContext): Uint8Array {
  if (node === undefined || (node.kind === 'string' && node.value === '')) return NO_BYTES;
  return context.fail(node, 'has bytes where such an entry has none');
}

function payload(kind: ImageKind, node: JsonNode, context: JsonContext): Uint8Array {
  switch (kind.magic) {
    case imageKinds.tcpStream.magic:
      return tcpQueues(node, context);
    case imageKinds.ipcSem.magic:
      return semaphores(node, context);
    default:
      return base64Bytes(node, context);
  }
}

function tcpQueues(node: JsonNode, context: JsonContext): Uint8Array {
  if (node.kind !== 'object') return context.fail(node, 'must be an object with "inq" and "outq"');
  return concat(
    ['inq', 'outq'].map((queue) => base64Bytes(memberOf(node, queue, context), context.inside(queue))),
  );
}

function semaphores(node: JsonNode, context: JsonContext): Uint8Array {
  if (node.kind !== 'array') return context.fail(node, 'must be a list of numbers');
  const values = node.items.map((item, index) => {
    const inside = context.inside(index);
    const value = plainInteger('uint32', item, inside);
    return value <= MAX_SEMAPHORE ? littleEndian(value, 2) : inside.fail(item, 'is more than 16 bits hold');
  });
  return concat(values);
}

/** A header and a text for each message, in turn. */
function queuedMessages(
  count: number,
  node: JsonNode | undefined,
  entry: JsonObject,
  context: JsonContext,
  padding: Padding,
): Uint8Array {
  const items = node?.kind === 'array' ? node.items : [];
  if (items.length !== count * 2) {
    return context.fail(
      node ?? entry,
      `must be a list of ${count} headers, each with its text behind it, as qnum says`,
    );
  }
  const parts: Uint8Array[] = [];
  for (const [index, item] of items.entries()) {
    if (index % 2 === 1) continue;
    const header = encodeMessage(ipcMsg, item, context.inside(index));
    parts.push(littleEndian(BigInt(header.length), 4), header);
    parts.push(padding.fill(messageText(header, items[index + 1] ?? item, context.inside(index + 1))));
  }
  return concat(parts);
}

function messageText(header: Uint8Array, node: JsonNode, context: JsonContext): Uint8Array {
  const text = base64Bytes(node, context);
  const { msize } = decodeMessage(ipcMsg, header).message;
  if (text.length === msize) return text;
  return context.fail(node, `has ${text.length} bytes where its header promises ${msize}`);
}
