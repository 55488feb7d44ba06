import { ExhibitError } from './exhibit-error.ts';

/** A varint carries seven bits a byte: ten bytes hold every 64-bit value, and an honest writer uses no more. */
export const MAX_VARINT_LENGTH = 10;

export interface CursorOptions {
  /** Where the first byte lies in the file that errors should speak of, in bytes. Default 0. */
  readonly base?: number;
  /** The archive entry that errors should name. */
  readonly source?: string | undefined;
}

/**
 * Reads little-endian values one after another from bytes in memory, never beyond them. Each read that does not fit
 * throws `CUT_SHORT` with the offset at which it began and leaves the position unchanged.
 */
export class Cursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #base: number;
  readonly #source: string | undefined;
  #position = 0;

  constructor(bytes: Uint8Array, options: CursorOptions = {}) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#base = options.base ?? 0;
    this.#source = options.source;
  }

  /** Bytes read so far, counted from the first byte that was passed in. */
  get position(): number {
    return this.#position;
  }

  /** `base` plus `position`: where the next byte lies in the file, in bytes. */
  get offset(): number {
    return this.#base + this.#position;
  }

  /** Bytes left. */
  get remaining(): number {
    return this.#bytes.length - this.#position;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#advance(8), true);
  }

  i64(): bigint {
    return this.#view.getBigInt64(this.#advance(8), true);
  }

  /** A view of the next `length` bytes, not a copy. */
  bytes(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** Passes over `length` bytes. */
  skip(length: number): void {
    this.#advance(length);
  }

  /**
   * A base-128 varint as protobuf writes it, 0 to 2^64 - 1; bits above 64 are dropped, as protobuf's decoders do.
   * More than ten bytes is `MALFORMED`.
   */
  varint(): bigint {
    const small = this.#smallVarint();
    if (small !== undefined) return BigInt(small);
    let value = 0n;
    for (let index = 0; index < MAX_VARINT_LENGTH; index++) {
      const byte = this.#bytes[this.#position + index];
      if (byte === undefined) throw this.#cutShort(index + 1);
      value |= BigInt(byte & 0x7f) << BigInt(7 * index);
      if (byte < 0x80) {
        this.#position += index + 1;
        return BigInt.asUintN(64, value);
      }
    }
    throw this.#tooLong();
  }

  /** Nearly every varint fits in 28 bits, and plain numbers are many times faster than bigint. */
  #smallVarint(): number | undefined {
    let value = 0;
    for (let index = 0; index < 4; index++) {
      const byte = this.#bytes[this.#position + index];
      if (byte === undefined) return undefined;
      value |= (byte & 0x7f) << (7 * index);
      if (byte < 0x80) {
        this.#position += index + 1;
        return value;
      }
    }
    return undefined;
  }

  #advance(length: number): number {
    if (!Number.isSafeInteger(length) || length < 0 || length > this.remaining) throw this.#cutShort(length);
    const start = this.#position;
    this.#position += length;
    return start;
  }

  #cutShort(length: number): ExhibitError {
    const { offset, remaining } = this;
    const message = `${length} bytes were expected at offset ${offset}${this.#where()} but ${remaining} are left`;
    return new ExhibitError('CUT_SHORT', message, { source: this.#source, offset });
  }

  #tooLong(): ExhibitError {
    const { offset } = this;
    const message = `the number at offset ${offset}${this.#where()} has more than ${MAX_VARINT_LENGTH} bytes`;
    return new ExhibitError('MALFORMED', message, { source: this.#source, offset });
  }

  #where(): string {
    return this.#source === undefined ? '' : ` of ${this.#source}`;
  }
}
