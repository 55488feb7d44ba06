import { describe, expect, it } from 'vitest';
import { fakeSpace } from '../../../test/support/fake-memory.ts';
import type { Register, Registers } from '../../checkpoint/registers.ts';
import { aarch64, codeMask } from './aarch64-registers.ts';

const row = (name: string, count: number, first: bigint): Register[] =>
  Array.from({ length: count }, (_, index) => ({
    name: `${name}${index}`,
    value: first + BigInt(index),
    bits: 64,
  }));
const one = (name: string, value: bigint): Register => ({ name, value, bits: 64 });

const REGISTERS = {
  architecture: 'AARCH64',
  general: [...row('x', 31, 100n), one('sp', 1n), one('pc', 2n), one('cpsr', 3n), one('tpidr', 4n)],
  vector: [one('fpsr', 5n), one('fpcr', 6n), ...row('v', 32, 1n << 127n)],
  x86: undefined,
  signsPointers: false,
  location: { entry: 'core-1.img', offset: 0, length: 0 },
} satisfies Registers;

const spaceUpTo = (end: number) => fakeSpace(1, [{ at: end - 4096, length: 4096, entry: '', offset: 0 }]);
const SPACE = spaceUpTo(2 ** 48 - 4096);

describe('the registers of aarch64', () => {
  it('are where user_pt_regs has them', () => {
    const bytes = Buffer.from(aarch64.generalRegisters(REGISTERS));
    const words = Array.from({ length: 34 }, (_, index) => Number(bytes.readBigUInt64LE(index * 8)));
    expect([bytes.length, words[0], words[30], ...words.slice(31)]).toEqual([272, 100, 130, 1, 2, 3]);
  });

  it('are notes of user_fpsimd_state and of the thread pointer', () => {
    const notes = aarch64.registerNotes(REGISTERS, SPACE);
    expect(notes.map(({ type, descriptor }) => [type, descriptor.length])).toEqual([
      [2, 528],
      [0x401, 8],
    ]);
    const [fpsimd = Buffer.alloc(0), tls = Buffer.alloc(0)] = notes.map(({ descriptor }) =>
      Buffer.from(descriptor),
    );
    expect([fpsimd[15], fpsimd[496], fpsimd[511], fpsimd[512], fpsimd[516]]).toEqual([0x80, 31, 0x80, 5, 6]);
    expect(tls.readBigUInt64LE(0)).toBe(4n);
  });

  it('tell which bits of signed return addresses are codes', () => {
    const notes = aarch64.registerNotes({ ...REGISTERS, signsPointers: true }, SPACE);
    const mask = Buffer.from(notes[2]?.descriptor ?? []);
    expect([notes[2]?.type, mask.length]).toEqual([0x406, 16]);
    expect([mask.readBigUInt64LE(0), mask.readBigUInt64LE(8)]).toEqual([
      0x7f000000000000n,
      0x7f000000000000n,
    ]);
  });

  it.each([
    [2 ** 39, 0x7fff8000000000n],
    [2 ** 47 + 4096, 0x7f000000000000n],
  ])('have codes above the highest mapping, up to %i', (end, mask) => {
    expect(codeMask(spaceUpTo(end))).toBe(mask);
  });

  it('have no codes in addresses that no machine has', () => {
    const { regions } = SPACE;
    const [region] = regions;
    if (region === undefined) throw new Error('no region');
    const end = (1n << 60n) as typeof region.end;
    expect(codeMask({ ...SPACE, regions: [{ ...region, end }] })).toBe(0n);
    expect(codeMask({ ...SPACE, regions: [] })).toBe((1n << 55n) - 2n);
  });
});
