/**
 * Decodes protobuf messages by their schemas; wire-cursor.ts has the format. Numbers may be repeated packed (one
 * length-delimited run) or one tag each; both are read. A single field that occurs again replaces the one before.
 *
 * Damage never throws: a message is read as far as it goes and `problems` says where it stopped.
 */
import { DecodedMessage } from './message-origin.ts';
import type { Enumeration, MessageSchema, NamedField, ScalarType } from './schema.ts';
import { decodeLossyUtf8 } from './utf8.ts';
import { isWireType, WireCursor, type WireType, wireTypeOf } from './wire-cursor.ts';

export {
  fieldLocation,
  hasUnknownFields,
  isMessageOf,
  messageRange,
  presentNumbers,
  rawTexts,
  schemaOf,
  type UnknownField,
  unknownFields,
} from './message-origin.ts';

/** protobuf's own decoders stop at 100; the deepest honest message is a cgroup tree. */
export const MAX_NESTING = 100;

/**
 * Values in one decoding: bounds the memory that a hostile image of two-byte values can take. The largest honest message
 * is an mm_entry of the kernel's 65,530 mappings with ten values each.
 */
export const MAX_VALUES = 4 * 1024 * 1024;

/** Problems told of one message; a damaged one would otherwise repeat itself. */
const MAX_PROBLEMS = 8;

/** Where a message could not be read, or lacks what it must have; `offset` as in `DecodeOptions.offset`. */
export interface WireProblem {
  readonly message: string;
  readonly offset: number;
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

type Values = Record<string, unknown>;

/**
 * Decodes one message. `message` has every field of the schema: what the wire does not give is undefined, an empty array
 * or, for a required field, its zero value, which `problems` mentions. The message keeps `bytes` for `fieldLocation`.
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

const NOTHING: readonly never[] = Object.freeze([]);
const NO_BYTES = new Uint8Array(0);
class WireReader {
  readonly problems: WireProblem[] = [];
  readonly #cursor: WireCursor;
  readonly #base: number;
  readonly #budget: ValueBudget;

  constructor(bytes: Uint8Array, base: number, budget: ValueBudget) {
    this.#cursor = new WireCursor(bytes, 0);
    this.#base = base;
    this.#budget = budget;
  }

  readMessage(schema: MessageSchema, end: number, depth: number): Values {
    const cursor = this.#cursor;
    const message = this.#blank(schema, cursor.at, end);
    while (cursor.at < end && this.#readField(message, schema, end, depth));
    cursor.at = end;
    for (const field of schema.fields) {
      if (field.label !== 'required' || message[field.name] !== undefined) continue;
      this.#stop(`${schema.name}.${field.name} is missing`, end);
      message[field.name] = this.#zero(field);
    }
    return message;
  }

  /** Fields are set in one order, so that all messages of a schema share one shape. */
  #blank(schema: MessageSchema, start: number, end: number): Values {
    const origin = { schema, bytes: this.#cursor.bytes, start, end, base: this.#base };
    const message = new DecodedMessage(origin) as unknown as Values;
    for (const field of schema.fields) message[field.name] = field.label === 'repeated' ? NOTHING : undefined;
    return message;
  }

  /** Reads one field; false where the message cannot be read on. */
  #readField(message: Values, schema: MessageSchema, end: number, depth: number): boolean {
    const cursor = this.#cursor;
    const start = cursor.at;
    if (!cursor.readTag(end))
      return this.#stop('a field tag is cut short, too long or of an impossible number', start);
    const { number, wireType } = cursor;
    if (!isWireType(wireType))
      return this.#stop(`field ${number} has wire type ${wireType}, which CRIU never writes`, start);
    if (!this.#spend(start)) return false;
    const field = schema.byNumber[number];
    const valueAt = cursor.at;
    if (!cursor.readValue(wireType, end)) {
      return this.#stop(`${field ? `${schema.name}.${field.name}` : `field ${number}`} is cut short`, start);
    }
    const from = wireType === 2 ? cursor.at : valueAt;
    const next = wireType === 2 ? cursor.at + cursor.low : cursor.at;
    const isReadOn = field === undefined || this.#take(message, field, wireType, from, next, depth);
    cursor.at = next;
    return isReadOn;
  }

