/**
 * Single values from their JSON, in the plain and in the --pretty form of crit: the inverse of presentation.ts and
 * text-encodings.ts. What is no value of the field's type throws `MALFORMED`, with its place.
 */
import type { JsonContext } from './encode-context.ts';
import type { JsonNode } from './json-tree.ts';
import { SOCKET_WORDS, TASK_STATES, VALUE_FLAGS } from './presentation.ts';
import type { Enumeration, NamedField, ScalarType } from './schema.ts';
import { parseBase64, parseQuotedPrintable, parseSurrogateEscaped } from './text-decodings.ts';

/** Least and greatest value of an integer type. */
const RANGES: Readonly<Partial<Record<ScalarType, readonly [bigint, bigint]>>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  sint32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  fixed32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  sint64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  fixed64: [0n, 2n ** 64n - 1n],
};

/** What stands on the wire for a scalar: an integer, zigzag coded where the type is, or bytes. */
export function scalarValue(
  field: NamedField,
  type: ScalarType,
  node: JsonNode,
  context: JsonContext,
): bigint | Uint8Array {
  switch (type) {
    case 'bool':
      if (node.kind === 'literal' && node.value !== 'null') return node.value === 'true' ? 1n : 0n;
      return context.fail(node, 'must be true or false');
    case 'string':
      return stringBytes(node, context);
    case 'bytes':
      return field.presentation === 'quoted-printable'
        ? quotedBytes(node, context)
        : base64Bytes(node, context);
    case 'sint32':
    case 'sint64': {
      const value = integer(field, type, node, context);
      return value < 0n ? -value * 2n - 1n : value * 2n;
    }
    default:
      return integer(field, type, node, context);
  }
}

/** An enum's value from its name, or from a number that has none. */
export function enumValue(type: Enumeration, node: JsonNode, context: JsonContext): bigint {
  if (node.kind === 'number') return inRange(wholeNumber(node, context), 'int32', node, context);
  if (node.kind === 'string' && Object.hasOwn(type.values, node.value)) {
    return BigInt(type.values[node.value] ?? 0);
  }
  return context.fail(node, `must be a name or a number of ${type.name}`);
}

/** The bytes of base64 text, in lines or not. */
export function base64Bytes(node: JsonNode, context: JsonContext): Uint8Array {
  const bytes = node.kind === 'string' ? parseBase64(node.value) : undefined;
  return bytes ?? context.fail(node, 'must be base64 text');
}

/** A whole number within the limits of a type. */
export function plainInteger(type: ScalarType, node: JsonNode, context: JsonContext): bigint {
  return inRange(wholeNumber(node, context), type, node, context);
}

function stringBytes(node: JsonNode, context: JsonContext): Uint8Array {
  if (node.kind !== 'string') return context.fail(node, 'must be text');
  const bytes = parseSurrogateEscaped(node.value);
  return bytes ?? context.fail(node, 'has a surrogate that stands for no byte');
}

function quotedBytes(node: JsonNode, context: JsonContext): Uint8Array {
  const bytes = node.kind === 'string' ? parseQuotedPrintable(node.value) : undefined;
  return bytes ?? context.fail(node, 'must be quoted-printable text');
}

function integer(field: NamedField, type: ScalarType, node: JsonNode, context: JsonContext): bigint {
  if (node.kind !== 'string') return plainInteger(type, node, context);
  const value = hexadecimal(node.value) ?? presented(field, node.value);
  if (value === undefined)
    return context.fail(node, 'must be a whole number, or what --pretty shows for one');
  // Flags are shown without a sign, whatever the type.
  const isFlags = value >= 0n && VALUE_FLAGS[field.presentation ?? 'hex'] !== undefined;
  return inRange(isFlags && type === 'int32' ? BigInt.asIntN(32, value) : value, type, node, context);
}

function wholeNumber(node: JsonNode, context: JsonContext): bigint {
  if (node.kind !== 'number' || !/^-?\d{1,20}$/.test(node.text)) {
    return context.fail(node, 'must be a whole number of at most 64 bits');
  }
  return BigInt(node.text);
}

function inRange(value: bigint, type: ScalarType, node: JsonNode, context: JsonContext): bigint {
  const [least, greatest] = RANGES[type] ?? [0n, 1n];
  if (value >= least && value <= greatest) return value;
  return context.fail(node, `must be from ${least} to ${greatest}, which is all that ${type} holds`);
}

function hexadecimal(text: string): bigint | undefined {
  if (!/^-?0x[0-9a-fA-F]{1,16}$/.test(text)) return undefined;
  return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);
}

/** The number that --pretty shows as this text; undefined where it shows none so. */
function presented({ name, presentation }: NamedField, text: string): bigint | undefined {
  if (presentation === undefined) return undefined;
  const flags = VALUE_FLAGS[presentation];
  if (flags !== undefined) return flagBits(text, new Map(flags));
  switch (presentation) {
    case 'dev':
    case 'odev':
      return deviceNumber(text, presentation);
    case 'socket':
      return wordNumber(SOCKET_WORDS[name] ?? {}, text);
    case 'task-state':
      return wordNumber(TASK_STATES, text);
    default:
      return undefined;
  }
}

function flagBits(text: string, bits: ReadonlyMap<string, number>): bigint | undefined {
  let value = 0n;
  for (const word of text === '' ? [] : text.split(' | ')) {
    const bit = bits.get(word);
    const known = bit === undefined ? hexadecimal(word) : BigInt(bit);
    if (known === undefined) return undefined;
    value |= known;
  }
  return value;
}

/** The encodings of presentation.ts, backwards. */
function deviceNumber(text: string, encoding: 'dev' | 'odev'): bigint | undefined {
  const parts = /^(\d{1,10}):(\d{1,10})$/.exec(text);
  if (parts === null) return undefined;
  const [major, minor] = [BigInt(parts[1] ?? 0), BigInt(parts[2] ?? 0)];
  if (encoding === 'dev') return minor < 2n ** 20n ? (major << 20n) | minor : undefined;
  if (major > 0xfffn || minor > 0xfffffn) return undefined;
  return (major << 8n) | (minor & 0xffn) | ((minor & 0xfff00n) << 12n);
}

function wordNumber(words: Readonly<Record<number, string>>, text: string): bigint | undefined {
  const found = Object.entries(words).find(([, word]) => word === text);
  return found === undefined ? undefined : BigInt(found[0]);
}
