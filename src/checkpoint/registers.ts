/**
 * All registers of a thread out of core-TID.img, by the names that debuggers give them. What CRIU stores otherwise is put
 * together: vector registers from their 32-bit and 64-bit words, lowest first. Other machines than x86-64 and aarch64
 * have the names of CRIU's own fields.
 * Facts: CRIU 4.2, images/core-*.proto; the layout of XSAVE in Intel's manual, volume 1, chapter 13.
 */
import type { SourceLocation } from '../bytes/source-location.ts';
import { imageKinds } from '../criu/image-kinds.ts';
import type { CoreEntry } from '../criu/schemas/process.ts';
import type { ImageSet } from './image-set.ts';

export interface Registers {
  /** CRIU's word, such as `X86_64` and `AARCH64`. */
  readonly architecture: string;
  readonly general: readonly Register[];
  /** Floating point and vector registers, and what controls them. */
  readonly vector: readonly Register[];
  /** Undefined on other machines than x86. */
  readonly x86: X86State | undefined;
  /** aarch64: its return addresses may carry authentication codes in their upper bits. */
  readonly signsPointers: boolean;
  readonly location: SourceLocation;
}

/** What an x86 thread's registers are to be read with. */
export interface X86State {
  /** It ran 32-bit code. */
  readonly isCompat: boolean;
  /** The bits of MXCSR that the machine has. */
  readonly mxcsrMask: number;
  /** XSTATE_BV: bit N says that component N of the XSAVE area is not in its initial state. Undefined without XSAVE. */
  readonly components: bigint | undefined;
}

export interface Register {
  readonly name: string;
  readonly value: bigint;
  readonly bits: number;
}

/** The registers of a thread; undefined where its core image is missing or of a zombie. */
export async function readRegisters(tid: number, images: ImageSet): Promise<Registers | undefined> {
  const name = `core-${tid}.img`;
  const entry = await images.readOne(name, imageKinds.core);
  if (entry === undefined) return undefined;
  const core = entry.message;
  const message = core.thread_info ?? core.ti_aarch64 ?? otherMachine(core);
  if (message === undefined) return undefined;
  return {
    architecture: String(core.mtype),
    ...registersOf(core),
    x86: core.thread_info && x86State(core.thread_info),
    signsPointers: core.ti_aarch64?.pac_keys !== undefined,
    location: images.locateMessage(name, message),
  };
}

type RegisterGroups = Pick<Registers, 'general' | 'vector'>;

function registersOf(core: CoreEntry): RegisterGroups {
  if (core.thread_info) return x86(core.thread_info);
  if (core.ti_aarch64) return aarch64(core.ti_aarch64);
  const { gpregs, ...others } = otherMachine(core) ?? {};
  return { general: flatten(gpregs), vector: flatten(others) };
}

/** The general and other registers of the remaining machines all come as fields of numbers. */
function otherMachine(core: CoreEntry): (object & { readonly gpregs?: object }) | undefined {
  return (
    core.ti_arm ?? core.ti_ppc64 ?? core.ti_s390 ?? core.ti_mips ?? core.ti_loongarch64 ?? core.ti_riscv64
  );
}

const register = (name: string, value: number | bigint, bits: number): Register => ({
  name,
  value: BigInt.asUintN(bits, BigInt(value)),
  bits,
});

/** `ax` of CRIU is `rax` of debuggers; numbered ones, segments and bases are called the same. */
const X86_RENAMED: Readonly<Record<string, string>> = {
  ax: 'rax',
  bx: 'rbx',
  cx: 'rcx',
  dx: 'rdx',
  si: 'rsi',
  di: 'rdi',
  bp: 'rbp',
  sp: 'rsp',
  ip: 'rip',
  flags: 'eflags',
  orig_ax: 'orig_rax',
};

