/**
 * Where a thread stood: instruction and stack pointer out of the registers in core-TID.img, each machine's by its own
 * name. The number of the stack pointer among general registers is that of each machine's calling convention.
 */
import type { CoreEntry } from '../criu/schemas/process.ts';

export interface ThreadPointers {
  readonly instruction: bigint | undefined;
  readonly stack: bigint | undefined;
}

const PPC64_STACK = 1;
const S390_STACK = 15;
const MIPS_STACK = 'r29';
const LOONGARCH_STACK = 3;

/** Undefined where the core image is missing or of a zombie, which has no registers. */
export function pointersOf(core: CoreEntry | undefined): ThreadPointers {
  const x86 = core?.thread_info?.gpregs;
  if (x86) return { instruction: x86.ip, stack: x86.sp };
  const arm64 = core?.ti_aarch64?.gpregs;
  if (arm64) return { instruction: arm64.pc, stack: arm64.sp };
  const arm = core?.ti_arm?.gpregs;
  if (arm) return { instruction: BigInt(arm.pc), stack: BigInt(arm.sp) };
  const riscv = core?.ti_riscv64?.gpregs;
  if (riscv) return { instruction: riscv.pc, stack: riscv.sp };
  const ppc64 = core?.ti_ppc64?.gpregs;
  if (ppc64) return { instruction: ppc64.nip, stack: ppc64.gpr[PPC64_STACK] };
  const s390 = core?.ti_s390?.gpregs;
  if (s390) return { instruction: s390.psw_addr, stack: s390.gprs[S390_STACK] };
  const mips = core?.ti_mips?.gpregs;
  if (mips) return { instruction: mips.cp0_epc, stack: mips[MIPS_STACK] };
  const loongarch = core?.ti_loongarch64?.gpregs;
  return { instruction: loongarch?.pc, stack: loongarch?.regs[LOONGARCH_STACK] };
}
