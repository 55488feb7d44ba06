/**
 * The protobuf wire format, as much of it as CRI's messages need: a message is a sequence of fields, each a varint tag
 * (number << 3 | wire type) and a value: 0 a varint, 1 eight bytes, 2 a length and as many bytes, 5 four bytes. A varint
 * holds 7 bits a byte, lowest first, in at most 10 bytes. Fields at their default are not sent.
 * Source: https://protobuf.dev/programming-guides/encoding/
 */
import { ExhibitError } from '../../bytes/exhibit-error.ts';

/** A varint, or the bytes of a text or of a message within. */
export type FieldValue = bigint | Uint8Array;

/** The values of each field by its number, in the order in which they came. */
export type Message = ReadonlyMap<number, readonly FieldValue[]>;

const MAX_VARINT_BYTES = 10;

/** Of one message. A node runs some hundred containers and keeps a few ended ones of each: more is not real. */
const MAX_FIELDS = 65_536;

/** Reads one message; those within are read by `messagesOf`. Throws `MALFORMED` or `LIMIT_EXCEEDED`. */
export function decodeMessage(bytes: Uint8Array): Message {
  const fields = new Map<number, FieldValue[]>();
  let count = 0;
  for (let at = 0; at < bytes.length; count++) {
    if (count >= MAX_FIELDS) {
      throw new ExhibitError('LIMIT_EXCEEDED', `the runtime's answer has more than ${MAX_FIELDS} fields`);
    }
    const tag = readVarint(bytes, at);
    const { value, end } = readValue(bytes, tag.end, Number(tag.value & 7n));
    const number = Number(tag.value >> 3n);
    const values = fields.get(number);
    if (values === undefined) fields.set(number, [value]);
    else values.push(value);
    at = end;
  }
  return fields;
}

interface Read<T> {
  readonly value: T;
  readonly end: number;
}

function readValue(bytes: Uint8Array, at: number, wireType: number): Read<FieldValue> {
  if (wireType === 0) return readVarint(bytes, at);
  if (wireType === 1) return readBytes(bytes, at, 8n);
  if (wireType === 5) return readBytes(bytes, at, 4n);
  if (wireType !== 2) throw malformed(`wire type ${wireType} at byte ${at}`);
  const { value, end } = readVarint(bytes, at);
  return readBytes(bytes, end, value);
}

function readVarint(bytes: Uint8Array, at: number): Read<bigint> {
  let value = 0n;
  for (let index = 0; index < MAX_VARINT_BYTES; index++) {
    const byte = bytes[at + index];
    if (byte === undefined) throw malformed(`it ends within a number at byte ${at}`);
    value |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if (byte < 0x80) return { value: BigInt.asUintN(64, value), end: at + index + 1 };
  }
  throw malformed(`a number of more than ${MAX_VARINT_BYTES} bytes at byte ${at}`);
}

function readBytes(bytes: Uint8Array, at: number, length: bigint): Read<Uint8Array> {
  if (length > BigInt(bytes.length - at)) throw malformed(`a value at byte ${at} is longer than the answer`);
  const end = at + Number(length);
  return { value: bytes.subarray(at, end), end };
}

function malformed(what: string): ExhibitError {
  return new ExhibitError('MALFORMED', `the runtime's answer is no protobuf message: ${what}`);
}

/** The text of a field; of several the last, as protobuf has it. */
export function textOf(message: Message, number: number): string | undefined {
  const value = message.get(number)?.at(-1);
  return value instanceof Uint8Array
    ? new TextDecoder('utf-8', { ignoreBOM: true }).decode(value)
    : undefined;
}

/** The number of a field: an int64, uint32 or enum. */
export function integerOf(message: Message, number: number): bigint {
  const value = message.get(number)?.at(-1);
  return typeof value === 'bigint' ? BigInt.asIntN(64, value) : 0n;
}

/** All messages of a repeated field. */
export function messagesOf(message: Message, number: number): readonly Message[] {
  const values = message.get(number) ?? [];
  return values.filter((value) => value instanceof Uint8Array).map(decodeMessage);
}

/** The message of a field; an empty one where it is not sent. */
export function messageOf(message: Message, number: number): Message {
  return messagesOf(message, number).at(-1) ?? new Map();
}

/** A `map<string, string>`: on the wire a repeated message of key (1) and value (2). */
export function textMapOf(message: Message, number: number): Readonly<Record<string, string>> {
  const entries = messagesOf(message, number).map(
    (entry) => [textOf(entry, 1) ?? '', textOf(entry, 2) ?? ''] as const,
  );
  return Object.fromEntries(entries);
}

/** One field to be sent. */
export type Field = readonly [number: number, value: string | bigint | Uint8Array];

/** Writes one message. Texts and messages are length-delimited, bigints are varints of 64 bits. */
export function encodeMessage(fields: readonly Field[]): Uint8Array {
  return Buffer.concat(fields.flatMap(encodeField));
}

function encodeField([number, value]: Field): readonly Uint8Array[] {
  if (typeof value === 'bigint') return [varint(BigInt(number) << 3n), varint(value)];
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return [varint((BigInt(number) << 3n) | 2n), varint(BigInt(bytes.length)), bytes];
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Uint8Array.from([...bytes, Number(rest)]);
}
