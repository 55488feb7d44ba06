import type { SourceLocation } from '../../bytes/source-location.ts';
import type { MemoryText, Owner, Piece } from './memory-layout.ts';
import type { MemoryHit } from './memory-scanner.ts';

/** Who sees the bytes of a text, and where they lie. */
export function locate(
  text: MemoryText,
  start: number,
  length: number,
): Pick<MemoryHit, 'owners' | 'locations'> {
  let low = 0;
  let high = text.pieces.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((text.starts[middle] ?? 0) <= start) low = middle;
    else high = middle - 1;
  }
  const skipped = start - (text.starts[low] ?? 0);
  const owners = (text.pieces[low]?.owners ?? []).map(({ space, address }) => ({
    space,
    address: address + BigInt(skipped),
  }));
  return { owners: owners as [Owner, ...Owner[]], locations: locationsOf(text.pieces, low, skipped, length) };
}

/** The ranges of `length` bytes that begin `skipped` bytes behind the start of piece `first`. */
function locationsOf(
  pieces: readonly Piece[],
  first: number,
  skipped: number,
  length: number,
): SourceLocation[] {
  const locations: SourceLocation[] = [];
  let skip = skipped;
  let left = length;
  for (let index = first; left > 0 && index < pieces.length; index++) {
    const piece = pieces[index];
    if (piece === undefined) break;
    const taken = Math.min(left, piece.length - skip);
    locations.push({ entry: piece.entry, offset: piece.offset + skip, length: taken });
    left -= taken;
    skip = 0;
  }
  return locations;
}

/** The same for pieces that are no text, `start` bytes behind the first one's start. */
export function locationsAt(pieces: readonly Piece[], start: number, length: number): SourceLocation[] {
  let first = 0;
  let skipped = start;
  for (let piece = pieces[first]; piece !== undefined && skipped >= piece.length; piece = pieces[++first]) {
    skipped -= piece.length;
  }
  return locationsOf(pieces, first, skipped, length);
}
