/**
 * Notes of a core file: a header of three words, the owner's name and the descriptor, each padded to four bytes.
 * Facts: System V ABI, "Note Section"; Linux, fs/binfmt_elf.c (padding) and include/uapi/linux/elf.h (NT_*).
 */
import { alignUp, consecutive, structure } from './elf-structure.ts';

export const NoteType = {
  prstatus: 1,
  fpregset: 2,
  prpsinfo: 3,
  auxv: 6,
  x86Xstate: 0x202,
  x86Shstk: 0x204,
  armTls: 0x401,
  armPacMask: 0x406,
  siginfo: 0x53494749,
  file: 0x46494c45,
} as const;

export interface ElfNote {
  /** `CORE`, or `LINUX` for registers that came later than the format. */
  readonly owner: 'CORE' | 'LINUX';
  readonly type: number;
  readonly descriptor: Uint8Array;
}

const HEADER_SIZE = 12;
const PADDING = 4;

export function encodeNote({ owner, type, descriptor }: ElfNote): Uint8Array {
  const name = new TextEncoder().encode(`${owner}\0`);
  const descriptorOffset = HEADER_SIZE + alignUp(name.length, PADDING);
  const header = consecutive(0, 4, [name.length, descriptor.length, type]);
  const bytes = structure(descriptorOffset + alignUp(descriptor.length, PADDING), header);
  bytes.set(name, HEADER_SIZE);
  bytes.set(descriptor, descriptorOffset);
  return bytes;
}
