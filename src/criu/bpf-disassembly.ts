/**
 * Classic BPF as text. An instruction is 8 bytes, little-endian: `u16 code, u8 jump if true, u8 jump if false, u32 k`;
 * jumps count from the next instruction. The code's lowest three bits are its class; the others say size and mode of a
 * load, operator and operand of arithmetic and jumps.
 * Facts: linux/bpf_common.h, linux/filter.h; mnemonics are those of the kernel's Documentation/networking/filter.rst.
 */

/** The kernel takes no longer programs (BPF_MAXINSNS). */
export const MAX_INSTRUCTIONS = 4096;

export const INSTRUCTION_LENGTH = 8;

export interface BpfInstruction {
  readonly code: number;
  /** Index of the instruction that follows where a comparison holds, or of the target of `ja`. */
  readonly jumpTrue: number;
  readonly jumpFalse: number;
  readonly k: number;
  /** Such as `jeq #0x3b, 5, 6`; the targets of jumps are indices of instructions. */
  readonly text: string;
}

/** Disassembles a program. What is behind MAX_INSTRUCTIONS, and a last instruction that is cut short, is left out. */
export function disassembleBpf(program: Uint8Array): readonly BpfInstruction[] {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const count = Math.min(MAX_INSTRUCTIONS, Math.floor(program.length / INSTRUCTION_LENGTH));
  return Array.from({ length: count }, (_, index) => {
    const at = index * INSTRUCTION_LENGTH;
    const code = view.getUint16(at, true);
    const k = view.getUint32(at + 4, true);
    // Whoever jumps always has the distance in k, where it may be longer than a byte.
    const isAlways = code === JUMP_ALWAYS;
    const jumpTrue = index + 1 + (isAlways ? k : view.getUint8(at + 2));
    const jumpFalse = index + 1 + view.getUint8(at + 3);
    return { code, jumpTrue, jumpFalse, k, text: textOf(code, k, jumpTrue, jumpFalse) };
  });
}

const JUMP_ALWAYS = 0x05;
const SIZES: Readonly<Record<number, string>> = { 0: '', 8: 'h', 16: 'b' };
const OPERATORS: Readonly<Record<number, string>> = {
  0: 'add',
  16: 'sub',
  32: 'mul',
  48: 'div',
  64: 'or',
  80: 'and',
  96: 'lsh',
  112: 'rsh',
  144: 'mod',
  160: 'xor',
};
const COMPARISONS: Readonly<Record<number, string>> = { 16: 'jeq', 32: 'jgt', 48: 'jge', 64: 'jset' };

const hex = (value: number): string => `0x${value.toString(16)}`;

function textOf(code: number, k: number, jumpTrue: number, jumpFalse: number): string {
  return known(code, k, jumpTrue, jumpFalse) ?? `.code ${hex(code)}, ${jumpTrue}, ${jumpFalse}, ${hex(k)}`;
}

function known(code: number, k: number, jumpTrue: number, jumpFalse: number): string | undefined {
  if (code > 0xff) return undefined;
  switch (code & 0x07) {
    case 0:
      return load(code, k);
    case 1:
      return loadIndex(code, k);
    case 2:
      return code === 0x02 ? `st M[${k}]` : undefined;
    case 3:
      return code === 0x03 ? `stx M[${k}]` : undefined;
    case 4:
      return arithmetic(code, k);
    case 5:
      return jump(code, k, jumpTrue, jumpFalse);
    case 6:
      return { 6: `ret #${hex(k)}`, 14: 'ret x', 22: 'ret a' }[code];
    default:
      return { 7: 'tax', 135: 'txa' }[code];
  }
}

function load(code: number, k: number): string | undefined {
  const size = SIZES[code & 0x18];
  if (size === undefined) return undefined;
  switch (code & 0xe0) {
    case 0x00:
      return size === '' ? `ld #${hex(k)}` : undefined;
    case 0x20:
      return `ld${size} [${k}]`;
    case 0x40:
      return `ld${size} [x + ${k}]`;
    case 0x60:
      return size === '' ? `ld M[${k}]` : undefined;
    case 0x80:
      return size === '' ? 'ld #len' : undefined;
    default:
      return undefined;
  }
}

function loadIndex(code: number, k: number): string | undefined {
  switch (code) {
    case 0x01:
      return `ldx #${hex(k)}`;
    case 0x61:
      return `ldx M[${k}]`;
    case 0x81:
      return 'ldx #len';
    case 0xb1:
      return `ldxb 4*([${k}]&0xf)`;
    default:
      return undefined;
  }
}

function arithmetic(code: number, k: number): string | undefined {
  if (code === 0x84) return 'neg';
  const operator = OPERATORS[code & 0xf0];
  return operator && `${operator} ${operand(code, k)}`;
}

function jump(code: number, k: number, jumpTrue: number, jumpFalse: number): string | undefined {
  if (code === JUMP_ALWAYS) return `ja ${jumpTrue}`;
  const comparison = COMPARISONS[code & 0xf0];
  return comparison && `${comparison} ${operand(code, k)}, ${jumpTrue}, ${jumpFalse}`;
}

/** The index register, or a constant. */
const operand = (code: number, k: number): string => ((code & 0x08) === 0 ? `#${hex(k)}` : 'x');
