/**
 * The protobuf wire format: a message is a sequence of fields, each a varint tag (number << 3 | wire type) and a value:
 * wire type 0 varint, 1 eight bytes, 2 a varint length and that many bytes, 5 four bytes; integers little-endian.
 * A varint holds 7 bits a byte, lowest first, at most 10 bytes; negative int32 and int64 are 10 bytes long, sint ones
 * are zigzag coded. Numbers may be repeated packed (one length-delimited run) or one tag each; both are read.
 * Groups (wire types 3 and 4) do not occur in CRIU's messages and end the reading of a message.
 * Facts: the protobuf encoding documentation; which fields CRIU packs was seen in recorded images.
 *
 * Damage never throws: a message is read as far as it goes and `problems` says where it stopped.
 */
import type { Enumeration, MessageSchema, NamedField, ScalarType } from './schema.ts';

/** protobuf's own decoders stop at 100; the deepest honest message is a cgroup tree. */
export const MAX_NESTING = 100;

/**
 * Values in one decoding: bounds the memory that a hostile image of two-byte values can take. The largest
 * honest message is an mm_entry of the kernel's 65,530 mappings with ten values each.
 */
export const MAX_VALUES = 4 * 1024 * 1024;

/** Problems told of one message; a damaged one would otherwise repeat itself. */
const MAX_PROBLEMS = 8;

/** Where a message could not be read, or lacks what it must have; `offset` as in `DecodeOptions.offset`. */
export interface WireProblem {
  readonly message: string;
  readonly offset: number;
}

export type WireType = 0 | 1 | 2 | 5;

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

export interface DecodeOptions {
  /** Offset of the message's first byte in its image, for locations and problems; 0 by default. */
  readonly offset?: number;
  /** Shared by the messages of one image, so that all of them together stay within MAX_VALUES. */
  readonly budget?: ValueBudget;
}

/** How many values may still be decoded. */
export interface ValueBudget {
  values: number;
}

/** A message of the wire. Its own properties are the schema's fields; where they came from is hidden in `#origin`. */
class DecodedMessage {
  readonly #origin: Origin;
  constructor(schema: MessageSchema) {
    this.#origin = { schema, places: [], unknown: undefined, rawText: undefined };
  }
  static originOf(value: unknown): Origin | undefined {
    return typeof value === 'object' && value !== null && #origin in value ? value.#origin : undefined;
  }
}

interface Origin {
  readonly schema: MessageSchema;
  /** Triples of field number, offset and length, in the order of the wire: a flat array is what makes this cheap. */
  readonly places: number[];
  unknown: UnknownField[] | undefined;
  /** Bytes of strings that are not UTF-8, by offset. */
  rawText: Map<number, Uint8Array> | undefined;
}

type Values = Record<string, unknown>;

/**
 * Decodes one message. `message` has every field of the schema: what the wire does not give is undefined, an empty array
 * or, for a required field, its zero value, which `problems` mentions.
 */
export function decodeMessage<T>(
  schema: MessageSchema<T>,
  bytes: Uint8Array,
  options: DecodeOptions = {},
): { readonly message: T; readonly problems: readonly WireProblem[] } {
  const reader = new WireReader(bytes, options.offset ?? 0, options.budget ?? { values: MAX_VALUES });
  const message = reader.readMessage(schema, bytes.length, 0);
  return { message: message as T, problems: reader.problems };
}

/** The schema that a message was decoded with; undefined for an object that was not decoded. */
export function schemaOf(message: unknown): MessageSchema | undefined {
  return DecodedMessage.originOf(message)?.schema;
}

/** Whether a message was decoded with this schema: tells the two message types of one image apart. */
export function isMessageOf<T>(schema: MessageSchema<T>, message: unknown): message is T {
  return schemaOf(message) === schema;
}

/** Whether the wire had the field at all; required fields of damaged evidence may be made up. */
export function isPresent<T>(message: T, field: keyof T & string): boolean {
  return fieldLocation(message, field) !== undefined;
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
  const number = origin?.schema.fields.find((each) => each.name === field)?.number;
  if (origin === undefined || number === undefined) return undefined;
  const found: FieldLocation[] = [];
  const { places } = origin;
  for (let at = 0; at < places.length; at += 3) {
    if (places[at] === number) found.push({ offset: places[at + 1] ?? 0, length: places[at + 2] ?? 0 });
  }
  return found.at(index ?? -1);
}

/** Fields that the schema does not know, in the order of the wire. */
export function unknownFields(message: unknown): readonly UnknownField[] {
  return DecodedMessage.originOf(message)?.unknown ?? [];
}

/** The bytes of a string that is not UTF-8; undefined for one that is. */
export function rawText<T>(message: T, field: keyof T & string, index?: number): Uint8Array | undefined {
  const texts = DecodedMessage.originOf(message)?.rawText;
  const place = texts && fieldLocation(message, field, index);
  return place && texts.get(place.offset);
}

