import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { disassembleBpf, MAX_INSTRUCTIONS } from './bpf-disassembly.ts';

function instruction(code: number, jumpTrue: number, jumpFalse: number, k: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, code, true);
  bytes[2] = jumpTrue;
  bytes[3] = jumpFalse;
  view.setUint32(4, k, true);
  return bytes;
}

const text = (code: number, k = 0, jumpTrue = 0, jumpFalse = 0): string | undefined =>
  disassembleBpf(instruction(code, jumpTrue, jumpFalse, k))[0]?.text;

describe('disassembleBpf', () => {
  // Each opcode of the table in the kernel's Documentation/networking/filter.rst.
  it.each([
    [0x00, 'ld #0x7'],
    [0x20, 'ld [7]'],
    [0x28, 'ldh [7]'],
    [0x30, 'ldb [7]'],
    [0x40, 'ld [x + 7]'],
    [0x48, 'ldh [x + 7]'],
    [0x50, 'ldb [x + 7]'],
    [0x60, 'ld M[7]'],
    [0x80, 'ld #len'],
    [0x01, 'ldx #0x7'],
    [0x61, 'ldx M[7]'],
    [0x81, 'ldx #len'],
    [0xb1, 'ldxb 4*([7]&0xf)'],
    [0x02, 'st M[7]'],
    [0x03, 'stx M[7]'],
    [0x04, 'add #0x7'],
    [0x0c, 'add x'],
    [0x14, 'sub #0x7'],
    [0x24, 'mul #0x7'],
    [0x34, 'div #0x7'],
    [0x44, 'or #0x7'],
    [0x54, 'and #0x7'],
    [0x64, 'lsh #0x7'],
    [0x74, 'rsh #0x7'],
    [0x84, 'neg'],
    [0x94, 'mod #0x7'],
    [0xa4, 'xor #0x7'],
    [0xac, 'xor x'],
    [0x05, 'ja 8'],
    [0x15, 'jeq #0x7, 3, 4'],
    [0x1d, 'jeq x, 3, 4'],
    [0x25, 'jgt #0x7, 3, 4'],
    [0x35, 'jge #0x7, 3, 4'],
    [0x45, 'jset #0x7, 3, 4'],
    [0x06, 'ret #0x7'],
    [0x0e, 'ret x'],
    [0x16, 'ret a'],
    [0x07, 'tax'],
    [0x87, 'txa'],
  ])('0x%s is %s', (code, expected) => {
    expect(text(code, 7, 2, 3)).toBe(expected);
  });

  it.each([0xff, 0x18, 0x90, 0xb4, 0x55, 0x26, 0x17, 0x0a, 0x1001])(
    'shows 0x%s, which is no opcode, as what it is',
    (code) => expect(text(code, 7, 2, 3)).toBe(`.code 0x${code.toString(16)}, 3, 4, 0x7`),
  );

  it('jumps from the next instruction, always by k where it may be far', () => {
    const program = new Uint8Array(24);
    program.set(instruction(0x05, 9, 9, 0xffffffff), 8);
    program.set(instruction(0x15, 255, 0, 1), 16);
    expect(disassembleBpf(program).map((each) => each.text)).toEqual([
      'ld #0x0',
      'ja 4294967297',
      'jeq #0x1, 258, 3',
    ]);
  });

  it('reads any bytes as whole instructions, as many as the kernel takes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(disassembleBpf(bytes)).toHaveLength(Math.floor(bytes.length / 8));
      }),
    );
    expect(disassembleBpf(new Uint8Array(8 * 5000))).toHaveLength(MAX_INSTRUCTIONS);
  });
});
