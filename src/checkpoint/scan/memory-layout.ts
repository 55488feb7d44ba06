import type { AddressSpace } from '../address-space.ts';

/*
 * How the bytes of pages images lie in the memory of processes.
 *
 * A piece is a range of one pages image that the same owners map without a break. A text is a list of pieces that follow
 * each other in memory: what a search must read as one, wherever the pieces lie in the images. Pieces that several
 * processes map (shared memory) are a text of their own, read once; where such a text borders on another one in the
 * memory of one owner there is a seam, and only what crosses it is looked for there.
 */

/** More processes that map the same bytes are not named: a hostile archive could have each byte mapped by thousands. */
export const MAX_OWNERS = 256;

/** Regions are asked for in steps of this many bytes, so that lengths stay exact numbers. */
const EXTENT_STEP = 2 ** 48;

/** Where bytes are seen: the address is that of the first one. */
export interface Owner {
  readonly space: AddressSpace;
  readonly address: bigint;
}

export interface Piece {
  readonly entry: string;
  readonly offset: number;
  readonly length: number;
  readonly owners: readonly Owner[];
}

export interface MemoryText {
  readonly pieces: readonly Piece[];
  /** For each piece, how many bytes of the text come before it; and the length of the text at the end. */
  readonly starts: readonly number[];
}

/** A piece as one of its owners sees it. */
export interface Place {
  readonly address: bigint;
  readonly piece: Piece;
}

/** A border of two texts in the memory of one owner, between `places[index - 1]` and `places[index]`. */
export interface Seam {
  readonly space: AddressSpace;
  /** All pieces of the space by address. */
  readonly places: readonly Place[];
  readonly index: number;
  /** Of the seam before this one in the same stretch of memory; 0 where there is none. */
  readonly previousIndex: number;
}

export interface MemoryLayout {
  /** In the order in which their first bytes lie in the images, image by image. */
  readonly texts: readonly MemoryText[];
  readonly seams: readonly Seam[];
  /** Bytes of all texts: each byte of an image counts once. */
  readonly totalBytes: number;
}

/** Lays out what is present of the address spaces. `orderOf` sorts the images, for reading them front to back. */
export function layOutMemory(
  spaces: readonly AddressSpace[],
  orderOf: (entry: string) => number = () => 0,
): MemoryLayout {
  const entries = new Map<string, Interval[]>();
  for (const space of spaces) collectIntervals(space, entries);
  const sorted = [...entries].sort(([a], [b]) => orderOf(a) - orderOf(b));
  const pieces = sorted.flatMap(([entry, intervals]) => splitByOwners(entry, intervals));
  const { followers, seams } = connect(pieces);
  const texts = buildTexts(pieces, followers);
  return { texts, seams, totalBytes: pieces.reduce((sum, { length }) => sum + length, 0) };
}

/** A range of an image as one process maps it. */
interface Interval {
  readonly start: number;
  end: number;
  readonly owner: Owner;
}

function collectIntervals(space: AddressSpace, entries: Map<string, Interval[]>): void {
  let last: { interval: Interval; entry: string } | undefined;
  for (const { address, location } of presentExtents(space)) {
    const { entry, offset, length } = location;
    const joins =
      last !== undefined &&
      last.entry === entry &&
      last.interval.end === offset &&
      last.interval.owner.address + BigInt(offset - last.interval.start) === address;
    if (joins && last !== undefined) last.interval.end += length;
    else {
      const interval = { start: offset, end: offset + length, owner: { space, address } };
      const list = entries.get(entry);
      if (list === undefined) entries.set(entry, [interval]);
      else list.push(interval);
      last = { interval, entry };
    }
  }
}

function* presentExtents(space: AddressSpace) {
  for (const { start, end, presentBytes } of space.regions) {
    if (presentBytes === 0) continue;
    for (let at: bigint = start; at < end; at += BigInt(EXTENT_STEP)) {
      const length = end - at < BigInt(EXTENT_STEP) ? Number(end - at) : EXTENT_STEP;
      for (const extent of space.extents(at, length)) {
        if (extent.origin !== 'present' || extent.location === undefined || extent.length === 0) continue;
        yield { address: extent.start, location: { ...extent.location, length: extent.length } };
      }
    }
  }
}

