/**
 * Writes an image from messages in the shape that the decoder returns: the inverse of image.ts, for captures of our own.
 * encode.ts does the same from JSON. Fields go in ascending order of number, each as its schema says, as protobuf-c
 * writes them for CRIU.
 */
import { concat } from '../bytes/concat.ts';
import { littleEndian, wireField } from './encode-wire.ts';
import { COMMON_MAGIC, type ImageKind, imageKinds, SERVICE_MAGIC } from './image-kinds.ts';
import type { Enumeration, MessageSchema, NamedField } from './schema.ts';
import { wireTypeOf } from './wire-cursor.ts';

/** One entry of an image: its message and the bytes behind it, padding included. */
export interface WrittenEntry<T> {
  readonly message: T;
  readonly extra?: Uint8Array | undefined;
}

/** The bytes of a whole image: `writeImage(imageKinds.pstree, [{ message: { pid: 1, … } }])`. */
export function writeImage<First, Later>(
  kind: ImageKind<First, Later>,
  entries: readonly [WrittenEntry<First>, ...WrittenEntry<Later>[]] | readonly [],
): Uint8Array {
  const [first, ...later] = entries;
  const firstBytes = first === undefined ? [] : [writeEntries(kind.first, [first])];
  return concat([imageHeader(kind), ...firstBytes, writeEntries(kind.later, later)]);
}

/** Entries to go behind those of an image that has been begun: for images that are made a part at a time. */
export function writeEntries<T>(schema: MessageSchema<T>, entries: readonly WrittenEntry<T>[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const { message, extra } of entries) {
    const bytes = writeMessage(schema, message);
    parts.push(littleEndian(BigInt(bytes.length), 4), bytes);
    if (extra !== undefined) parts.push(extra);
  }
  return concat(parts);
}

/** Which images have which group magic: criu/image.c, and recorded ones. */
export function imageHeader({ magic }: { readonly magic: number }): Uint8Array {
  const { inventory, stats, irmapCache } = imageKinds;
  const type = littleEndian(BigInt(magic), 4);
  if (magic === inventory.magic) return type;
  const isService = magic === stats.magic || magic === irmapCache.magic;
  return concat([littleEndian(BigInt(isService ? SERVICE_MAGIC : COMMON_MAGIC), 4), type]);
}

/** The wire bytes of a message. Values that are undefined are not written. */
export function writeMessage<T>(schema: MessageSchema<T>, message: T): Uint8Array {
  const values = message as Readonly<Record<string, unknown>>;
  const parts: Uint8Array[] = [];
  for (const field of schema.fields) {
    const value = values[field.name];
    if (value === undefined) continue;
    const list = field.label === 'repeated' ? (value as readonly unknown[]) : [value];
    for (const each of list) parts.push(wireField(field.number, wireTypeOf(field), wireValue(field, each)));
  }
  return concat(parts);
}

function wireValue({ type }: NamedField, value: unknown): bigint | Uint8Array {
  if (type.kind === 'message') return writeMessage(type.schema(), value);
  if (type.kind === 'enum') return BigInt(enumNumber(type.enumeration, value as string | number));
  switch (type.scalar) {
    case 'string':
      return new TextEncoder().encode(value as string);
    case 'bytes':
      return value as Uint8Array;
    case 'bool':
      return value === true ? 1n : 0n;
    case 'sint32':
    case 'sint64': {
      const signed = BigInt(value as number | bigint);
      return signed < 0n ? -signed * 2n - 1n : signed * 2n;
    }
    default:
      return BigInt(value as number | bigint);
  }
}

function enumNumber(type: Enumeration, value: string | number): number {
  return typeof value === 'number' ? value : (type.values[value] ?? 0);
}
