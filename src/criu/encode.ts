/**
 * An image from the JSON that crit-json.ts writes, in its plain and in its --pretty form: the same bytes as the image that
 * the JSON is of, if CRIU wrote that. Fields are written as CRIU's protobuf-c does; image.ts has the layout.
 *
 * The JSON may come from anywhere: it is parsed within limits, and what is wrong in it is told with its line and column.
 */
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { JsonContext } from './encode-context.ts';
import { encodeExtra } from './encode-extra.ts';
import { encodeMessage, memberOf } from './encode-message.ts';
import { littleEndian } from './encode-wire.ts';
import { EXTRA_PADDING } from './extra-padding.ts';
import { MAX_MESSAGE_LENGTH, type UnknownKind, unknownMessage } from './image.ts';
import { allKinds, type ExtraRule, type ImageKind, kindOfMagic } from './image-kinds.ts';
import { type JsonNode, type JsonObject, parseJsonTree } from './json-tree.ts';
import { decodeUtf8 } from './utf8.ts';
import { decodeMessage } from './wire.ts';
import { imageHeader } from './write-image.ts';

/**
 * Longest JSON that is read. A string of V8 holds twice as many characters; the largest honest image that people edit is
 * an mm image of some 100 MiB of text.
 */
export const MAX_JSON_LENGTH = 256 * 1024 * 1024;

const NO_EXTRA = { kind: 'none' } as const;

/**
 * Encodes one image and returns its parts, to be written one behind the other. Throws `MALFORMED` for what is not such
 * JSON, `RAW_IMAGE` for the JSON of an image without messages and `LIMIT_EXCEEDED`.
 */
export function encodeImage(json: Uint8Array): readonly Uint8Array[] {
  if (json.length > MAX_JSON_LENGTH) {
    throw new ExhibitError('LIMIT_EXCEEDED', `the JSON is longer than ${MAX_JSON_LENGTH} bytes`);
  }
  const text = decodeUtf8(json);
  if (text === undefined) throw new ExhibitError('MALFORMED', 'this is not JSON: it is not UTF-8');
  const image = parseJsonTree(text);
  const context = new JsonContext(text);
  if (image.kind !== 'object') return context.fail(image, 'must be an object with "magic" and "entries"');
  refuseOthers(image, context);
  const kind = kindOf(memberOf(image, 'magic', context), context.inside('magic'));
  const entries = memberOf(image, 'entries', context);
  const inside = context.inside('entries');
  if (entries.kind !== 'array') return inside.fail(entries, 'must be a list');
  const parts = [imageHeader(kind)];
  for (const [index, entry] of entries.items.entries()) {
    const place = { isFirst: index === 0, isLast: index === entries.items.length - 1 };
    parts.push(...encodeEntry(kind, place, entry, inside.inside(index)));
  }
  return parts;
}

/** `image` is the name that `decode` puts in front in a stream of images. */
const MEMBERS: ReadonlySet<string> = new Set(['image', 'magic', 'entries']);

function refuseOthers(image: JsonObject, context: JsonContext): void {
  if (image.members.has('raw')) {
    throw new ExhibitError('RAW_IMAGE', 'this is the JSON of a raw image, which has no messages to encode');
  }
  for (const [name, member] of image.members) {
    if (!MEMBERS.has(name)) context.inside(name).fail(member, 'is no part of an image');
  }
}

function kindOf(node: JsonNode, context: JsonContext): ImageKind | UnknownKind {
  const name = node.kind === 'string' ? node.value : '';
  const known = allKinds.find((each) => each.name === name);
  if (known !== undefined) return known;
  if (!/^0x[0-9a-f]{1,8}$/.test(name)) {
    return context.fail(node, 'must be the name of a kind of image, such as "PSTREE"');
  }
  const magic = Number(name);
  return kindOfMagic(magic) ?? { layout: 'unknown', name, magic };
}

function encodeEntry(
  kind: ImageKind | UnknownKind,
  { isFirst, isLast }: { readonly isFirst: boolean; readonly isLast: boolean },
  entry: JsonNode,
  context: JsonContext,
): readonly Uint8Array[] {
  if (entry.kind !== 'object') return context.fail(entry, 'must be an object');
  const schema = kind.layout === 'unknown' ? unknownMessage : isFirst ? kind.first : kind.later;
  const rule = extraRule(kind, isFirst);
  const bytes = encodeMessage(schema, entry, context, rule.kind === 'none' ? [] : ['extra', EXTRA_PADDING]);
  if (bytes.length > MAX_MESSAGE_LENGTH) {
    throw new ExhibitError('LIMIT_EXCEEDED', `an entry is longer than ${MAX_MESSAGE_LENGTH} bytes`, {
      offset: entry.at,
    });
  }
  const parts = [littleEndian(BigInt(bytes.length), 4), bytes];
  if (kind.layout === 'unknown' || rule.kind === 'none') return parts;
  const { message } = decodeMessage(schema, bytes);
  if (rule.kind === 'rest' && rule.applies(message) && !isLast) {
    return context.fail(entry, 'must be the last one: its bytes go on to the end of the image');
  }
  return [...parts, encodeExtra(kind, rule, message, entry, context)];
}

function extraRule(kind: ImageKind | UnknownKind, isFirst: boolean): ExtraRule<unknown> {
  if (kind.layout === 'unknown') return NO_EXTRA;
  return isFirst ? kind.extra : kind.laterExtra;
}
