import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { forgeTasks, openForged } from '../../test/support/checkpoint-forge.ts';
import { withFixture } from '../../test/support/fixture.ts';
import type { Register, Registers } from './registers.ts';

const critSays = (fixture: string, tid: number) =>
  JSON.parse(readFileSync(`fixtures/${fixture}/oracle/crit/core-${tid}.img.json`, 'utf8')).entries[0];

const byName = (registers: readonly Register[]): Readonly<Record<string, bigint>> =>
  Object.fromEntries(registers.map(({ name, value }) => [name, value]));

describe('the registers of recorded threads', () => {
  it.each(['podman-web', 'containerd-zoo'])('of %s are those that crit shows', async (fixture) => {
    await withFixture(fixture, async (checkpoint) => {
      let read = 0;
      for (const process of await checkpoint.processes()) {
        for (const thread of process.threads) {
          const registers = await thread.registers();
          if (process.state === 'dead') {
            expect(registers).toBeUndefined();
            continue;
          }
          read++;
          const { gpregs } = critSays(fixture, thread.tid).thread_info;
          expect(registers?.architecture).toBe('X86_64');
          const general = byName(registers?.general ?? []);
          expect(general.rip).toBe(thread.instructionPointer);
          expect(general.rsp).toBe(thread.stackPointer);
          expect(general.r12).toBe(BigInt(gpregs.r12));
          expect(general.fs_base).toBe(BigInt(gpregs.fs_base));
          expect(Object.keys(general)).toHaveLength(
            Object.keys(gpregs).filter((name) => name !== 'mode').length,
          );
        }
      }
      expect(read).toBeGreaterThan(1);
    });
  });

  it('are whole vectors: what a string function had in its hands', async () => {
    await withFixture('podman-web', async (checkpoint) => {
      const [process] = await checkpoint.processes();
      const vector = byName((await process?.threads[0]?.registers())?.vector ?? []);
      const { fpregs } = critSays('podman-web', 1).thread_info;
      expect(vector.zmm16).toBe(BigInt(`0x${'25'.repeat(32)}`));
      const words: readonly number[] = fpregs.xmm_space.slice(0, 4);
      const low = words.reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n);
      expect(vector.xmm0).toBe(low);
      expect(vector.k0).toBe(BigInt(fpregs.xsave.opmask_reg[0]));
      expect(vector).toMatchObject({ fctrl: 0x37fn, mxcsr: 0x1f80n });
    });
  });
});

async function registersOf(core: object): Promise<Registers | undefined> {
  const checkpoint = await openForged({ images: forgeTasks([{ core }]) });
  const [process] = await checkpoint.processes();
  return process?.threads[0]?.registers();
}

describe('the registers of other machines', () => {
  it('aarch64 has the names that gdb gives them', async () => {
    const registers = await registersOf({
      mtype: 'AARCH64',
      ti_aarch64: {
        clear_tid_addr: 0n,
        tls: 9n,
        gpregs: { regs: Array.from({ length: 31 }, (_, at) => BigInt(at)), sp: 5n, pc: 6n, pstate: 7n },
        fpsimd: { vregs: [1n, 2n, 3n, 4n], fpsr: 1, fpcr: 2 },
      },
    });
    expect(registers?.architecture).toBe('AARCH64');
    expect(byName(registers?.general ?? [])).toMatchObject({ x0: 0n, x30: 30n, sp: 5n, pc: 6n, tpidr: 9n });
    expect(byName(registers?.vector ?? [])).toEqual({
      fpsr: 1n,
      fpcr: 2n,
      v0: (2n << 64n) | 1n,
      v1: (4n << 64n) | 3n,
    });
  });

  it('others have CRIU’s names', async () => {
    const registers = await registersOf({
      mtype: 'ARM',
      ti_arm: {
        clear_tid_addr: 0n,
        tls: 3,
        gpregs: { r0: 1, pc: 0xfffffff0, orig_r0: 2 },
        fpstate: { vfp_regs: [7n], fpscr: 1, fpexc: 0, fpinst: 0, fpinst2: 0 },
      },
    });
    expect(byName(registers?.general ?? [])).toMatchObject({ r0: 1n, pc: 0xfffffff0n });
    expect(byName(registers?.vector ?? [])).toMatchObject({ tls: 3n, 'fpstate.vfp_regs0': 7n });
  });

  it('are none where the image has none', async () => {
    expect(await registersOf({})).toBeUndefined();
  });

  it('are bounded where a forged image has any number of them', async () => {
    const registers = await registersOf({
      mtype: 'AARCH64',
      ti_aarch64: {
        clear_tid_addr: 0n,
        tls: 0n,
        gpregs: { regs: Array(10_000).fill(1n), sp: 0n, pc: 0n, pstate: 0n },
        fpsimd: { vregs: [1n], fpsr: 0, fpcr: 0 },
      },
    });
    expect(registers?.general).toHaveLength(64 + 4);
    expect(registers?.vector).toHaveLength(2);
  });
});
