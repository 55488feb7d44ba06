import type { FilePlace } from '../../bytes/byte-source.ts';
import type { SourceLocation } from '../../bytes/source-location.ts';
import type { MemoryLayout, MemoryText } from './memory-layout.ts';
import type { PagesImages } from './pages-images.ts';
import { partOf, type TextPart } from './text-part.ts';
import { firstByte, type ScanRange } from './text-scan.ts';

/*
 * Memory that is handed out in jobs, to be searched by several threads at once. A job is plain data and names bytes by
 * their place in the open file, so whoever does it needs neither the archive nor the processes.
 */

/** A part of a text, and where in it matches may begin; it reaches behind that as far as matches do. */
export interface ScanPart extends TextPart {
  /** In the pieces the entry is empty and the offset that in the file. */
  readonly range: ScanRange;
}

export interface ScanJob {
  readonly descriptor: number;
  readonly parts: readonly ScanPart[];
}

/** What of the layout a job is of. */
export interface PlannedJob {
  readonly job: ScanJob;
  /** The text of each part. */
  readonly texts: readonly MemoryText[];
  /** Bytes in which matches may begin. */
  readonly length: number;
}

export interface JobOptions {
  /** Bytes of a job, unless what follows in memory is shorter. */
  readonly jobLength: number;
  /** How far matches reach. */
  readonly overlap: number;
  readonly scanners: number;
}

/**
 * Cuts all texts into jobs, in order. The first part of a job may go on with the text of the job before; no other part
 * does. What cannot be read is left out, with a note.
 */
export function* planJobs(
  layout: MemoryLayout,
  images: PagesImages,
  options: JobOptions,
): Generator<PlannedJob> {
  let plan = new JobPlan(images, options);
  for (const text of layout.texts) {
    const length = text.starts.at(-1) ?? 0;
    for (let start = 0; start < length; ) {
      const end = Math.min(length, start + options.jobLength);
      plan.add(text, start, end);
      start = end;
      if (plan.length < options.jobLength) continue;
      yield plan.finish();
      plan = new JobPlan(images, options);
    }
  }
  if (plan.length > 0) yield plan.finish();
}

class JobPlan {
  length = 0;
  readonly #images: PagesImages;
  readonly #options: JobOptions;
  readonly #parts: ScanPart[] = [];
  readonly #texts: MemoryText[] = [];
  #descriptor = 0;

  constructor(images: PagesImages, options: JobOptions) {
    this.#images = images;
    this.#options = options;
  }

  add(text: MemoryText, start: number, end: number): void {
    const { overlap, scanners } = this.#options;
    const range: ScanRange = { from: new Array<number>(scanners).fill(start), to: end };
    const part = partOf(text, firstByte(range), end + overlap + 1);
    this.#parts.push({ ...this.#place(part), range });
    this.#texts.push(text);
    this.length += end - start;
  }

  #place({ pieces, starts, isEnd }: TextPart): TextPart {
    const placed = { pieces: [] as SourceLocation[], starts: [] as number[], isEnd };
    for (const [index, { entry, offset, length }] of pieces.entries()) {
      const source = this.#images.source(entry);
      if (source === undefined) continue;
      const available = Math.max(0, Math.min(length, source.size - offset));
      if (available < length) this.#images.noteEnd(entry, offset + available);
      if (available === 0) continue;
      const place: FilePlace | undefined = source.place;
      if (place === undefined) throw new RangeError(`${entry} lies in no file`);
      this.#descriptor = place.descriptor;
      placed.pieces.push({ entry: '', offset: place.offset + offset, length: available });
      placed.starts.push(starts[index] ?? 0);
    }
    return placed;
  }

  finish(): PlannedJob {
    const job = { descriptor: this.#descriptor, parts: this.#parts };
    return { job, texts: this.#texts, length: this.length };
  }
}
