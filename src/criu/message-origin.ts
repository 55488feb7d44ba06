/**
 * Where a decoded message came from, kept beside it: its schema, the bytes of its fields, what the schema does not know.
 * A message keeps the bytes that it was read from; places are found again when asked for, which costs nothing until then.
 */
import { type FieldPlace, placesOf } from './field-places.ts';
import type { MessageSchema, NamedField } from './schema.ts';
import { decodeUtf8 } from './utf8.ts';
import { isWireType, WireCursor, type WireType, wireTypeOf } from './wire-cursor.ts';

/** A field that the schema does not know, kept as it came. `offset` and `length` are those of the value. */
export interface UnknownField {
  readonly number: number;
  readonly wireType: WireType;
  readonly value: bigint | Uint8Array;
  readonly offset: number;
  readonly length: number;
}

/** The bytes of a value, without its tag and length prefix, relative to the image. */
export interface FieldLocation {
  readonly offset: number;
  readonly length: number;
}

export interface Origin {
  readonly schema: MessageSchema;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** What to add to an offset in `bytes` to get one in the image. */
  readonly base: number;
}

/** A message of the wire. Its own properties are the schema's fields; where they came from is hidden. */
export class DecodedMessage {
  readonly #origin: Origin;
  constructor(origin: Origin) {
    this.#origin = origin;
  }
  static originOf(value: unknown): Origin | undefined {
    return typeof value === 'object' && value !== null && #origin in value ? value.#origin : undefined;
  }
}

/** The schema that a message was decoded with; undefined for an object that was not decoded. */
export function schemaOf(message: unknown): MessageSchema | undefined {
  return DecodedMessage.originOf(message)?.schema;
}

/** Where a message's own bytes lie in its image; undefined for an object that was not decoded. */
export function messageRange(message: unknown): FieldLocation | undefined {
  const origin = DecodedMessage.originOf(message);
  return origin && { offset: origin.start + origin.base, length: origin.end - origin.start };
}

/** Whether a message was decoded with this schema: tells the two message types of one image apart. */
export function isMessageOf<T>(schema: MessageSchema<T>, message: unknown): message is T {
  return schemaOf(message) === schema;
}

/**
 * The numbers of the fields that the wire had. A required field that is not among them was made up, because evidence is
 * damaged.
 */
export function presentNumbers(message: unknown): ReadonlySet<number> {
  const origin = DecodedMessage.originOf(message);
  const numbers = new Set<number>();
  if (origin === undefined) return numbers;
  for (const { number } of placesOf(origin.bytes, origin.start, origin.end)) numbers.add(number);
  return numbers;
}

/**
 * The bytes behind a field, relative to the image; for a repeated field those of the value at `index`, otherwise those of
 * the last occurrence, which is the one that counts. Undefined where the wire did not have it.
 */
export function fieldLocation<T>(
  message: T,
  field: keyof T & string,
  index?: number,
): FieldLocation | undefined {
  const origin = DecodedMessage.originOf(message);
  const known = origin?.schema.fields.find((each) => each.name === field);
  if (origin === undefined || known === undefined) return undefined;
  let found: FieldPlace | undefined;
  let position = 0;
  for (const place of placesOf(origin.bytes, origin.start, origin.end)) {
    if (place.number !== known.number) continue;
    for (const value of valuesAt(place, known, origin)) {
      found = value;
      if (position++ === index) return located(value, origin);
    }
  }
  return index === undefined && found !== undefined ? located(found, origin) : undefined;
}

/** The values of one occurrence of a field: several where it is packed, none where it has a wire type of another. */
function valuesAt(place: FieldPlace, field: NamedField, origin: Origin): readonly FieldPlace[] {
  const wireType = wireTypeOf(field);
  if (place.wireType === wireType) return [place];
  if (field.label !== 'repeated' || place.wireType !== 2) return [];
  const values: FieldPlace[] = [];
  const end = place.offset + place.length;
  const cursor = new WireCursor(origin.bytes, place.offset);
  for (let offset = cursor.at; offset < end && cursor.readValue(wireType, end); offset = cursor.at) {
    values.push({ number: place.number, wireType, offset, length: cursor.at - offset });
  }
  return values;
}

function located({ offset, length }: FieldPlace, origin: Origin): FieldLocation {
  return { offset: origin.base + offset, length };
}

/** Fields that the schema does not know, in the order of the wire. */
export function unknownFields(message: unknown): readonly UnknownField[] {
  const origin = DecodedMessage.originOf(message);
  if (origin === undefined) return [];
  const unknown: UnknownField[] = [];
  for (const place of placesOf(origin.bytes, origin.start, origin.end)) {
    const field = origin.schema.byNumber[place.number];
    if (field !== undefined && isReadable(field, place.wireType)) continue;
    unknown.push({ ...place, value: rawValue(place, origin.bytes), offset: origin.base + place.offset });
  }
  return unknown;
}

/** Whether there are any. Asked of every run of a pagemap, so it steps over the fields and makes nothing of them. */
export function hasUnknownFields(message: unknown): boolean {
  const origin = DecodedMessage.originOf(message);
  if (origin === undefined) return false;
  const { schema, bytes, start, end } = origin;
  const cursor = new WireCursor(bytes, start);
  while (cursor.at < end && cursor.readTag(end)) {
    const { number, wireType } = cursor;
    if (!isWireType(wireType) || !cursor.readValue(wireType, end)) return false;
    if (wireType === 2) cursor.at += cursor.low;
    const field = schema.byNumber[number];
    if (field === undefined || !isReadable(field, wireType)) return true;
  }
  return false;
}

function rawValue({ wireType, offset, length }: FieldPlace, bytes: Uint8Array): bigint | Uint8Array {
  if (wireType === 2) return bytes.slice(offset, offset + length);
  const cursor = new WireCursor(bytes, offset);
  cursor.readValue(wireType, offset + length);
  return cursor.unsigned();
}

/**
 * The bytes behind the values of a string field, in their order; undefined where they are UTF-8 and the value says all.
 */
export function rawTexts<T>(message: T, field: keyof T & string): readonly (Uint8Array | undefined)[] {
  const origin = DecodedMessage.originOf(message);
  const number = origin?.schema.fields.find((each) => each.name === field)?.number;
  if (origin === undefined || number === undefined) return [];
  const texts: (Uint8Array | undefined)[] = [];
  for (const place of placesOf(origin.bytes, origin.start, origin.end)) {
    if (place.number !== number || place.wireType !== 2) continue;
    const bytes = origin.bytes.slice(place.offset, place.offset + place.length);
    texts.push(decodeUtf8(bytes) === undefined ? bytes : undefined);
  }
  return texts;
}

function isReadable(field: NamedField, wireType: number): boolean {
  return wireType === wireTypeOf(field) || (wireType === 2 && field.label === 'repeated');
}
