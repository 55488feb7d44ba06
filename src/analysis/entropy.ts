import type { ArchiveIndex } from '../archive/archive-index.ts';
import type { Region } from '../checkpoint/address-space.ts';
import type { Owner } from '../checkpoint/scan/memory-layout.ts';
import { type ReadOptions, readMemory } from '../checkpoint/scan/memory-read.ts';
import type { SelectedMemory } from './memory-selection.ts';

/** Counts of the 256 byte values; as doubles, because a region may hold more than 2^32 of one. */
type Histogram = Float64Array;

/**
 * Shannon's entropy of the bytes, in bits per byte: 0 where all are alike, near 8 for random, encrypted or compressed ones.
 * Undefined for none.
 */
export function entropyOf(counts: ArrayLike<number>): number | undefined {
  let total = 0;
  for (let value = 0; value < counts.length; value++) total += counts[value] ?? 0;
  if (total === 0) return undefined;
  let bits = 0;
  for (let value = 0; value < counts.length; value++) {
    const share = (counts[value] ?? 0) / total;
    if (share > 0) bits -= share * Math.log2(share);
  }
  return Math.abs(bits);
}

/**
 * The entropy of what the archive holds of each selected region, by the region of the address space; one pass over the
 * pages images for all of them.
 */
export async function measureEntropy(
  memory: readonly SelectedMemory[],
  archive: ArchiveIndex,
  options: ReadOptions = {},
): Promise<ReadonlyMap<Region, number>> {
  const measures = new RegionHistograms();
  const spaces = memory.map(({ space }) => space);
  for await (const { owners, bytes } of readMemory(spaces, archive, options)) measures.add(owners, bytes);
  return measures.finish();
}

class RegionHistograms {
  readonly #open = new Map<Region, { readonly counts: Histogram; left: number }>();
  readonly #entropies = new Map<Region, number>();

  /** Counts bytes that lie in memory from each owner's address on. */
  add(owners: readonly Owner[], bytes: Uint8Array): void {
    const all = countBytes(bytes);
    for (const { space, address } of owners) {
      for (let done = 0; done < bytes.length; ) {
        const at = address + BigInt(done);
        const region = space.regionAt(at);
        if (region === undefined) break;
        const left = bytes.length - done;
        const length = region.end - at < BigInt(left) ? Number(region.end - at) : left;
        const isAll = length === bytes.length;
        this.#addTo(region, isAll ? all : countBytes(bytes.subarray(done, done + length)), length);
        done += length;
      }
    }
  }

  /** A region whose last byte was counted needs its histogram no longer: processes may have 65,530 regions. */
  #addTo(region: Region, counts: Histogram, length: number): void {
    const open = this.#open.get(region) ?? { counts: new Float64Array(256), left: region.presentBytes };
    for (let value = 0; value < 256; value++) {
      open.counts[value] = (open.counts[value] ?? 0) + (counts[value] ?? 0);
    }
    open.left -= length;
    if (open.left > 0) this.#open.set(region, open);
    else this.#close(region, open.counts);
  }

  #close(region: Region, counts: Histogram): void {
    this.#open.delete(region);
    const entropy = entropyOf(counts);
    if (entropy !== undefined) this.#entropies.set(region, entropy);
  }

  finish(): ReadonlyMap<Region, number> {
    for (const [region, { counts }] of this.#open) this.#close(region, counts);
    return this.#entropies;
  }
}

/** Four counts side by side: equal neighbours, as zeros are, would wait for each other in one. */
function countBytes(bytes: Uint8Array): Histogram {
  const lanes = Array.from({ length: 4 }, () => new Uint32Array(256));
  const [first, second, third, fourth] = lanes as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  const whole = bytes.length - (bytes.length % 4);
  for (let at = 0; at < whole; at += 4) {
    first[bytes[at] as number] = (first[bytes[at] as number] as number) + 1;
    second[bytes[at + 1] as number] = (second[bytes[at + 1] as number] as number) + 1;
    third[bytes[at + 2] as number] = (third[bytes[at + 2] as number] as number) + 1;
    fourth[bytes[at + 3] as number] = (fourth[bytes[at + 3] as number] as number) + 1;
  }
  for (const byte of bytes.subarray(whole)) first[byte] = (first[byte] as number) + 1;
  return Float64Array.from({ length: 256 }, (_, value) =>
    lanes.reduce((sum, lane) => sum + (lane[value] as number), 0),
  );
}
