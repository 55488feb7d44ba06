import { describe, expect, it } from 'vitest';
import type { AddressSpace } from '../../checkpoint/address-space.ts';
import type { Register, Registers } from '../../checkpoint/registers.ts';
import { x86 } from './x86-registers.ts';

const registers = (
  general: Readonly<Record<string, bigint>>,
  vector: Readonly<Record<string, bigint>> = {},
) =>
  ({
    architecture: 'X86_64',
    general: listOf(general),
    vector: listOf(vector),
    x86: { isCompat: false, mxcsrMask: 0x2ffff, components: 0xffn },
    signsPointers: false,
  }) as unknown as Registers;

const listOf = (values: Readonly<Record<string, bigint>>): readonly Register[] =>
  Object.entries(values).map(([name, value]) => ({ name, value, bits: 64 }));

const notesOf = (vector: Readonly<Record<string, bigint>>) =>
  x86
    .registerNotes(registers({}, vector), {} as AddressSpace)
    .map(({ type, descriptor }) => [type, Buffer.from(descriptor)] as const);

const [FPREGSET, XSTATE, SHSTK] = [2, 0x202, 0x204];

describe('general registers', () => {
  it('are where user_regs_struct has them', () => {
    const bytes = Buffer.from(
      x86.generalRegisters(
        registers({ r15: 1n, rbp: 2n, orig_rax: 3n, rip: 4n, rsp: 5n, fs_base: 6n, gs: 7n }),
      ),
    );
    expect(bytes).toHaveLength(216);
    const words = { r15: 0, rbp: 32, orig_rax: 120, rip: 128, rsp: 152, fs_base: 168, gs: 208 };
    expect(Object.values(words).map((at) => Number(bytes.readBigUInt64LE(at)))).toEqual([
      1, 2, 3, 4, 5, 6, 7,
    ]);
  });

  it('keep all 64 bits of a negative system call number', () => {
    const bytes = Buffer.from(x86.generalRegisters(registers({ orig_rax: 2n ** 64n - 1n })));
    expect(bytes.readBigInt64LE(120)).toBe(-1n);
  });
});

describe('vector registers', () => {
  const legacy = { fctrl: 0x37fn, mxcsr: 0x1f80n, st7: (1n << 79n) | 5n, xmm0: 1n << 127n, xmm15: 9n };

  it('are where FXSAVE has them', () => {
    const [[type, bytes] = [0, Buffer.alloc(0)], ...others] = notesOf(legacy);
    expect([type, bytes.length, others]).toEqual([FPREGSET, 512, []]);
    expect([bytes.readUInt16LE(0), bytes.readUInt32LE(24), bytes.readUInt32LE(28)]).toEqual([
      0x37f, 0x1f80, 0x2ffff,
    ]);
    expect([bytes[144], bytes[153], bytes[154]]).toEqual([5, 0x80, 0]);
    expect([bytes[175], bytes[400]]).toEqual([0x80, 9]);
  });

  it.each([
    [{ ymmh0: 3n }, 832, 0b111n, 576],
    [{ ymmh0: 3n, pkru: 4n }, 2696, 0b10_0000_0111n, 576],
    [{ ymmh0: 0n, k0: 0n, zmmh0: 0n, zmm16: 3n }, 2688, 0xe7n, 1664],
    [{ ymmh0: 0n, bnd0: 3n, bndc0: 0n }, 1088, 0b11111n, 960],
  ])('%o make an XSAVE area of %i bytes', (vector, size, xcr0, at) => {
    const [, [type, bytes] = [0, Buffer.alloc(0)]] = notesOf({ ...legacy, ...vector });
    expect([type, bytes.length, bytes.readBigUInt64LE(464), bytes[at], bytes[400]]).toEqual([
      XSTATE,
      size,
      xcr0,
      3,
      9,
    ]);
    expect(bytes.readBigUInt64LE(512)).toBe(0xffn & xcr0);
  });

  it('tell a shadow stack where there was one', () => {
    expect(notesOf({ ...legacy, ssp: 0n }).map(([type]) => type)).toEqual([FPREGSET]);
    const [, [type, bytes] = [0, Buffer.alloc(0)]] = notesOf({ ...legacy, ssp: 0x7000n });
    expect([type, bytes.readBigUInt64LE(0)]).toEqual([SHSTK, 0x7000n]);
  });
});