const NOTHING: readonly never[] = Object.freeze([]);
const NO_BYTES = new Uint8Array(0);
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lenientUtf8 = new TextDecoder('utf-8', { ignoreBOM: true });

const WIRE_TYPES: Readonly<Record<ScalarType, WireType>> = {
  int32: 0,
  uint32: 0,
  sint32: 0,
  int64: 0,
  uint64: 0,
  sint64: 0,
  bool: 0,
  fixed32: 5,
  fixed64: 1,
  string: 2,
  bytes: 2,
};

function wireTypeOf(field: NamedField): WireType {
  if (field.type.kind === 'scalar') return WIRE_TYPES[field.type.scalar];
  return field.type.kind === 'enum' ? 0 : 2;
}

/** 64 bits from halves. Below 2^53 one conversion is several times faster than shifting two. */
function joinHalves(high: number, low: number): bigint {
  return high < 0x200000 ? BigInt(high * 0x100000000 + low) : (BigInt(high) << 32n) | BigInt(low);
}

class WireReader {
  readonly problems: WireProblem[] = [];
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #base: number;
  #at = 0;
  readonly #budget: ValueBudget;
  /** The halves of the last varint or fixed value, both unsigned. */
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array, base: number, budget: ValueBudget) {
    this.#bytes = bytes;
    this.#budget = budget;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#base = base;
  }

  readMessage(schema: MessageSchema, end: number, depth: number): Values {
    const message = new DecodedMessage(schema) as unknown as Values;
    for (const field of schema.fields) message[field.name] = field.label === 'repeated' ? NOTHING : undefined;
    const origin = DecodedMessage.originOf(message) as Origin;
    while (this.#at < end && this.#readField(message, origin, end, depth));
    this.#at = end;
    this.#supplyRequired(message, schema);
    return message;
  }

  /** Reads one field; false where the message cannot be read on. */
  #readField(message: Values, origin: Origin, end: number, depth: number): boolean {
    const start = this.#at;
    if (!this.#readVarint(end)) return this.#stop('a field tag is cut short or longer than ten bytes', start);
    const wireType = this.#low & 7;
    const number = (this.#low >>> 3) + this.#high * 0x20000000;
    if (number === 0 || number > 0x1fffffff) return this.#stop(`field number ${number} is impossible`, start);
    if (--this.#budget.values < 0) return this.#stop(`there are more than ${MAX_VALUES} values`, start);
    const field = origin.schema.byNumber[number];
    if (field !== undefined && wireType === wireTypeOf(field)) {
      return this.#readKnown(message, origin, field, wireType, end, depth);
    }
    if (field?.label === 'repeated' && wireType === 2) return this.#readPacked(message, origin, field, end);
    return this.#readUnknown(origin, number, wireType, end, start);
  }

  #readKnown(
    message: Values,
    origin: Origin,
    field: NamedField,
    wireType: WireType,
    end: number,
    depth: number,
  ): boolean {
    const start = this.#at;
    if (!this.#readRaw(wireType, end))
      return this.#stop(`${origin.schema.name}.${field.name} is cut short`, start);
    const from = wireType === 2 ? this.#at : start;
    const length = wireType === 2 ? this.#low : this.#at - start;
    origin.places.push(field.number, this.#base + from, length);
    const value = this.#convert(origin, field, from, length, depth);
    if (wireType === 2) this.#at = from + length;
    if (field.label === 'repeated') append(message, field.name, value);
    else message[field.name] = value;
    return true;
  }

  #readPacked(message: Values, origin: Origin, field: NamedField, end: number): boolean {
    const start = this.#at;
    const name = `${origin.schema.name}.${field.name}`;
    if (!this.#readRaw(2, end)) return this.#stop(`${name} is cut short`, start);
    const packedEnd = this.#at + this.#low;
    const wireType = wireTypeOf(field);
    while (this.#at < packedEnd) {
      const from = this.#at;
      if (--this.#budget.values < 0) return this.#stop(`there are more than ${MAX_VALUES} values`, from);
      if (!this.#readRaw(wireType, packedEnd)) return this.#stop(`${name} is cut short`, from);
      origin.places.push(field.number, this.#base + from, this.#at - from);
      append(message, field.name, this.#convert(origin, field, from, this.#at - from, 0));
    }
    return true;
  }

  #readUnknown(origin: Origin, number: number, wireType: number, end: number, start: number): boolean {
    if (wireType !== 0 && wireType !== 1 && wireType !== 2 && wireType !== 5) {
      return this.#stop(`field ${number} has wire type ${wireType}, which CRIU never writes`, start);
    }
    const valueAt = this.#at;
    if (!this.#readRaw(wireType, end)) return this.#stop(`field ${number} is cut short`, start);
    const offset = wireType === 2 ? this.#at : valueAt;
    const length = wireType === 2 ? this.#low : this.#at - valueAt;
    const value =
      wireType === 2 ? this.#bytes.slice(offset, offset + length) : joinHalves(this.#high, this.#low);
    this.#at = offset + length;
    origin.unknown ??= [];
    origin.unknown.push({ number, wireType, value, offset: this.#base + offset, length });
    return true;
  }

  /** Steps over a value, or for wire type 2 over its length prefix, and leaves it (or the length) in the halves. */
  #readRaw(wireType: WireType, end: number): boolean {
    switch (wireType) {
      case 0:
        return this.#readVarint(end);
      case 1:
        return this.#readFixed(8, end);
      case 5:
        return this.#readFixed(4, end);
      case 2:
        return this.#readVarint(end) && this.#high === 0 && this.#low <= end - this.#at;
    }
  }

  #readFixed(length: 4 | 8, end: number): boolean {
    if (end - this.#at < length) return false;
    this.#low = this.#view.getUint32(this.#at, true);
    this.#high = length === 8 ? this.#view.getUint32(this.#at + 4, true) : 0;
    this.#at += length;
    return true;
  }

  /** The hot path: most varints are one to six bytes; 32 low bits take four and a half bytes. */
  #readVarint(end: number): boolean {
    const bytes = this.#bytes;
    let low = 0;
    let high = 0;
    for (let index = 0; index < 10 && this.#at < end; index++) {
      const byte = bytes[this.#at++] as number;
      const bits = byte & 0x7f;
      if (index < 4) low |= bits << (index * 7);
      else if (index === 4) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (index * 7 - 32);
      if (byte < 0x80) {
        this.#low = low >>> 0;
        this.#high = high >>> 0;
        return true;
      }
    }
    return false;
  }

  #convert(origin: Origin, field: NamedField, from: number, length: number, depth: number): unknown {
    const { type } = field;
    if (type.kind === 'enum') return type.enumeration.names.get(this.#low | 0) ?? this.#low | 0;
    if (type.kind === 'scalar') return this.#convertScalar(origin, type.scalar, from, length);
    if (depth < MAX_NESTING) {
      this.#at = from;
      return this.readMessage(type.schema(), from + length, depth + 1);
    }
    this.#stop(`messages are nested deeper than ${MAX_NESTING}`, from);
    return this.#emptyMessage(type.schema());
  }

  #convertScalar(origin: Origin, type: ScalarType, from: number, length: number): unknown {
    const low = this.#low;
    switch (type) {
      case 'uint32':
      case 'fixed32':
        return low;
      case 'int32':
        return low | 0;
      case 'sint32':
        return (low >>> 1) ^ -(low & 1);
      case 'bool':
        return low !== 0 || this.#high !== 0;
      case 'uint64':
      case 'fixed64':
        return joinHalves(this.#high, low);
      case 'int64':
        return BigInt.asIntN(64, joinHalves(this.#high, low));
      case 'sint64':
        return zigzag(joinHalves(this.#high, low));
      case 'bytes':
        return this.#bytes.slice(from, from + length);
      case 'string':
        return this.#convertText(origin, this.#bytes.subarray(from, from + length), from);
    }
  }

  #convertText(origin: Origin, text: Uint8Array, from: number): string {
    try {
      return utf8.decode(text);
    } catch {
      origin.rawText ??= new Map();
      origin.rawText.set(this.#base + from, text.slice());
      return lenientUtf8.decode(text);
    }
  }

  #supplyRequired(message: Values, schema: MessageSchema): void {
    for (const field of schema.fields) {
      if (field.label !== 'required' || message[field.name] !== undefined) continue;
      this.#stop(`${schema.name}.${field.name} is missing`, this.#at);
      message[field.name] = this.#zero(field);
    }
  }

  #zero(field: NamedField): unknown {
    const { type } = field;
    if (type.kind === 'message') return this.#emptyMessage(type.schema());
    if (type.kind === 'enum') return firstName(type.enumeration);
    if (type.scalar === 'bytes') return NO_BYTES;
    if (type.scalar === 'string') return '';
    if (type.scalar === 'bool') return false;
    return type.scalar.endsWith('64') ? 0n : 0;
  }

  #emptyMessage(schema: MessageSchema): Values {
    const message = new DecodedMessage(schema) as unknown as Values;
    for (const field of schema.fields) {
      if (field.label === 'repeated') message[field.name] = NOTHING;
      else message[field.name] = field.label === 'required' ? this.#zero(field) : undefined;
    }
    return message;
  }

  #stop(what: string, at: number): false {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push({ message: what, offset: this.#base + at });
    return false;
  }
}

function zigzag(value: bigint): bigint {
  return (value >> 1n) ^ -(value & 1n);
}

function firstName(type: Enumeration): string | number {
  return Object.keys(type.values)[0] ?? 0;
}

function append(message: Values, name: string, value: unknown): void {
  const list = message[name];
  if (list === NOTHING) message[name] = [value];
  else (list as unknown[]).push(value);
}
