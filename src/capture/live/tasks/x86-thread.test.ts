import { describe, expect, it } from 'vitest';
import type { ThreadRegisters } from '../registers/thread-registers.ts';
import { x86Pointers, x86Thread } from './x86-thread.ts';

const SYSCALL_END = 0x401002n;

function thread(general: Uint8Array, state?: Uint8Array): ThreadRegisters {
  const pending = { ofThread: [], ofProcess: [] };
  const none = {
    stopSignal: undefined,
    threadPointer: undefined,
    signalMask: undefined,
    robustList: undefined,
    restartable: undefined,
  };
  return { general, state, pending, seccompFilters: [], ...none };
}

function native(ax: bigint, origAx: bigint): ThreadRegisters {
  const view = new DataView(new ArrayBuffer(216));
  for (let index = 0; index < 27; index++) view.setBigUint64(index * 8, BigInt(index + 1), true);
  view.setBigInt64(80, ax, true);
  view.setBigInt64(120, origAx, true);
  view.setBigUint64(128, SYSCALL_END, true);
  return thread(new Uint8Array(view.buffer));
}

describe('the general registers', () => {
  it('are where the kernel has them', () => {
    const { gpregs } = x86Thread(native(1n, -1n));
    expect(gpregs).toMatchObject({ r15: 1n, bp: 5n, sp: 20n, fs_base: 22n, gs: 27n, mode: 'NATIVE' });
    expect(gpregs.ip).toBe(SYSCALL_END);
  });

  it.each([
    ['a call that is made again', -512n, 0n, 0n, SYSCALL_END - 2n],
    ['epoll_wait, which is made again for our sake', -4n, 232n, 232n, SYSCALL_END - 2n],
    ['a call that goes on', -516n, 230n, 0xffff_ffff_ffff_fffcn, SYSCALL_END],
    ['a call that has ended', 5n, 0n, 5n, SYSCALL_END],
    ['no call', -512n, -1n, 0xffff_ffff_ffff_fe00n, SYSCALL_END],
  ])('are shown as they will be after %s', (_, ax, origAx, shownAx, shownIp) => {
    const { gpregs } = x86Thread(native(ax, origAx));
    expect([gpregs.ax, gpregs.ip]).toEqual([shownAx, shownIp]);
  });

  it('are those of 32-bit code where there are fewer', () => {
    const view = new DataView(new ArrayBuffer(68));
    for (let index = 0; index < 17; index++) view.setUint32(index * 4, index + 1, true);
    expect(x86Thread(thread(new Uint8Array(view.buffer))).gpregs).toMatchObject({
      mode: 'COMPAT',
      bx: 1n,
      ip: 13n,
      sp: 16n,
      ss: 17n,
      r15: 0n,
    });
  });

  it('are the arguments of a call where only /proc told', () => {
    const facts = { call: 232n, args: [1n, 2n, 3n, 4n, 5n, 6n], stack: 7n, instruction: 8n };
    const { gpregs } = x86Pointers(facts);
    expect(gpregs).toMatchObject({ orig_ax: 232n, di: 1n, r10: 4n, r9: 6n, sp: 7n, ip: 8n, ax: 0n });
  });
});

/** An area of a size that processors have, in which each 32-bit word is its own offset, with components enabled. */
function area(size: number, enabled: bigint): Uint8Array {
  const view = new DataView(new ArrayBuffer(size));
  for (let at = 0; at < size; at += 4) view.setUint32(at, at, true);
  if (size > 512) view.setBigUint64(464, enabled, true);
  return new Uint8Array(view.buffer);
}

const state = (size: number, enabled: bigint) =>
  x86Thread(thread(new Uint8Array(216), area(size, enabled))).fpregs;

describe('the other registers', () => {
  it.each([
    ['with room for MPX', 2696, 1088, 2688],
    ['with AMX behind', 11_008, 1088, 2688],
    ['without room for MPX', 2440, 832, 2432],
  ])('of AVX-512 lie in an area %s where its size says', (_, size, mask, pkru) => {
    const { xsave, st_space, xmm_space } = state(size, 0x2e7n);
    expect([st_space[0], xmm_space[0], xsave?.ymmh_space[0]]).toEqual([32, 160, 576]);
    const words = [xsave?.opmask_reg, xsave?.zmm_upper, xsave?.hi16_zmm].map((each) =>
      Number((each?.[0] ?? 0n) & 0xffffn),
    );
    expect(words).toEqual([mask, mask + 64, mask + 576]);
    expect(xsave?.pkru).toEqual([pkru, pkru + 4]);
    expect([xsave?.bndreg_state, xsave?.hi16_zmm.length, xsave?.ymmh_space.length]).toEqual([[], 128, 64]);
  });

  it('are those only that the machine has', () => {
    expect(state(832, 7n).xsave).toMatchObject({ opmask_reg: [], zmm_upper: [], hi16_zmm: [], pkru: [] });
    expect(state(840, 0x207n).xsave?.pkru).toEqual([832, 836]);
    expect(state(512, 3n).xsave).toBeUndefined();
    expect(state(100, 3n).st_space).toEqual([]);
  });
});
