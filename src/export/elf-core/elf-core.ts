/**
 * A process of a checkpoint as a core file: what the kernel would have written had the process crashed when it was
 * frozen, as far as the archive has it. File header, program headers, notes, memory.
 * Facts: Linux, fs/binfmt_elf.c (elf_core_dump); which notes gdb reads, bfd/elf.c (elfcore_grok_note).
 */
import { formatAddress } from '../../bytes/brand.ts';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import type { Note } from '../../bytes/note.ts';
import type { AddressSpace } from '../../checkpoint/address-space.ts';
import { BackingFiles } from '../../checkpoint/backing-files.ts';
import type { Checkpoint, Process } from '../../checkpoint/checkpoint.ts';
import { type FilledFile, type FilledMemory, fillMemory } from '../../checkpoint/filled-memory.ts';
import type { RootFiles } from '../../checkpoint/root-files.ts';
import { ChunkWriter, type CoreSink } from './chunk-writer.ts';
import { writeNotes } from './core-notes.ts';
import { headersSize, type Layout, placeSegments, writeHeaders } from './layout.ts';
import { type AbsentBytes, MAX_SEGMENTS, planSegments } from './segments.ts';

/** What a core file holds: the JSON of `exhibit export elf-core` has all of it. */
export interface ElfCore {
  readonly pid: number;
  readonly comm: string;
  /** As CRIU calls it: X86_64 or AARCH64. */
  readonly machine: string;
  readonly threads: number;
  readonly segments: number;
  /** Length of the file in bytes, holes included. */
  readonly size: number;
  /** Bytes of memory that are in it out of the archive's pages. */
  readonly present: number;
  /** The files that unmodified pages of mapped files were taken from. */
  readonly filled: readonly FilledFile[];
  /** Bytes of memory that are not in it, by the reason. */
  readonly absent: AbsentBytes;
}

export interface ElfCoreOptions {
  /** Fills what the archive lacks of mapped files, beside those files that it has itself. */
  readonly rootfs?: RootFiles | undefined;
  /** Bytes of memory that are written, and that will be. */
  readonly onProgress?: (done: number, total: number) => void;
  /** What the core lacks though the process had it. */
  readonly onNote?: (note: Note) => void;
}

/** Bytes of memory that are read at once. */
const PART = 1024 * 1024;

/**
 * A page of shared memory is in the core once for each mapping of it. Honest programs map a page twice or thrice; a
 * forged archive could fill any disk with one page.
 */
const MAX_COPIES = 16;

/**
 * Writes the core file of one process; memory use does not depend on its size. Throws `NOT_EXPORTABLE` for a process
 * without memory or registers, or of another machine, `LIMIT_EXCEEDED` for memory mapped more often than any honest
 * program does, and what the sink throws.
 */
export async function writeElfCore(
  checkpoint: Checkpoint,
  process: Process,
  sink: CoreSink,
  { rootfs, onProgress = () => undefined, onNote = () => undefined }: ElfCoreOptions = {},
): Promise<ElfCore> {
  const warn = (message: string): void => onNote({ severity: 'warning', message });
  const known = await memoryOf(process);
  const present = presentBytes(known, checkpoint);
  const filled = await fillMemory([known], await BackingFiles.of(checkpoint, rootfs, warn));
  try {
    const total = present + filledBytes(filled, process);
    const onWritten = (done: number): void => onProgress(done, total);
    const { pid, comm } = process;
    const about = { pid, comm, present, filled: filled.files };
    return { ...about, ...(await writeSpace(filled.spaces[0] ?? known, process, sink, warn, onWritten)) };
  } finally {
    await filled.close();
  }
}

async function writeSpace(
  space: AddressSpace,
  process: Process,
  sink: CoreSink,
  warn: (message: string) => void,
  onWritten: (done: number) => void,
): Promise<Pick<ElfCore, 'machine' | 'threads' | 'segments' | 'size' | 'absent'>> {
  const { segments, absent, omittedFrom } = planSegments(space);
  if (omittedFrom !== undefined) {
    const place = `process ${process.pid} from ${formatAddress(omittedFrom)} on`;
    warn(`the memory of ${place} is left out of the core: it has more than ${MAX_SEGMENTS} parts`);
  }
  const writer = new ChunkWriter(sink, headersSize(segments.length));
  const { machine, name, threads } = await writeNotes(process, space, writer, warn);
  const layout = placeSegments(segments, { notesEnd: writer.offset, pageSize: space.pageSize });
  await writer.flush();
  await writeHeaders(layout, machine.elfNumber, sink);
  await writeMemory(space, layout, sink, onWritten);
  return { machine: name, threads, segments: segments.length, size: layout.size, absent };
}

async function memoryOf(process: Process): Promise<AddressSpace> {
  const space = await process.addressSpace();
  if (space !== undefined) return space;
  const why = process.state === 'dead' ? 'is a zombie: it had' : 'has';
  const message = `process ${process.pid} ${why} no memory in the archive, of which a core file is made`;
  throw new ExhibitError('NOT_EXPORTABLE', message);
}

function presentBytes({ pid, regions }: AddressSpace, { sizes }: Checkpoint): number {
  const present = regions.reduce((sum, region) => sum + region.presentBytes, 0);
  if (present <= MAX_COPIES * sizes.total) return present;
  throw new ExhibitError(
    'LIMIT_EXCEEDED',
    `process ${pid} maps ${present} bytes of memory, more than ${MAX_COPIES} times what the archive has; no honest program does`,
  );
}

/** The same bound for files: one that is mapped a million times would fill any disk too. */
function filledBytes({ files }: FilledMemory, { pid }: Process): number {
  const sum = (key: 'bytes' | 'size'): number => files.reduce((all, file) => all + file[key], 0);
  if (sum('bytes') <= MAX_COPIES * sum('size') + PART) return sum('bytes');
  throw new ExhibitError(
    'LIMIT_EXCEEDED',
    `process ${pid} maps ${sum('bytes')} bytes of files, more than ${MAX_COPIES} times what they have; no honest program does`,
  );
}

async function writeMemory(
  space: AddressSpace,
  { segments, offsets }: Layout,
  sink: CoreSink,
  onProgress: (done: number) => void,
): Promise<void> {
  let written = 0;
  for (const [index, { start, fileSize }] of segments.entries()) {
    const offset = offsets[index] ?? 0;
    for (let done = 0; done < fileSize; done += PART) {
      const { bytes, extents } = await space.read(start + BigInt(done), Math.min(PART, fileSize - done));
      await sink.write(bytes, offset + done);
      for (const { origin, length } of extents) if (origin === 'present') written += length;
      onProgress(written);
    }
  }
}