const X86_ORDER = [
  ...['ax', 'bx', 'cx', 'dx', 'si', 'di', 'bp', 'sp', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'],
  ...['ip', 'flags', 'orig_ax', 'cs', 'ss', 'ds', 'es', 'fs', 'gs', 'fs_base', 'gs_base'],
] as const;

type X86 = NonNullable<CoreEntry['thread_info']>;

function x86({ gpregs, fpregs }: X86): RegisterGroups {
  const general = X86_ORDER.map((name) => register(X86_RENAMED[name] ?? name, gpregs[name], 64));
  const { xsave } = fpregs;
  const vector = [
    register('fctrl', fpregs.cwd, 16),
    register('fstat', fpregs.swd, 16),
    register('ftag', fpregs.twd, 16),
    register('fop', fpregs.fop, 16),
    register('fioff', fpregs.rip, 64),
    register('fooff', fpregs.rdp, 64),
    register('mxcsr', fpregs.mxcsr, 32),
    ...wide('st', fpregs.st_space, 4, 80),
    ...wide('xmm', fpregs.xmm_space, 4, 128),
    ...wide('ymmh', xsave?.ymmh_space ?? [], 4, 128),
    ...wide('k', xsave?.opmask_reg ?? [], 1, 64),
    ...wide('zmmh', xsave?.zmm_upper ?? [], 4, 256),
    ...wide('zmm', xsave?.hi16_zmm ?? [], 8, 512, 16),
    ...wide('bnd', xsave?.bndreg_state ?? [], 2, 128),
    ...wide('bndc', xsave?.bndcsr_state ?? [], 1, 64),
    ...wide('pkru', xsave?.pkru.slice(0, 1) ?? [], 1, 32).map((each) => ({ ...each, name: 'pkru' })),
    ...(xsave?.cet ? [register('cet', xsave.cet.cet, 64), register('ssp', xsave.cet.ssp, 64)] : []),
  ];
  return { general, vector };
}

function x86State({ gpregs, fpregs }: X86): X86State {
  return {
    isCompat: gpregs.mode === 'COMPAT',
    mxcsrMask: fpregs.mxcsr_mask,
    components: fpregs.xsave?.xstate_bv,
  };
}

type Aarch64 = NonNullable<CoreEntry['ti_aarch64']>;

function aarch64({ gpregs, fpsimd, tls }: Aarch64): RegisterGroups {
  return {
    general: [
      ...wide('x', gpregs.regs, 1, 64),
      register('sp', gpregs.sp, 64),
      register('pc', gpregs.pc, 64),
      register('cpsr', gpregs.pstate, 64),
      register('tpidr', tls, 64),
    ],
    vector: [
      register('fpsr', fpsimd.fpsr, 32),
      register('fpcr', fpsimd.fpcr, 32),
      ...wide('v', fpsimd.vregs, 2, 128),
    ],
  };
}

/** Registers of several words each, numbered from `first`; a last one that is not whole is left out. */
function wide(
  name: string,
  words: readonly (number | bigint)[],
  wordsEach: number,
  bits: number,
  first = 0,
): readonly Register[] {
  const count = Math.min(MAX_REGISTERS, Math.floor(words.length / wordsEach));
  return Array.from({ length: count }, (_, index) => {
    const parts = words.slice(index * wordsEach, (index + 1) * wordsEach);
    const size = typeof parts[0] === 'bigint' ? 64n : 32n;
    const value = parts.reduceRight<bigint>((sum, word) => (sum << size) | BigInt(word), 0n);
    return register(`${name}${first + index}`, value, bits);
  });
}

/** No register file has more of a kind; a forged image can have any number. */
const MAX_REGISTERS = 64;

/** The numbers of a message and those below it, by the names of their fields. */
function flatten(message: object | undefined, prefix = ''): readonly Register[] {
  const found: Register[] = [];
  for (const [name, value] of Object.entries(message ?? {})) {
    if (typeof value === 'number') found.push(register(prefix + name, value, 32));
    else if (typeof value === 'bigint') found.push(register(prefix + name, value, 64));
    else if (Array.isArray(value)) found.push(...flattenList(prefix + name, value));
    else if (isMessage(value)) found.push(...flatten(value, `${prefix}${name}.`));
  }
  return found;
}

function flattenList(name: string, list: readonly unknown[]): readonly Register[] {
  return list.slice(0, MAX_REGISTERS).flatMap((value, index) => {
    if (typeof value === 'number') return [register(`${name}${index}`, value, 32)];
    if (typeof value === 'bigint') return [register(`${name}${index}`, value, 64)];
    return isMessage(value) ? flatten(value, `${name}${index}.`) : [];
  });
}

const isMessage = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
