/**
 * Writes CRIU images, honest or damaged, for tests: messages are given as plain objects in the shape that the decoder
 * returns, or as raw fields where a test wants a wire that no honest writer makes.
 */
import { concat as join } from '../../src/bytes/concat.ts';
import { littleEndian, varint as wireVarint } from '../../src/criu/encode-wire.ts';
import type { ImageKind } from '../../src/criu/image-kinds.ts';
import type { MessageSchema } from '../../src/criu/schema.ts';
import { imageHeader, writeMessage } from '../../src/criu/write-image.ts';

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
  return writeMessage(schema, message);
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
  const parts = [imageHeader(kind)];
  for (const [index, { message, extra }] of entries.entries()) {
    const schema = index === 0 ? kind.first : kind.later;
    const bytes = message instanceof Uint8Array ? message : encodeMessage(schema, message);
    parts.push(u32(bytes.length), bytes);
    if (extra !== undefined) parts.push(extra);
  }
  return join(parts);
}
