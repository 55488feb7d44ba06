/** C structures of little-endian machines, field by field. */

/** A number at its place in a structure; offset and size in bytes. */
export interface Field {
  readonly offset: number;
  readonly size: number;
  readonly value: number | bigint;
}

/** `size` bytes with the fields at their places and zeros between them. Values are cut to their field's size. */
export function structure(size: number, fields: readonly Field[]): Uint8Array {
  const bytes = new Uint8Array(size);
  for (const field of fields) place(bytes, field);
  return bytes;
}

/** Fields of one size that lie one after another. */
export function consecutive(
  offset: number,
  size: number,
  values: readonly (number | bigint)[],
): readonly Field[] {
  return values.map((value, index) => ({ offset: offset + index * size, size, value }));
}

function place(bytes: Uint8Array, { offset, size, value }: Field): void {
  let rest = BigInt(value);
  for (let at = 0; at < size; at++) {
    bytes[offset + at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

/** Text in a character array of `size` bytes, cut so that at least one zero ends it. */
export function placeText(bytes: Uint8Array, text: string, offset: number, size: number): void {
  bytes.set(new TextEncoder().encode(text).subarray(0, size - 1), offset);
}

/** The next multiple of `unit`. */
export const alignUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;
