import { isAdjacent, type Piece, type Seam } from './memory-layout.ts';
import { locationsAt } from './memory-location.ts';
import type { MemoryHit, MemoryScanner } from './memory-scanner.ts';
import type { PagesImages } from './pages-images.ts';

/** The matches that begin before a seam, behind the seam before it, and end behind it. */
export async function scanSeam(
  { space, places, index, previousIndex }: Seam,
  scanner: MemoryScanner,
  scannerIndex: number,
  images: PagesImages,
): Promise<MemoryHit[]> {
  const reach = scanner.overlap + 1;
  let first = index - 1;
  let before = places[first]?.piece.length ?? 0;
  while (before < reach && isAdjacent(places, first)) before += places[--first]?.piece.length ?? 0;
  let last = index;
  let behind = places[last]?.piece.length ?? 0;
  while (behind < reach && isAdjacent(places, last + 1)) behind += places[++last]?.piece.length ?? 0;
  const pieces = places.slice(first, last + 1).map(({ piece }) => piece);
  const skipped = Math.max(0, before - reach);
  const window = await readRange(pieces, skipped, before - skipped + Math.min(behind, reach), images);
  if (window === undefined) return [];
  const seam = before - skipped;
  const isBeginning = skipped === 0 && !isAdjacent(places, first);
  const isEnd = behind <= reach && !isAdjacent(places, last + 1);
  const seamAddress = places[index]?.address ?? 0n;
  const barrier =
    previousIndex === 0
      ? 0
      : Math.max(0, seam - Number(seamAddress - (places[previousIndex]?.address ?? 0n)));
  const from = Math.max(isBeginning ? 0 : 1, barrier);
  const hits: MemoryHit[] = [];
  for (const { start, end } of scanner.matches(window, from, seam, isEnd)) {
    if (end <= seam) continue;
    const address = seamAddress - BigInt(seam - start);
    hits.push({
      scanner: scannerIndex,
      owners: [{ space, address }],
      bytes: window.slice(start, end),
      locations: locationsAt(pieces, skipped + start, end - start),
    });
  }
  return hits;
}

/** Undefined when a byte of it cannot be read. */
async function readRange(
  pieces: readonly Piece[],
  start: number,
  length: number,
  images: PagesImages,
): Promise<Uint8Array | undefined> {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const { entry, offset, length: count } of locationsAt(pieces, start, length)) {
    const part = await images.reader(entry)?.read(offset, count);
    if (part === undefined || part.length < count) return undefined;
    bytes.set(part, at);
    at += count;
  }
  return bytes;
}
