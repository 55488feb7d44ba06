/**
 * A small language to write protobuf (proto2) messages down as data, with the TypeScript type of each message inferred
 * from it: `const pstreeEntry = message('pstree_entry', { pid: uint32(1), threads: repeated(uint32(5)) })` and
 * `type PstreeEntry = MessageOf<typeof pstreeEntry>`.
 *
 * Values: 32-bit integers are `number`, 64-bit ones `bigint`, bytes `Uint8Array`, an enum the name of its value (or the
 * number where the schema knows no name). A plain field is proto2's `required`: always there, with its zero value where
 * damaged evidence lacks it. `optional(…)` may be undefined, `repeated(…)` is an array, empty where nothing was written.
 * Field names are those that `crit` prints, hence snake case.
 */

export type ScalarType =
  | 'int32'
  | 'uint32'
  | 'sint32'
  | 'int64'
  | 'uint64'
  | 'sint64'
  | 'fixed32'
  | 'fixed64'
  | 'bool'
  | 'string'
  | 'bytes';

/**
 * How crit shows a value: `hex`, `ip` (addresses in network byte order), `dev` and `odev` (device numbers in the
 * kernel's and in the C library's encoding) and the flag and word tables only with `--pretty`, `quoted-printable` always.
 */
export type Presentation =
  | 'hex'
  | 'ip'
  | 'dev'
  | 'odev'
  | 'mmap.prot'
  | 'mmap.flags'
  | 'mmap.status'
  | 'rfile.flags'
  | 'pmap.flags'
  | 'seals.flags'
  | 'task-state'
  | 'socket'
  | 'quoted-printable';

/** An enum: its names and numbers. */
export interface Enumeration<Name extends string = string> {
  readonly name: string;
  readonly values: Readonly<Record<Name, number>>;
  readonly names: ReadonlyMap<number, Name>;
}

export type Label = 'required' | 'optional' | 'repeated';

/** What a field is made of, as the decoder wants to know it. */
export type FieldType =
  | { readonly kind: 'scalar'; readonly scalar: ScalarType }
  | { readonly kind: 'enum'; readonly enumeration: Enumeration }
  | { readonly kind: 'message'; readonly schema: () => MessageSchema };

declare const valueType: unique symbol;

/** A field of a message; `Value` and `L` exist for inference only. */
export interface Field<Value = unknown, L extends Label = Label> {
  readonly number: number;
  readonly label: L;
  readonly type: FieldType;
  readonly presentation: Presentation | undefined;
  readonly [valueType]?: Value;
}

/** A field with its name in the message. */
export interface NamedField extends Field {
  readonly name: string;
}

/** A message type; `Value` exists for inference only. */
export interface MessageSchema<Value = unknown> {
  readonly name: string;
  /** In ascending order of number, which is the order of crit's JSON. */
  readonly fields: readonly NamedField[];
  /** Fields at the index of their number: the decoder's look-up. */
  readonly byNumber: readonly (NamedField | undefined)[];
  readonly [valueType]?: Value;
}

/** The TypeScript type of a schema's messages. */
export type MessageOf<S> = S extends MessageSchema<infer Value> ? Value : never;

type Fields = Readonly<Record<string, Field>>;
type KeysOf<F extends Fields, L extends Label> = {
  [K in keyof F]: F[K] extends Field<unknown, infer Found> ? (Found extends L ? K : never) : never;
}[keyof F];
type ValueOf<F> = F extends Field<infer Value> ? Value : never;
type Flat<T> = { [K in keyof T]: T[K] };
type FieldValues<F extends Fields> = Flat<
  { readonly [K in KeysOf<F, 'required'>]: ValueOf<F[K]> } & {
    readonly [K in KeysOf<F, 'optional'>]?: ValueOf<F[K]> | undefined;
  } & { readonly [K in KeysOf<F, 'repeated'>]: readonly ValueOf<F[K]>[] }
>;

/** Declares a message type by its protobuf name and its fields. */
export function message<const F extends Fields>(name: string, fields: F): MessageSchema<FieldValues<F>> {
  const named = Object.entries(fields).map(([key, field]): NamedField => ({ ...field, name: key }));
  named.sort((a, b) => a.number - b.number);
  const byNumber: (NamedField | undefined)[] = Array((named.at(-1)?.number ?? 0) + 1).fill(undefined);
  for (const field of named) byNumber[field.number] = field;
  return { name, fields: named, byNumber };
}

/** Declares an enum by its protobuf name and its values; the first is the default. */
export function enumeration<const V extends Readonly<Record<string, number>>>(
  name: string,
  values: V,
): Enumeration<keyof V & string> {
  const names = new Map<number, keyof V & string>();
  for (const [key, value] of Object.entries(values)) names.set(value, key);
  return { name, values, names };
}

type ScalarField<Value> = (number: number, presentation?: Presentation) => Field<Value, 'required'>;

const scalar =
  <Value>(type: ScalarType): ScalarField<Value> =>
  (number, presentation) => ({
    number,
    label: 'required',
    type: { kind: 'scalar', scalar: type },
    presentation,
  });

export const int32 = scalar<number>('int32');
export const uint32 = scalar<number>('uint32');
export const sint32 = scalar<number>('sint32');
export const int64 = scalar<bigint>('int64');
export const uint64 = scalar<bigint>('uint64');
export const sint64 = scalar<bigint>('sint64');
export const fixed32 = scalar<number>('fixed32');
export const fixed64 = scalar<bigint>('fixed64');
export const bool = scalar<boolean>('bool');
/** Text that should be UTF-8; what is not comes with U+FFFD, and `rawText` (wire.ts) has the bytes. */
export const string = scalar<string>('string');
export const bytes = scalar<Uint8Array>('bytes');

/** A field holding an enum's value. */
export function enumerated<Name extends string>(
  number: number,
  type: Enumeration<Name>,
): Field<Name | number, 'required'> {
  return { number, label: 'required', type: { kind: 'enum', enumeration: type }, presentation: undefined };
}

/** A field holding another message; a function stands for a schema that is not declared yet, for recursion. */
export function nested<Value>(
  number: number,
  schema: MessageSchema<Value> | (() => MessageSchema<Value>),
  presentation?: Presentation,
): Field<Value, 'required'> {
  const resolve = typeof schema === 'function' ? schema : () => schema;
  return { number, label: 'required', type: { kind: 'message', schema: resolve }, presentation };
}

/** Makes a field one that may be absent. */
export function optional<Value>(field: Field<Value, 'required'>): Field<Value, 'optional'> {
  return { ...field, label: 'optional' };
}

/** Makes a field one that may occur any number of times; packed or not, both are read. */
export function repeated<Value>(field: Field<Value, 'required'>): Field<Value, 'repeated'> {
  return { ...field, label: 'repeated' };
}
