/**
 * Writes CRIU images, honest or damaged, for tests: messages are given as plain objects in the shape that the decoder
 * returns, or as raw fields where a test wants a wire that no honest writer makes.
 */
import { concat as join } from '../../src/bytes/concat.ts';
import { littleEndian, varint as wireVarint } from '../../src/criu/encode-wire.ts';
import { COMMON_MAGIC, type ImageKind, imageKinds, SERVICE_MAGIC } from '../../src/criu/image-kinds.ts';
import type { Enumeration, MessageSchema, NamedField } from '../../src/criu/schema.ts';

/** A varint; negative values take ten bytes, as protobuf writes them. */
export const varint = (value: number | bigint): Uint8Array => wireVarint(BigInt(value));

export const concat = (...parts: readonly Uint8Array[]): Uint8Array => join(parts);

/** A little-endian 32-bit word. */
export const u32 = (value: number): Uint8Array => littleEndian(BigInt(value), 4);

export const u64 = (value: bigint): Uint8Array => littleEndian(value, 8);

/** One field with its tag; a byte string gets its length in front. */
export function rawField(number: number, value: number | bigint | Uint8Array): Uint8Array {
  if (value instanceof Uint8Array) return concat(varint(number * 8 + 2), varint(value.length), value);
  return concat(varint(number * 8), varint(value));
}

/** A message from an object; fields that the schema does not know are left out, absent ones are not written. */
export function encodeMessage(schema: MessageSchema, message: unknown): Uint8Array {
  const values = message as Readonly<Record<string, unknown>>;
  const parts: Uint8Array[] = [];
  for (const field of schema.fields) {
    const value = values[field.name];
    if (value === undefined) continue;
    const list = field.label === 'repeated' ? (value as readonly unknown[]) : [value];
    for (const each of list) parts.push(encodeField(field, each));
  }
  return join(parts);
}

function encodeField(field: NamedField, value: unknown): Uint8Array {
  const { number, type } = field;
  if (type.kind === 'message') return rawField(number, encodeMessage(type.schema(), value));
  if (type.kind === 'enum') return rawField(number, enumNumber(type.enumeration, value as string | number));
  switch (type.scalar) {
    case 'string':
      return rawField(number, new TextEncoder().encode(value as string));
    case 'bytes':
      return rawField(number, value as Uint8Array);
    case 'bool':
      return rawField(number, value ? 1 : 0);
    case 'fixed32':
      return concat(varint(number * 8 + 5), u32(value as number));
    case 'fixed64':
      return concat(varint(number * 8 + 1), u64(value as bigint));
    case 'sint32':
    case 'sint64': {
      const signed = BigInt(value as number | bigint);
      return rawField(number, signed < 0n ? -signed * 2n - 1n : signed * 2n);
    }
    default:
      return rawField(number, value as number | bigint);
  }
}

function enumNumber(type: Enumeration, value: string | number): number {
  return typeof value === 'number' ? value : (type.values[value] ?? 0);
}

/** One entry of an image: the message (encoded, or an object) and the bytes behind it, padding included. */
export interface ForgedEntry {
  readonly message: object | Uint8Array;
  readonly extra?: Uint8Array;
}

/** A whole image of a kind: `forgeImage(imageKinds.pstree, [{ message: { pid: 1, … } }])`. */
export function forgeImage<First, Later>(
  kind: ImageKind<First, Later>,
  entries: readonly ForgedEntry[],
): Uint8Array {
  const parts = [forgeHeader(kind)];
  for (const [index, { message, extra }] of entries.entries()) {
    const schema = index === 0 ? kind.first : kind.later;
    const bytes = message instanceof Uint8Array ? message : encodeMessage(schema, message);
    parts.push(u32(bytes.length), bytes);
    if (extra !== undefined) parts.push(extra);
  }
  return join(parts);
}

function forgeHeader(kind: { readonly magic: number }): Uint8Array {
  const { inventory, stats, irmapCache } = imageKinds;
  if (kind.magic === inventory.magic) return u32(kind.magic);
  const isService = kind.magic === stats.magic || kind.magic === irmapCache.magic;
  return concat(u32(isService ? SERVICE_MAGIC : COMMON_MAGIC), u32(kind.magic));
}
