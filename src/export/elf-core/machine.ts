import type { AddressSpace } from '../../checkpoint/address-space.ts';
import type { Registers } from '../../checkpoint/registers.ts';
import type { ElfNote } from './elf-note.ts';

/** How registers are told in a core file of one kind of machine. */
export interface Machine {
  /** e_machine: include/uapi/linux/elf-em.h. */
  readonly elfNumber: number;
  /** elf_gregset_t: the registers of NT_PRSTATUS. */
  generalRegisters(registers: Registers): Uint8Array;
  /** The notes of a thread that follow its NT_PRSTATUS. */
  registerNotes(registers: Registers, space: AddressSpace): readonly ElfNote[];
}
