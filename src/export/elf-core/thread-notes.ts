/**
 * NT_PRSTATUS: a debugger makes a thread of it, and of the register notes up to the next one.
 * Facts: Linux, include/linux/elfcore.h (elf_prstatus, elf_prstatus_common).
 */
import type { Process, Thread } from '../../checkpoint/checkpoint.ts';
import type { Registers } from '../../checkpoint/registers.ts';
import { type ElfNote, NoteType } from './elf-note.ts';
import { consecutive, structure } from './elf-structure.ts';
import type { Machine } from './machine.ts';

/** pr_reg begins here; before it are signals, numbers and the processor times, which a checkpoint does not have. */
const REGISTERS_OFFSET = 112;
/** pr_fpvalid and padding. */
const REST_SIZE = 8;

export function prstatus(thread: Thread, registers: Registers, process: Process, machine: Machine): ElfNote {
  const general = machine.generalRegisters(registers);
  const end = REGISTERS_OFFSET + general.length;
  const descriptor = structure(end + REST_SIZE, [
    ...consecutive(16, 8, [thread.pendingSignals, thread.blockedSignals]),
    ...consecutive(32, 4, [thread.tid, process.parentPid, process.processGroup, process.session]),
    { offset: end, size: 4, value: 1 },
  ]);
  descriptor.set(general, REGISTERS_OFFSET);
  return { owner: 'CORE', type: NoteType.prstatus, descriptor };
}
