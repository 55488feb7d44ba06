import { ExhibitError } from '../../bytes/exhibit-error.ts';
import type { AddressSpace } from '../../checkpoint/address-space.ts';
import type { Process } from '../../checkpoint/checkpoint.ts';
import type { ChunkWriter } from './chunk-writer.ts';
import { type ElfNote, encodeNote } from './elf-note.ts';
import { fileNote } from './file-note.ts';
import type { Machine } from './machine.ts';
import { machineOf } from './machines.ts';
import { auxv, prpsinfo, siginfo } from './process-notes.ts';
import { prstatus } from './thread-notes.ts';

export interface WrittenNotes {
  readonly machine: Machine;
  /** CRIU's word for it. */
  readonly name: string;
  readonly threads: number;
}

/**
 * Writes the notes in the kernel's order: the first thread's status, the process's own notes, the first thread's other
 * registers, then the other threads. Registers are read a thread at a time. Throws `NOT_EXPORTABLE` when no thread has
 * registers of a known machine.
 */
export async function writeNotes(
  process: Process,
  space: AddressSpace,
  writer: ChunkWriter,
  warn: (message: string) => void,
): Promise<WrittenNotes> {
  const { pid } = process;
  const write = (note: ElfNote): Promise<void> => writer.write(encodeNote(note));
  let first: Omit<WrittenNotes, 'threads'> | undefined;
  let threads = 0;
  for (const thread of process.threads) {
    const registers = await thread.registers();
    if (registers === undefined || (first && first.name !== registers.architecture)) {
      warn(`thread ${thread.tid} of process ${pid} is left out of the core: its registers are not known`);
      continue;
    }
    const { machine } = first ?? { machine: machineOf(registers, pid) };
    await write(prstatus(thread, registers, process, machine));
    if (first === undefined) for (const note of await processNotes(process, space, warn)) await write(note);
    for (const note of machine.registerNotes(registers, space)) await write(note);
    first ??= { machine, name: registers.architecture };
    threads++;
  }
  if (first !== undefined) return { ...first, threads };
  const message = `the archive has no registers of process ${pid}, without which a core file is of no use`;
  throw new ExhibitError('NOT_EXPORTABLE', message);
}

async function processNotes(
  process: Process,
  space: AddressSpace,
  warn: (message: string) => void,
): Promise<readonly ElfNote[]> {
  const { note, omitted } = fileNote(space);
  if (omitted > 0) {
    warn(
      `${omitted} mapped files of process ${process.pid} are not named in the core: their names are too long`,
    );
  }
  return [await prpsinfo(process), siginfo(), auxv(process), ...(note ? [note] : [])];
}
