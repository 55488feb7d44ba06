import { describe, expect, it } from 'vitest';
import type { CoreEntry } from '../criu/schemas/process.ts';
import { pointersOf } from './thread-pointers.ts';

const numbered = (count: number): bigint[] => Array.from({ length: count }, (_, index) => BigInt(index));

describe('pointersOf', () => {
  it.each([
    ['thread_info', { ip: 1n, sp: 2n }, 1n, 2n],
    ['ti_aarch64', { pc: 1n, sp: 2n }, 1n, 2n],
    ['ti_arm', { pc: 1, sp: 2 }, 1n, 2n],
    ['ti_riscv64', { pc: 1n, sp: 2n }, 1n, 2n],
    ['ti_ppc64', { nip: 77n, gpr: numbered(32) }, 77n, 1n],
    ['ti_s390', { psw_addr: 77n, gprs: numbered(16) }, 77n, 15n],
    ['ti_mips', { cp0_epc: 77n, r29: 29n }, 77n, 29n],
    ['ti_loongarch64', { pc: 77n, regs: numbered(32) }, 77n, 3n],
  ] as const)('knows the registers of %s', (field, gpregs, instruction, stack) => {
    expect(pointersOf({ [field]: { gpregs } } as unknown as CoreEntry)).toEqual({ instruction, stack });
  });

  it('knows none of a zombie', () => {
    expect(pointersOf({} as CoreEntry)).toEqual({ instruction: undefined, stack: undefined });
    expect(pointersOf(undefined)).toEqual({ instruction: undefined, stack: undefined });
  });
});
