/** Where the parts of a core file lie: headers, notes, perhaps a section header, memory by ascending address. */
import { ChunkWriter, type CoreSink } from './chunk-writer.ts';
import {
  encodeFileHeader,
  encodeProgramHeader,
  encodeSectionHeader,
  FILE_HEADER_SIZE,
  PN_XNUM,
  PROGRAM_HEADER_SIZE,
  SECTION_HEADER_SIZE,
  SegmentType,
} from './elf-header.ts';
import { alignUp } from './elf-structure.ts';
import type { Segment } from './segments.ts';

/** Notes are padded to words. */
const NOTE_ALIGNMENT = 4;
const SECTION_ALIGNMENT = 8;

export interface Layout {
  readonly segments: readonly Segment[];
  /** Where each segment is in the file. Numbers alone: there can be hundreds of thousands. */
  readonly offsets: Float64Array;
  readonly notesEnd: number;
  /** Used when there are too many program headers for the file header. */
  readonly sectionOffset: number;
  readonly pageSize: number;
  /** Length of the file. */
  readonly size: number;
}

/** File header and program headers: of the notes and of each segment. */
export const headersSize = (segments: number): number =>
  FILE_HEADER_SIZE + (segments + 1) * PROGRAM_HEADER_SIZE;

/** Gives each segment its place behind the notes: at a page's beginning, where a debugger can map it. */
export function placeSegments(
  segments: readonly Segment[],
  { notesEnd, pageSize }: Pick<Layout, 'notesEnd' | 'pageSize'>,
): Layout {
  const sectionOffset = alignUp(notesEnd, SECTION_ALIGNMENT);
  let end = sectionOffset + SECTION_HEADER_SIZE;
  const offsets = Float64Array.from(segments, ({ start, fileSize }) => {
    // Offset and address are the same within a page, also for the odd address of a damaged image.
    const offset = alignUp(end, pageSize) + Number(start % BigInt(pageSize));
    if (fileSize > 0) end = offset + fileSize;
    return offset;
  });
  return { segments, offsets, notesEnd, sectionOffset, pageSize, size: end };
}

/** Writes everything in front of the notes, and the section header. `machine` is e_machine. */
export async function writeHeaders(layout: Layout, machine: number, sink: CoreSink): Promise<void> {
  const { segments, offsets, notesEnd, sectionOffset, pageSize } = layout;
  const programHeaders = segments.length + 1;
  const writer = new ChunkWriter(sink, 0);
  await writer.write(encodeFileHeader({ machine, programHeaders, sectionOffset }));
  const noteOffset = headersSize(segments.length);
  await writer.write(
    encodeProgramHeader({
      type: SegmentType.note,
      flags: 0,
      offset: noteOffset,
      address: 0n,
      fileSize: notesEnd - noteOffset,
      memorySize: 0n,
      alignment: NOTE_ALIGNMENT,
    }),
  );
  for (const [index, { start, ...segment }] of segments.entries()) {
    const offset = offsets[index] ?? 0;
    const header = { type: SegmentType.load, offset, address: start, alignment: pageSize, ...segment };
    await writer.write(encodeProgramHeader(header));
  }
  await writer.flush();
  if (programHeaders >= PN_XNUM) await sink.write(encodeSectionHeader(programHeaders), sectionOffset);
}
