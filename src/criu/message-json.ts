/**
 * A message as the JSON that crit shows: fields that the wire does not have are left out, the others come by number.
 * Bytes are base64 in lines, or quoted-printable for the names of unix sockets; bytes of strings that are not
 * UTF-8 come as lone surrogates, which crit cannot print at all. `unknown_fields` is ours: crit drops what it does not know.
 * Facts: the output of CRIU 4.2's crit.
 */
import { formatAddressWords } from './ip-address.ts';
import { prettyNumber } from './presentation.ts';
import type { JsonValue } from './python-json.ts';
import type { NamedField } from './schema.ts';
import { base64Lines, quotedPrintable, surrogateEscaped } from './text-encodings.ts';
import { presentNumbers, rawTexts, schemaOf, type UnknownField, unknownFields } from './wire.ts';

type Values = Readonly<Record<string, unknown>>;

/** One message as crit shows it; with `pretty` as `crit decode --pretty` does. */
export function messageJson(
  message: unknown,
  pretty: boolean,
  isHex = false,
): Readonly<Record<string, JsonValue>> {
  const values = message as Values;
  const present = presentNumbers(message);
  const json: Record<string, JsonValue> = {};
  for (const field of schemaOf(message)?.fields ?? []) {
    const value = values[field.name];
    if (field.label === 'repeated') {
      const list = value as readonly unknown[];
      if (list.length > 0) json[field.name] = listJson(values, field, list, pretty, isHex);
    } else if (value !== undefined && present.has(field.number)) {
      json[field.name] = valueJson(field, exactText(values, field, [value]).at(-1), pretty, isHex);
    }
  }
  const unknown = unknownFields(message);
  if (unknown.length > 0) json.unknown_fields = unknown.map(unknownJson);
  return json;
}

function listJson(
  message: Values,
  field: NamedField,
  list: readonly unknown[],
  pretty: boolean,
  isHex: boolean,
): JsonValue {
  if (pretty && field.presentation === 'ip') {
    const address = formatAddressWords(list as readonly number[]);
    if (address !== undefined) return [address];
  }
  return exactText(message, field, list).map((each) => valueJson(field, each, pretty, isHex));
}

/** The mark of the decoder for bytes that are not UTF-8; text may hold it by itself, too. */
const REPLACED = '\ufffd';

/** Strings that are not UTF-8 with their bytes; values of other types as they are. */
function exactText(message: Values, field: NamedField, values: readonly unknown[]): readonly unknown[] {
  if (field.type.kind !== 'scalar' || field.type.scalar !== 'string') return values;
  if (!values.some((value) => (value as string).includes(REPLACED))) return values;
  const raw = rawTexts(message, field.name).slice(-values.length);
  return values.map((value, index) => {
    const bytes = raw[index];
    return bytes === undefined ? value : surrogateEscaped(bytes);
  });
}

function valueJson(field: NamedField, value: unknown, pretty: boolean, isHex: boolean): JsonValue {
  const { type } = field;
  if (type.kind === 'message') return messageJson(value, pretty, isHex || field.presentation === 'hex');
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) {
    return field.presentation === 'quoted-printable' ? quotedPrintable(value) : base64Lines(value);
  }
  if (typeof value === 'boolean') return value;
  const number = value as number | bigint;
  return pretty && type.kind === 'scalar' ? prettyNumber(field, number, isHex) : number;
}

function unknownJson(field: UnknownField): JsonValue {
  const value = typeof field.value === 'bigint' ? field.value : base64Lines(field.value);
  return { number: field.number, wire_type: field.wireType, value };
}
