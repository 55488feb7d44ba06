/**
 * Registers of an aarch64 thread as a core file has them.
 * Facts: Linux, arch/arm64/include/uapi/asm/ptrace.h (user_pt_regs, user_fpsimd_state, user_pac_mask),
 * arch/arm64/include/asm/pointer_auth.h (which bits hold a code).
 */
import type { AddressSpace } from '../../checkpoint/address-space.ts';
import type { Registers } from '../../checkpoint/registers.ts';
import { type ElfNote, NoteType } from './elf-note.ts';
import { consecutive, structure } from './elf-structure.ts';
import type { Machine } from './machine.ts';
import { byName, type RegisterPlace, registerFields } from './register-table.ts';

const GENERAL_SIZE = 34 * 8;
const GENERAL: readonly RegisterPlace[] = [
  { name: 'x', offset: 0, size: 8, count: 31 },
  { name: 'sp', offset: 248, size: 8 },
  { name: 'pc', offset: 256, size: 8 },
  { name: 'cpsr', offset: 264, size: 8 },
];

const FPSIMD_SIZE = 528;
const FPSIMD: readonly RegisterPlace[] = [
  { name: 'v', offset: 0, size: 16, count: 32 },
  { name: 'fpsr', offset: 512, size: 4 },
  { name: 'fpcr', offset: 516, size: 4 },
];

/** The highest bit of an authentication code: bit 55 tells kernel addresses apart, those above it may be tags. */
const HIGHEST_CODE_BIT = 54n;

/**
 * The bits of a return address that hold its code. The kernel's mask begins where its addresses end, which CRIU does not
 * record; all bits above the highest mapping, the stack, are as good to strip codes from the addresses that there are.
 */
export function codeMask({ regions }: AddressSpace): bigint {
  const highest = regions.reduce<bigint>((end, region) => (region.end > end ? region.end : end), 1n) - 1n;
  const width = BigInt(highest.toString(2).length);
  return width > HIGHEST_CODE_BIT ? 0n : (1n << (HIGHEST_CODE_BIT + 1n)) - (1n << width);
}

function registerNotes({ general, vector, signsPointers }: Registers, space: AddressSpace): ElfNote[] {
  const thread = byName(general).get('tpidr') ?? 0n;
  const notes: ElfNote[] = [
    {
      owner: 'CORE',
      type: NoteType.fpregset,
      descriptor: structure(FPSIMD_SIZE, registerFields(FPSIMD, byName(vector))),
    },
    { owner: 'LINUX', type: NoteType.armTls, descriptor: structure(8, consecutive(0, 8, [thread])) },
  ];
  if (signsPointers) {
    const mask = codeMask(space);
    const descriptor = structure(16, consecutive(0, 8, [mask, mask]));
    notes.push({ owner: 'LINUX', type: NoteType.armPacMask, descriptor });
  }
  return notes;
}

export const aarch64: Machine = {
  elfNumber: 183,
  generalRegisters: ({ general }) => structure(GENERAL_SIZE, registerFields(GENERAL, byName(general))),
  registerNotes,
};