/** Cuts the intervals of one image wherever one of them begins or ends. */
function splitByOwners(entry: string, intervals: readonly Interval[]): Piece[] {
  const begins = [...intervals].sort((a, b) => a.start - b.start);
  const ends = [...intervals].sort((a, b) => a.end - b.end);
  const active = new Set<Interval>();
  const pieces: Piece[] = [];
  let next = 0;
  let at = 0;
  for (const closing of ends) {
    for (let begin = begins[next]; begin !== undefined && begin.start < closing.end; begin = begins[++next]) {
      pushPiece(pieces, entry, at, begin.start, active);
      at = begin.start;
      active.add(begin);
    }
    pushPiece(pieces, entry, at, closing.end, active);
    at = closing.end;
    active.delete(closing);
  }
  return pieces;
}

function pushPiece(
  pieces: Piece[],
  entry: string,
  start: number,
  end: number,
  active: ReadonlySet<Interval>,
): void {
  if (end <= start || active.size === 0) return;
  const owners: Owner[] = [];
  for (const interval of active) {
    if (owners.length === MAX_OWNERS) break;
    const { space, address } = interval.owner;
    owners.push({ space, address: address + BigInt(start - interval.start) });
  }
  pieces.push({ entry, offset: start, length: end - start, owners });
}

/** Finds which pieces follow each other in memory: for all owners (one text), or for some (a seam each). */
function connect(pieces: readonly Piece[]): {
  readonly followers: Map<Piece, Piece>;
  readonly seams: Seam[];
} {
  const placesOf = new Map<AddressSpace, Place[]>();
  for (const piece of pieces) {
    for (const { space, address } of piece.owners) {
      const places = placesOf.get(space);
      if (places === undefined) placesOf.set(space, [{ address, piece }]);
      else places.push({ address, piece });
    }
  }
  const followers = new Map<Piece, Piece>();
  const seams: Seam[] = [];
  for (const [space, places] of placesOf) {
    places.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
    connectPlaces(space, places, followers, seams);
  }
  return { followers, seams };
}

function connectPlaces(
  space: AddressSpace,
  places: readonly Place[],
  followers: Map<Piece, Piece>,
  seams: Seam[],
): void {
  let previousIndex = 0;
  for (let index = 1; index < places.length; index++) {
    if (!isAdjacent(places, index)) {
      previousIndex = 0;
      continue;
    }
    const before = places[index - 1]?.piece;
    const behind = places[index]?.piece;
    if (before === undefined || behind === undefined) continue;
    if (isOneText(before, behind)) followers.set(before, behind);
    else {
      seams.push({ space, places, index, previousIndex });
      previousIndex = index;
    }
  }
}

/** Whether `places[index]` begins where the place before it ends. */
export function isAdjacent(places: readonly Place[], index: number): boolean {
  const before = places[index - 1];
  const behind = places[index];
  if (before === undefined || behind === undefined) return false;
  return before.address + BigInt(before.piece.length) === behind.address;
}

function isOneText(before: Piece, behind: Piece): boolean {
  if (before.owners.length !== behind.owners.length) return false;
  return before.owners.every(({ space, address }, index) => {
    const owner = behind.owners[index];
    return owner?.space === space && owner.address === address + BigInt(before.length);
  });
}

function buildTexts(pieces: readonly Piece[], followers: ReadonlyMap<Piece, Piece>): MemoryText[] {
  const inside = new Set(followers.values());
  const texts: MemoryText[] = [];
  for (const head of pieces) {
    if (inside.has(head)) continue;
    const chain: Piece[] = [];
    const starts = [0];
    for (let piece: Piece | undefined = head; piece !== undefined; piece = followers.get(piece)) {
      chain.push(piece);
      starts.push((starts.at(-1) ?? 0) + piece.length);
    }
    texts.push({ pieces: chain, starts });
  }
  return texts;
}
