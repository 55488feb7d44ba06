/**
 * Registers of an aarch64 thread as CRIU has them. The kernel has already set back a call that it goes on with.
 * Facts: struct user_pt_regs and user_fpsimd_state of arch/arm64/include/uapi/asm/ptrace.h.
 */
import type { MessageOf } from '../../../criu/schema.ts';
import type { threadInfoAarch64 } from '../../../criu/schemas/registers-arm.ts';
import type { ThreadRegisters } from '../registers/thread-registers.ts';
import { type CallFacts, readWords32, readWords64 } from './register-words.ts';

type ThreadInfo = MessageOf<typeof threadInfoAarch64>;

const REGISTERS = 31;
/** 32 registers of 128 bits, lower word first. */
const VECTOR_WORDS = 64;

export function aarch64Thread({ general, state, threadPointer }: ThreadRegisters): ThreadInfo {
  const [sp = 0n, pc = 0n, pstate = 0n] = readWords64(general, REGISTERS * 8, 3);
  const vectors = state ?? new Uint8Array();
  const [fpsr = 0, fpcr = 0] = readWords32(vectors, VECTOR_WORDS * 8, 2);
  return {
    clear_tid_addr: 0n,
    tls: threadPointer ?? 0n,
    gpregs: { regs: readWords64(general, 0, REGISTERS), sp, pc, pstate },
    fpsimd: { vregs: readWords64(vectors, 0, VECTOR_WORDS), fpsr, fpcr },
  };
}

/** A thread of which only /proc told: x0 to x5 are the arguments of its call, x8 is the call. */
export function aarch64Pointers({ call, args, stack, instruction }: CallFacts): ThreadInfo {
  const regs = Array.from({ length: REGISTERS }, (_, index) =>
    index === 8 ? BigInt.asUintN(64, call) : (args[index] ?? 0n),
  );
  return {
    clear_tid_addr: 0n,
    tls: 0n,
    gpregs: { regs, sp: stack, pc: instruction, pstate: 0n },
    fpsimd: { vregs: [], fpsr: 0, fpcr: 0 },
  };
}
