import { firstIndex } from '../bytes/binary-search.ts';
import { type ByteSource, checkRange, type FilePlace, fillFromSource } from '../bytes/byte-source.ts';
import type { StoredPiece } from '../bytes/decoder.ts';
import type { Spill } from '../bytes/spill.ts';

/** A part of a read: what it fills, and whence. */
interface Part {
  readonly source: ByteSource;
  readonly offset: number;
  readonly target: Uint8Array;
}

/**
 * Unpacked bytes, one after the other: those that were decoded lie in a spill, and those that are stored as they are in the
 * packed file are read from there. That file stays its opener's to close.
 */
export class UnpackedBytes implements ByteSource {
  readonly #packed: ByteSource;
  readonly #spill: Spill;
  /** Where each extent begins in what was unpacked; it ends where the next one begins. */
  readonly #starts: number[] = [];
  /** Where it begins in the packed file, or, as -1 minus the offset, in the spill. Numbers take 8 bytes, objects would take 50. */
  readonly #places: number[] = [];
  #size = 0;
  #hasStored = false;

  constructor(packed: ByteSource, spill: Spill) {
    this.#packed = packed;
    this.#spill = spill;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds decoded bytes, which may be reused by the caller once it resolves, or ones that are stored. */
  async append(piece: Uint8Array | StoredPiece): Promise<void> {
    if (piece.length === 0) return;
    const isStored = 'storedAt' in piece;
    if (isStored || (this.#places.at(-1) ?? 0) >= 0) {
      this.#starts.push(this.#size);
      this.#places.push(isStored ? piece.storedAt : -1 - this.#spill.size);
    }
    if (isStored) this.#hasStored = true;
    else await this.#spill.append(piece);
    this.#size += piece.length;
  }

  async read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    if (!this.#hasStored) return this.#spill.read(offset, length, signal);
    checkRange(offset, length);
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.#size - offset)));
    await this.#fill(bytes, offset, signal);
    return bytes;
  }

  get readInto(): ByteSource['readInto'] {
    if (!this.#hasStored) return this.#spill.readInto;
    return async (target, offset, signal) => {
      checkRange(offset, target.length);
      return this.#fill(target.subarray(0, Math.max(0, this.#size - offset)), offset, signal);
    };
  }

  /** Of all of it: there is none when it lies in two files. */
  get place(): FilePlace | undefined {
    return this.#hasStored ? undefined : this.#spill.place;
  }

  close(): Promise<void> {
    return this.#spill.close();
  }

  /** All at once: a stored block ends after 128 KiB, so that a read has several parts. */
  async #fill(target: Uint8Array, offset: number, signal: AbortSignal | undefined): Promise<number> {
    const counts = await Promise.all(
      this.#partsOf(target, offset).map((part) =>
        fillFromSource(part.source, part.target, part.offset, signal),
      ),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  #partsOf(target: Uint8Array, offset: number): readonly Part[] {
    const parts: Part[] = [];
    let index = firstIndex(this.#starts.length, (at) => (this.#starts[at] ?? 0) > offset) - 1;
    for (let done = 0; done < target.length; index++) {
      const within = offset + done - (this.#starts[index] ?? 0);
      const end = Math.min(target.length, (this.#starts[index + 1] ?? this.#size) - offset);
      const place = this.#places[index] ?? 0;
      const [source, start] = place >= 0 ? [this.#packed, place] : [this.#spill, -1 - place];
      parts.push({ source, offset: start + within, target: target.subarray(done, end) });
      done = end;
    }
    return parts;
  }
}
