import type { ArchiveIndex } from '../archive/archive-index.ts';
import { countBytes } from '../bytes/kernels.ts';
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
    const all = histogramOf(bytes);
    for (const { space, address } of owners) {
      for (let done = 0; done < bytes.length; ) {
        const at = address + BigInt(done);
        const region = space.regionAt(at);
        if (region === undefined) break;
        const left = bytes.length - done;
        const length = region.end - at < BigInt(left) ? Number(region.end - at) : left;
        const isAll = length === bytes.length;
        this.#addTo(region, isAll ? all : histogramOf(bytes.subarray(done, done + length)), length);
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

function histogramOf(bytes: Uint8Array): Histogram {
  const counts = new Float64Array(256);
  countBytes(bytes, counts);
  return counts;
}
