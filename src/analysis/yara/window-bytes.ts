import type { ArchiveIndex } from '../../archive/archive-index.ts';
import { firstIndex } from '../../bytes/binary-search.ts';
import type { SourceLocation } from '../../bytes/source-location.ts';
import { PagesImages, type PagesOptions } from '../../checkpoint/scan/pages-images.ts';
import type { Segment } from './region-windows.ts';

/** The segment that holds an offset, or the one before the zeros that do. */
export function segmentAt(segments: readonly Segment[], offset: number): Segment | undefined {
  return segments[indexAt(segments, offset)];
}

function indexAt(segments: readonly Segment[], offset: number): number {
  return Math.max(0, firstIndex(segments.length, (index) => (segments[index] as Segment).start > offset) - 1);
}

/** Where the bytes of a range of a window lie in the archive; zeros between segments lie nowhere. */
export function locationsOf(segments: readonly Segment[], offset: number, length: number): SourceLocation[] {
  return [...piecesOf(segments, offset, length)].map(({ location }) => location);
}

interface Piece {
  /** In the range. */
  readonly at: number;
  readonly location: SourceLocation;
}

function* piecesOf(segments: readonly Segment[], offset: number, length: number): Generator<Piece> {
  for (let index = indexAt(segments, offset); index < segments.length; index++) {
    const segment = segments[index] as Segment;
    const from = Math.max(0, offset - segment.start);
    const to = Math.min(segment.length, offset + length - segment.start);
    if (to <= 0) return;
    if (from >= to) continue;
    const { entry, offset: start } = segment.location;
    yield { at: segment.start + from - offset, location: { entry, offset: start + from, length: to - from } };
  }
}

/** Bytes read at once: matches of one pattern often lie near each other. */
const READ_LENGTH = 64 * 1024;

/** Reads bytes of windows once more: their room has other bytes by the time that it is known what matched. */
export class WindowBytes {
  readonly #images: PagesImages;
  #held: { readonly entry: string; readonly offset: number; readonly bytes: Uint8Array } | undefined;

  constructor(archive: ArchiveIndex, { sourceOf }: Pick<PagesOptions, 'sourceOf'>) {
    this.#images = new PagesImages(archive, { sourceOf });
  }

  /** A range of the window of these segments; `length` is READ_LENGTH at most. */
  async read(segments: readonly Segment[], offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (const { at, location } of piecesOf(segments, offset, length)) {
      bytes.set(await this.#readFrom(location), at);
    }
    return bytes;
  }

  async #readFrom({ entry, offset, length }: SourceLocation): Promise<Uint8Array> {
    const held = this.#held;
    if (
      held?.entry === entry &&
      held.offset <= offset &&
      offset + length <= held.offset + held.bytes.length
    ) {
      return held.bytes.subarray(offset - held.offset, offset - held.offset + length);
    }
    const bytes = (await this.#images.source(entry)?.read(offset, READ_LENGTH)) ?? new Uint8Array(0);
    this.#held = { entry, offset, bytes };
    return bytes.subarray(0, length);
  }
}
