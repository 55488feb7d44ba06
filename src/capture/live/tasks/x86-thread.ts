/**
 * Registers of an x86-64 thread as CRIU has them. CRIU shows a thread that was interrupted in a call as it will be once the
 * kernel goes on with the call (criu/arch/x86/crtools.c, get_task_regs): so does this.
 * Facts: struct user_regs_struct of arch/x86/include/asm/user_64.h and user_32.h; the XSAVE area in Intel's manual,
 * volume 1, chapter 13.
 */
import type { MessageOf } from '../../../criu/schema.ts';
import type {
  threadInfoX86,
  userX86FpregsEntry,
  userX86RegsEntry,
  userX86XsaveEntry,
} from '../../../criu/schemas/registers-x86.ts';
import { mendInterruptedCall } from '../registers/interrupted-call.ts';
import type { ThreadRegisters } from '../registers/thread-registers.ts';
import { type CallFacts, readWords32, readWords64 } from './register-words.ts';

type ThreadInfo = MessageOf<typeof threadInfoX86>;
type General = MessageOf<typeof userX86RegsEntry>;
type FloatingPoint = MessageOf<typeof userX86FpregsEntry>;
type ExtendedState = MessageOf<typeof userX86XsaveEntry>;

const NATIVE = [
  ...['r15', 'r14', 'r13', 'r12', 'bp', 'bx', 'r11', 'r10', 'r9', 'r8', 'ax', 'cx', 'dx', 'si', 'di'],
  ...['orig_ax', 'ip', 'cs', 'flags', 'sp', 'ss', 'fs_base', 'gs_base', 'ds', 'es', 'fs', 'gs'],
] as const;
const COMPAT = [
  ...[
    'bx',
    'cx',
    'dx',
    'si',
    'di',
    'bp',
    'ax',
    'ds',
    'es',
    'fs',
    'gs',
    'orig_ax',
    'ip',
    'cs',
    'flags',
    'sp',
    'ss',
  ],
] as const;
const COMPAT_SIZE = COMPAT.length * 4;

const NOTHING: General = {
  ...{ r15: 0n, r14: 0n, r13: 0n, r12: 0n, bp: 0n, bx: 0n, r11: 0n, r10: 0n, r9: 0n, r8: 0n, ax: 0n, cx: 0n },
  ...{
    dx: 0n,
    si: 0n,
    di: 0n,
    orig_ax: 0n,
    ip: 0n,
    cs: 0n,
    flags: 0n,
    sp: 0n,
    ss: 0n,
    fs_base: 0n,
    gs_base: 0n,
  },
  ...{ ds: 0n, es: 0n, fs: 0n, gs: 0n },
};

/** ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND: the kernel calls again. ERESTART_RESTARTBLOCK: it continues the call. */
const CALLED_AGAIN: ReadonlySet<bigint> = new Set([-512n, -513n, -514n]);
const CONTINUED = -516n;
const EINTR = -4n;
/** Of `syscall` and `int 0x80`. */
const INSTRUCTION_SIZE = 2n;

export function x86Thread({ general, state }: ThreadRegisters): ThreadInfo {
  const fpregs = state === undefined ? emptyFloatingPoint() : floatingPoint(state);
  return { clear_tid_addr: 0n, gpregs: generalRegisters(general), fpregs, tls: [] };
}

/** A thread of which only /proc told: where it stood, and the call that it waited in. */
export function x86Pointers({ call, args, stack, instruction }: CallFacts): ThreadInfo {
  const [di = 0n, si = 0n, dx = 0n, r10 = 0n, r8 = 0n, r9 = 0n] = args;
  const orig_ax = BigInt.asUintN(64, call);
  const gpregs = { ...NOTHING, di, si, dx, r10, r8, r9, orig_ax, sp: stack, ip: instruction };
  return { clear_tid_addr: 0n, gpregs: { ...gpregs, mode: 'NATIVE' }, fpregs: emptyFloatingPoint(), tls: [] };
}

