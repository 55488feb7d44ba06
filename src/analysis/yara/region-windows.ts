import type { SourceLocation } from '../../bytes/source-location.ts';
import type { AddressSpace, Region } from '../../checkpoint/address-space.ts';
import type { Owner } from '../../checkpoint/scan/memory-layout.ts';
import type { MemoryBlock } from '../../checkpoint/scan/memory-read.ts';

/*
 * Rules look at whole files; memory has regions, of which the archive may lack pages. What a rule sees is a window: the
 * bytes of one region in order of address, as the archive has them. Decision 018 says what follows from that.
 */

/** Bytes that rules see at once: the most that is kept of memory. */
export const WINDOW_LENGTH = 16 * 1024 * 1024;
/** The end of a full window is the beginning of the next, so that what lies on the border is seen whole. */
export const WINDOW_OVERLAP = 64 * 1024;
/** Pages that the archive lacks are zeros, this many bytes at most: enough that nothing matches across, cheap to look at. */
export const GAP_LENGTH = 4096;

/** Bytes of a window that follow each other in memory and in the archive. */
export interface Segment {
  /** In the window. */
  readonly start: number;
  readonly length: number;
  readonly address: bigint;
  readonly location: SourceLocation;
  /** Other processes that see these bytes. */
  readonly others: readonly Owner[];
}

export interface RegionWindow {
  readonly space: AddressSpace;
  readonly region: Region;
  /** Valid until the next window is asked for. */
  readonly bytes: Uint8Array;
  /** In order; between them are zeros. */
  readonly segments: readonly Segment[];
  /** Bytes at the beginning that the window before it ended with. */
  readonly repeated: number;
}

/** Collects the blocks of memory into windows. */
export class RegionWindows {
  readonly #room: Uint8Array;
  readonly #overlap: number;
  #space: AddressSpace | undefined;
  #region: Region | undefined;
  #segments: Segment[] = [];
  #used = 0;
  #repeated = 0;
  #next = 0n;

  constructor(windowLength = WINDOW_LENGTH, overlap = WINDOW_OVERLAP) {
    this.#room = new Uint8Array(windowLength);
    this.#overlap = overlap;
  }

  /** Takes a block and gives the windows that it completes. */
  *add({ owners, bytes, location: { entry, offset } }: MemoryBlock): Generator<RegionWindow> {
    const [{ space, address }, ...others] = owners;
    for (let done = 0; done < bytes.length; ) {
      const at = address + BigInt(done);
      const region = space.regionAt(at);
      if (region === undefined) return;
      yield* this.#enter(space, region, at);
      const room = this.#room.length - this.#used;
      const length = Math.min(bytes.length - done, Number(region.end - at), room);
      const skipped = BigInt(done);
      this.#append(bytes.subarray(done, done + length), {
        start: this.#used,
        length,
        address: at,
        location: { entry, offset: offset + done, length },
        others: others.map((owner) => ({ space: owner.space, address: owner.address + skipped })),
      });
      done += length;
    }
  }

  /** The last window. */
  *finish(): Generator<RegionWindow> {
    if (this.#used > this.#repeated) yield this.#window();
    this.#clear();
  }

  /** Makes room for a byte at `address`: ends the window where another region begins or no room is left. */
  *#enter(space: AddressSpace, region: Region, address: bigint): Generator<RegionWindow> {
    if (space !== this.#space || region !== this.#region || address < this.#next) {
      yield* this.finish();
      this.#space = space;
      this.#region = region;
      return;
    }
    const gap = this.#used === 0 || address === this.#next ? 0 : GAP_LENGTH;
    if (this.#used + gap >= this.#room.length) {
      yield this.#window();
      this.#repeat();
    }
    this.#room.fill(0, this.#used, this.#used + gap);
    this.#used += gap;
  }

  #append(bytes: Uint8Array, segment: Segment): void {
    this.#room.set(bytes, this.#used);
    this.#used += bytes.length;
    this.#next = segment.address + BigInt(bytes.length);
    const last = this.#segments.at(-1);
    if (last === undefined || !isNext(last, segment)) this.#segments.push(segment);
    else this.#segments[this.#segments.length - 1] = lengthened(last, segment.length);
  }

  #window(): RegionWindow {
    return {
      space: this.#space as AddressSpace,
      region: this.#region as Region,
      bytes: this.#room.subarray(0, this.#used),
      segments: this.#segments,
      repeated: this.#repeated,
    };
  }

  /** Moves the end of a full window to its beginning. */
  #repeat(): void {
    const from = this.#used - this.#overlap;
    this.#room.copyWithin(0, from, this.#used);
    this.#segments = this.#segments.flatMap((segment) => {
      const cut = Math.max(0, from - segment.start);
      return cut >= segment.length ? [] : [shortened(segment, cut, from)];
    });
    this.#used = this.#overlap;
    this.#repeated = this.#overlap;
  }

  #clear(): void {
    this.#segments = [];
    this.#used = 0;
    this.#repeated = 0;
    this.#next = 0n;
    this.#space = undefined;
    this.#region = undefined;
  }
}

/** Whether `segment` goes on where `last` ends, in the window, in memory and in the archive. */
function isNext(last: Segment, segment: Segment): boolean {
  const { location, others, length } = last;
  return (
    last.start + length === segment.start &&
    last.address + BigInt(length) === segment.address &&
    location.entry === segment.location.entry &&
    location.offset + length === segment.location.offset &&
    others.length === segment.others.length &&
    others.every(({ space, address }, index) => {
      const other = segment.others[index];
      return other?.space === space && other.address === address + BigInt(length);
    })
  );
}

function lengthened(segment: Segment, by: number): Segment {
  const length = segment.length + by;
  return { ...segment, length, location: { ...segment.location, length } };
}

/** Without its first `cut` bytes, in a window that begins `from` bytes later. */
function shortened(
  { start, length, address, location, others }: Segment,
  cut: number,
  from: number,
): Segment {
  const left = length - cut;
  return {
    start: start + cut - from,
    length: left,
    address: address + BigInt(cut),
    location: { entry: location.entry, offset: location.offset + cut, length: left },
    others: others.map((owner) => ({ ...owner, address: owner.address + BigInt(cut) })),
  };
}
