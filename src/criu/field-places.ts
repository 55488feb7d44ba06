import { isWireType, WireCursor, type WireType } from './wire-cursor.ts';

/** A field as it lies in a message: `offset` and `length` are those of the value in the bytes that were given. */
export interface FieldPlace {
  readonly number: number;
  readonly wireType: WireType;
  readonly offset: number;
  readonly length: number;
}

/** The fields of the message between `start` and `end`, up to the first that cannot be read. */
export function* placesOf(bytes: Uint8Array, start: number, end: number): Generator<FieldPlace> {
  const cursor = new WireCursor(bytes, start);
  while (cursor.at < end && cursor.readTag(end)) {
    const { number, wireType } = cursor;
    const from = cursor.at;
    if (!isWireType(wireType) || !cursor.readValue(wireType, end)) return;
    const offset = wireType === 2 ? cursor.at : from;
    const length = wireType === 2 ? cursor.low : cursor.at - from;
    cursor.at = offset + length;
    yield { number, wireType, offset, length };
  }
}