  /** Puts a value into its field; one of a wrong wire type stays for `unknownFields`. */
  #take(
    message: Values,
    field: NamedField,
    wireType: WireType,
    from: number,
    next: number,
    depth: number,
  ): boolean {
    if (wireType !== wireTypeOf(field)) {
      return field.label !== 'repeated' || wireType !== 2 || this.#takePacked(message, field, next);
    }
    const value = this.#convert(field, from, next, depth);
    if (field.label === 'repeated') append(message, field.name, value);
    else message[field.name] = value;
    return true;
  }

  #takePacked(message: Values, field: NamedField, end: number): boolean {
    const cursor = this.#cursor;
    const wireType = wireTypeOf(field);
    while (cursor.at < end) {
      const from = cursor.at;
      if (!this.#spend(from)) return false;
      if (!cursor.readValue(wireType, end))
        return this.#stop(`the packed list ${field.name} is cut short`, from);
      append(message, field.name, this.#convert(field, from, cursor.at, 0));
    }
    return true;
  }

  #convert({ type }: NamedField, from: number, end: number, depth: number): unknown {
    if (type.kind === 'scalar') return this.#convertScalar(type.scalar, from, end);
    if (type.kind === 'enum') {
      const value = this.#cursor.low | 0;
      return type.enumeration.names.get(value) ?? value;
    }
    if (depth < MAX_NESTING) return this.readMessage(type.schema(), end, depth + 1);
    this.#stop(`messages are nested deeper than ${MAX_NESTING}`, from);
    return this.#empty(type.schema());
  }

  #convertScalar(type: ScalarType, from: number, end: number): unknown {
    const cursor = this.#cursor;
    const { low } = cursor;
    switch (type) {
      case 'uint32':
      case 'fixed32':
        return low;
      case 'int32':
        return low | 0;
      case 'sint32':
        return (low >>> 1) ^ -(low & 1);
      case 'bool':
        return low !== 0 || cursor.high !== 0;
      case 'uint64':
      case 'fixed64':
        return cursor.unsigned();
      case 'int64':
        return BigInt.asIntN(64, cursor.unsigned());
      case 'sint64': {
        const value = cursor.unsigned();
        return (value >> 1n) ^ -(value & 1n);
      }
      case 'bytes':
        return cursor.bytes.slice(from, end);
      case 'string':
        return decodeLossyUtf8(cursor.bytes.subarray(from, end));
    }
  }

  #zero({ type }: NamedField): unknown {
    if (type.kind === 'message') return this.#empty(type.schema());
    if (type.kind === 'enum') return firstName(type.enumeration);
    if (type.scalar === 'bytes') return NO_BYTES;
    if (type.scalar === 'string') return '';
    if (type.scalar === 'bool') return false;
    return type.scalar.endsWith('64') ? 0n : 0;
  }

  #empty(schema: MessageSchema): Values {
    const message = this.#blank(schema, 0, 0);
    for (const field of schema.fields)
      if (field.label === 'required') message[field.name] = this.#zero(field);
    return message;
  }

  #spend(at: number): boolean {
    return --this.#budget.values >= 0 || this.#stop(`there are more than ${MAX_VALUES} values`, at);
  }

  #stop(what: string, at: number): false {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push({ message: what, offset: this.#base + at });
    return false;
  }
}

function firstName(type: Enumeration): string | number {
  return Object.keys(type.values)[0] ?? 0;
}

function append(message: Values, name: string, value: unknown): void {
  const list = message[name];
  if (list === NOTHING) message[name] = [value];
  else (list as unknown[]).push(value);
}