function generalRegisters(bytes: Uint8Array): General {
  const isCompat = bytes.length === COMPAT_SIZE;
  const words: readonly bigint[] = isCompat
    ? readWords32(bytes, 0, COMPAT.length).map(BigInt)
    : readWords64(bytes, 0, NATIVE.length);
  const names: readonly (keyof General)[] = isCompat ? COMPAT : NATIVE;
  const named = Object.fromEntries(names.map((name, index) => [name, words[index] ?? 0n]));
  const found: General = { ...NOTHING, ...named, mode: isCompat ? 'COMPAT' : 'NATIVE' };
  return goneOn(found, isCompat ? 32 : 64, mendInterruptedCall(bytes)?.value);
}

function goneOn(registers: General, bits: number, mended: bigint | undefined): General {
  if (BigInt.asIntN(bits, registers.orig_ax) < 0n) return registers;
  const result = mended ?? BigInt.asIntN(bits, registers.ax);
  if (result === CONTINUED) return { ...registers, ax: BigInt.asUintN(bits, EINTR) };
  if (!CALLED_AGAIN.has(result)) return registers;
  return { ...registers, ax: registers.orig_ax, ip: registers.ip - INSTRUCTION_SIZE };
}

/** Where struct fxregs_state and the header of the area have their parts. */
const LEGACY_SIZE = 512;
const ENABLED_AT = 464;
const HEADER_END = 576;

function floatingPoint(area: Uint8Array): FloatingPoint {
  if (area.length < LEGACY_SIZE) return emptyFloatingPoint();
  const view = new DataView(area.buffer, area.byteOffset, area.length);
  return {
    cwd: view.getUint16(0, true),
    swd: view.getUint16(2, true),
    twd: view.getUint16(4, true),
    fop: view.getUint16(6, true),
    rip: view.getBigUint64(8, true),
    rdp: view.getBigUint64(16, true),
    mxcsr: view.getUint32(24, true),
    mxcsr_mask: view.getUint32(28, true),
    st_space: readWords32(area, 32, 32),
    xmm_space: readWords32(area, 160, 64),
    padding: [],
    xsave: area.length > HEADER_END ? extendedState(area, view.getBigUint64(ENABLED_AT, true)) : undefined,
  };
}

/**
 * The machine says by CPUID where it has its components; the size of the area tells it too: processors without MPX leave
 * no room for it (2432 and 2440 bytes with AVX-512, 840 without), all others have the places of Intel's first ones. gdb
 * concludes the same (gdbsupport/x86-xstate.h, i386_guess_xsave_layout).
 */
function componentPlaces(size: number): { readonly mask: number; readonly pkru: number } {
  if (size === 2432 || size === 2440) return { mask: 832, pkru: 2432 };
  return { mask: 1088, pkru: size === 840 ? 832 : 2688 };
}

const hasComponent = (enabled: bigint, bit: bigint): boolean => ((enabled >> bit) & 1n) === 1n;

function extendedState(area: Uint8Array, enabled: bigint): ExtendedState {
  const { mask, pkru } = componentPlaces(area.length);
  const part = (bit: bigint, offset: number, count: number): readonly bigint[] =>
    hasComponent(enabled, bit) ? readWords64(area, offset, count) : [];
  return {
    xstate_bv: readWords64(area, LEGACY_SIZE, 1)[0] ?? 0n,
    ymmh_space: hasComponent(enabled, 2n) ? readWords32(area, HEADER_END, 64) : [],
    bndreg_state: part(3n, 960, 8),
    bndcsr_state: part(4n, 1024, 8),
    opmask_reg: part(5n, mask, 8),
    zmm_upper: part(6n, mask + 64, 64),
    hi16_zmm: part(7n, mask + 576, 128),
    pkru: hasComponent(enabled, 9n) ? readWords32(area, pkru, 2) : [],
  };
}

const emptyFloatingPoint = (): FloatingPoint => ({
  ...{ cwd: 0, swd: 0, twd: 0, fop: 0, rip: 0n, rdp: 0n, mxcsr: 0, mxcsr_mask: 0 },
  ...{ st_space: [], xmm_space: [], padding: [] },
});
