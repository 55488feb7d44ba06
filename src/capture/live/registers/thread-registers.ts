/**
 * What only a tracer is told of a thread (ptrace(2)): register sets in the kernel's layout, which are those of core files
 * (include/uapi/linux/elf.h), and what /proc does not show.
 */

export interface ThreadRegisters {
  /** The signal that has stopped the process (SIGSTOP, SIGTSTP…); undefined for one that runs. */
  readonly stopSignal: number | undefined;
  /** NT_PRSTATUS: user_regs_struct of x86-64 (216 bytes; 68 for a thread that runs 32-bit code), user_pt_regs of aarch64. */
  readonly general: Uint8Array;
  /** NT_X86_XSTATE, the XSAVE area in its standard form; NT_PRFPREG on aarch64. */
  readonly state: Uint8Array | undefined;
  /** NT_ARM_TLS. */
  readonly threadPointer: bigint | undefined;
  /** Bit N - 1 is signal N. */
  readonly signalMask: bigint | undefined;
  /** Signals that wait: each is the kernel's siginfo_t of 128 bytes. */
  readonly pending: { readonly ofThread: readonly Uint8Array[]; readonly ofProcess: readonly Uint8Array[] };
  /** The oldest first; empty where there are none or the kernel does not tell. */
  readonly seccompFilters: readonly SeccompFilter[];
  /** get_robust_list(2). */
  readonly robustList: { readonly head: bigint; readonly length: number } | undefined;
  /** rseq(2), where the thread has registered one. */
  readonly restartable: RestartableSequence | undefined;
}

export interface SeccompFilter {
  /** A classic BPF program, 8 bytes an instruction. */
  readonly program: Uint8Array;
  /** SECCOMP_FILTER_FLAG_*, as far as the kernel keeps them. */
  readonly flags: number;
}

/** struct ptrace_rseq_configuration of include/uapi/linux/ptrace.h. */
export interface RestartableSequence {
  readonly address: bigint;
  readonly size: number;
  readonly signature: number;
}
