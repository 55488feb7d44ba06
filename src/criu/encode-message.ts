/**
 * A message from the JSON that message-json.ts writes: fields in ascending order of number, each as its schema says,
 * numbers of lists one tag each: so protobuf-c writes them for CRIU. Fields of `unknown_fields` go where their number
 * belongs.
 */
import { concat } from '../bytes/concat.ts';
import type { JsonContext } from './encode-context.ts';
import { base64Bytes, enumValue, plainInteger, scalarValue } from './encode-value.ts';
import { wireField } from './encode-wire.ts';
import { parseIpAddress } from './ip-address.ts';
import type { JsonNode, JsonObject } from './json-tree.ts';
import type { MessageSchema, NamedField } from './schema.ts';
import { isWireType, wireTypeOf } from './wire-cursor.ts';

interface WrittenField {
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** protobuf allows no higher field number. */
const MAX_FIELD_NUMBER = 0x1fffffffn;

const UNKNOWN_FIELDS = 'unknown_fields';

/** The bytes of a message; members in `skipped` are not of it. Throws `MALFORMED` with the place of what is wrong. */
export function encodeMessage(
  schema: MessageSchema,
  node: JsonNode,
  context: JsonContext,
  skipped: readonly string[] = [],
): Uint8Array {
  if (node.kind !== 'object') return context.fail(node, 'must be an object');
  const written: WrittenField[] = [];
  for (const [name, member] of node.members) {
    if (skipped.includes(name)) continue;
    const field = schema.fields.find((each) => each.name === name);
    const inside = context.inside(name);
    if (field !== undefined) encodeField(field, member, inside, written);
    else if (name === UNKNOWN_FIELDS) encodeUnknown(member, inside, written);
    else inside.fail(member, `is no field of ${schema.name}`);
  }
  // The sort is stable: what has the same number stays in its order.
  return concat(written.sort((a, b) => a.number - b.number).map((each) => each.bytes));
}

function encodeField(field: NamedField, node: JsonNode, context: JsonContext, written: WrittenField[]): void {
  const { number } = field;
  if (field.label !== 'repeated') {
    written.push({ number, bytes: encodeOne(field, node, context) });
    return;
  }
  if (node.kind !== 'array') context.fail(node, 'must be a list');
  const address = field.presentation === 'ip' ? addressWords(node.items) : undefined;
  for (const word of address ?? []) written.push({ number, bytes: wireField(number, 0, word) });
  if (address !== undefined) return;
  for (const [index, item] of node.items.entries()) {
    written.push({ number, bytes: encodeOne(field, item, context.inside(index)) });
  }
}

function encodeOne(field: NamedField, node: JsonNode, context: JsonContext): Uint8Array {
  const { number, type } = field;
  switch (type.kind) {
    case 'message':
      return wireField(number, 2, encodeMessage(type.schema(), node, context));
    case 'enum':
      return wireField(number, 0, enumValue(type.enumeration, node, context));
    case 'scalar':
      return wireField(number, wireTypeOf(field), scalarValue(field, type.scalar, node, context));
  }
}

/** The words of the one address that --pretty shows for a list; undefined for other lists. */
function addressWords(items: readonly JsonNode[]): readonly bigint[] | undefined {
  const [item] = items;
  if (items.length !== 1 || item?.kind !== 'string') return undefined;
  const bytes = parseIpAddress(item.value);
  if (bytes === undefined) return undefined;
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / 4 }, (_, at) => BigInt(view.getUint32(at * 4, true)));
}

function encodeUnknown(node: JsonNode, context: JsonContext, written: WrittenField[]): void {
  if (node.kind !== 'array') context.fail(node, 'must be a list');
  for (const [index, item] of node.items.entries()) written.push(unknownField(item, context.inside(index)));
}

function unknownField(node: JsonNode, context: JsonContext): WrittenField {
  if (node.kind !== 'object') return context.fail(node, 'must be an object');
  const number = plainInteger('uint32', memberOf(node, 'number', context), context.inside('number'));
  const wireType = Number(
    plainInteger('uint32', memberOf(node, 'wire_type', context), context.inside('wire_type')),
  );
  const value = memberOf(node, 'value', context);
  if (number < 1n || number > MAX_FIELD_NUMBER) return context.fail(node, 'has an impossible number');
  if (!isWireType(wireType)) return context.fail(node, 'must have wire_type 0, 1, 2 or 5');
  const inside = context.inside('value');
  const encoded =
    wireType === 2
      ? base64Bytes(value, inside)
      : plainInteger(wireType === 5 ? 'uint32' : 'uint64', value, inside);
  return { number: Number(number), bytes: wireField(Number(number), wireType, encoded) };
}

/** A member that must be there. */
export function memberOf(node: JsonObject, name: string, context: JsonContext): JsonNode {
  return node.members.get(name) ?? context.fail(node, `lacks "${name}"`);
}
