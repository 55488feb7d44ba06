/**
 * Registers of an x86-64 thread as a core file has them.
 * Facts: Linux, arch/x86/include/asm/user_64.h (user_regs_struct, user_i387_struct), arch/x86/include/asm/fpu/types.h
 * (xstate components), include/uapi/asm/ptrace-abi.h; Intel's manual, volume 1, sections 10.5.1 (FXSAVE) and 13.4 (XSAVE).
 */
import type { Registers } from '../../checkpoint/registers.ts';
import { type ElfNote, NoteType } from './elf-note.ts';
import { consecutive, type Field, structure } from './elf-structure.ts';
import type { Machine } from './machine.ts';
import { byName, type RegisterPlace, type RegisterValues, registerFields } from './register-table.ts';

/** user_regs_struct: 27 words. */
const GENERAL = [
  ...['r15', 'r14', 'r13', 'r12', 'rbp', 'rbx', 'r11', 'r10', 'r9', 'r8', 'rax', 'rcx', 'rdx', 'rsi', 'rdi'],
  ...['orig_rax', 'rip', 'cs', 'eflags', 'rsp', 'ss', 'fs_base', 'gs_base', 'ds', 'es', 'fs', 'gs'],
];

const FXSAVE_SIZE = 512;
const FXSAVE: readonly RegisterPlace[] = [
  { name: 'fctrl', offset: 0, size: 2 },
  { name: 'fstat', offset: 2, size: 2 },
  { name: 'ftag', offset: 4, size: 2 },
  { name: 'fop', offset: 6, size: 2 },
  { name: 'fioff', offset: 8, size: 8 },
  { name: 'fooff', offset: 16, size: 8 },
  { name: 'mxcsr', offset: 24, size: 4 },
  { name: 'st', offset: 32, size: 10, count: 8, stride: 16 },
  { name: 'xmm', offset: 160, size: 16, count: 16 },
];
const MXCSR_MASK_OFFSET = 28;

/** Where Linux puts XCR0, the components that an area has, into the part of the FXSAVE area that is software's. */
const XCR0_OFFSET = 464;
const XSTATE_BV_OFFSET = 512;
/** x87 and SSE, which are the FXSAVE area. */
const LEGACY_COMPONENTS = 0b11n;

interface Component extends RegisterPlace {
  /** Its bit in XCR0 and XSTATE_BV. */
  readonly bit: bigint;
  readonly end: number;
}

/**
 * The standard format, at the offsets of Intel's server processors. Each model has its own, and gdb tells them apart by
 * the area's size and XCR0 (i387_guess_xsave_layout): the ends are sizes that it knows.
 */
const COMPONENTS: readonly Component[] = [
  { bit: 2n, name: 'ymmh', offset: 576, size: 16, count: 16, first: 0, end: 832 },
  { bit: 3n, name: 'bnd', offset: 960, size: 16, count: 4, first: 0, end: 1024 },
  { bit: 4n, name: 'bndc', offset: 1024, size: 8, count: 2, first: 0, end: 1088 },
  { bit: 5n, name: 'k', offset: 1088, size: 8, count: 8, first: 0, end: 1152 },
  { bit: 6n, name: 'zmmh', offset: 1152, size: 32, count: 16, first: 0, end: 1664 },
  { bit: 7n, name: 'zmm', offset: 1664, size: 64, count: 16, first: 16, end: 2688 },
  { bit: 9n, name: 'pkru', offset: 2688, size: 4, end: 2696 },
];

function fxsaveFields(values: RegisterValues, mxcsrMask: number): readonly Field[] {
  return [...registerFields(FXSAVE, values), { offset: MXCSR_MASK_OFFSET, size: 4, value: mxcsrMask }];
}

/** The area of XSAVE; undefined where the machine has no more than SSE. */
function xsave(values: RegisterValues, mxcsrMask: number, changed: bigint): Uint8Array | undefined {
  const present = COMPONENTS.filter(({ name, first }) => values.has(`${name}${first ?? ''}`));
  const last = present.at(-1);
  if (last === undefined) return undefined;
  const xcr0 = present.reduce((sum, { bit }) => sum | (1n << bit), LEGACY_COMPONENTS);
  return structure(last.end, [
    ...fxsaveFields(values, mxcsrMask),
    { offset: XCR0_OFFSET, size: 8, value: xcr0 },
    { offset: XSTATE_BV_OFFSET, size: 8, value: changed & xcr0 },
    ...registerFields(present, values),
  ]);
}

function registerNotes({ vector, x86: state }: Registers): readonly ElfNote[] {
  const values = byName(vector);
  const mxcsrMask = state?.mxcsrMask ?? 0;
  const fpregset = structure(FXSAVE_SIZE, fxsaveFields(values, mxcsrMask));
  const notes: ElfNote[] = [{ owner: 'CORE', type: NoteType.fpregset, descriptor: fpregset }];
  const area = state?.components === undefined ? undefined : xsave(values, mxcsrMask, state.components);
  if (area !== undefined) notes.push({ owner: 'LINUX', type: NoteType.x86Xstate, descriptor: area });
  const shadowStack = values.get('ssp');
  if (shadowStack) {
    const descriptor = structure(8, consecutive(0, 8, [shadowStack]));
    notes.push({ owner: 'LINUX', type: NoteType.x86Shstk, descriptor });
  }
  return notes;
}

export const x86: Machine = {
  elfNumber: 62,
  generalRegisters: ({ general }) => {
    const values = byName(general);
    const words = GENERAL.map((name) => values.get(name) ?? 0n);
    return structure(words.length * 8, consecutive(0, 8, words));
  },
  registerNotes,
};
