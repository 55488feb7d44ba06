import type { AddressSpace, Extent, Region } from '../checkpoint/address-space.ts';

/** Extents are asked for in steps of this many bytes, so that lengths stay exact numbers. */
const EXTENT_STEP = 2 ** 48;

/** What stands behind each byte of a region, by ascending address. */
export function* extentsOf(
  space: AddressSpace,
  { start, end }: Pick<Region, 'start' | 'end'>,
): Generator<Extent> {
  for (let at: bigint = start; at < end; at += BigInt(EXTENT_STEP)) {
    const rest = end - at;
    yield* space.extents(at, rest < BigInt(EXTENT_STEP) ? Number(rest) : EXTENT_STEP);
  }
}
