/**
 * Calls that are cut short by the interruption and would say so to the program. The kernel goes on with most calls by itself
 * (ERESTARTSYS and its like in the result register, include/linux/errno.h); a few return EINTR at once, as signal(7) says
 * of epoll_wait(2), semop(2) and sigtimedwait(2) after a stop. In these the result is replaced with ERESTARTNOHAND: the
 * kernel then calls again unless a signal's handler runs, in which case the program gets its EINTR as ever.
 */

const EINTR = -4n;
const ERESTARTNOHAND = -514n;

/** Where struct user of x86-64 (arch/x86/include/asm/user_64.h) has them. */
const RAX = 10 * 8;
const ORIG_RAX = 15 * 8;
const REGISTERS_SIZE = 27 * 8;

/** Numbers of x86-64 (arch/x86/entry/syscalls/syscall_64.tbl); each may be called again with the same arguments. */
const ENDED_BY_STOPS: ReadonlySet<bigint> = new Set([
  43n, // accept with SO_RCVTIMEO, as the other three on sockets
  45n, // recvfrom
  47n, // recvmsg
  65n, // semop
  128n, // rt_sigtimedwait
  208n, // io_getevents
  220n, // semtimedop
  232n, // epoll_wait
  281n, // epoll_pwait
  288n, // accept4
  426n, // io_uring_enter
  441n, // epoll_pwait2
]);

export interface Mending {
  /** For PTRACE_POKEUSER. */
  readonly offset: number;
  readonly value: bigint;
}

/** What to put into the registers of an x86-64 thread so that it does not notice; undefined for nothing. */
export function mendInterruptedCall(general: Uint8Array): Mending | undefined {
  if (general.length !== REGISTERS_SIZE) return undefined;
  const view = new DataView(general.buffer, general.byteOffset, general.length);
  const isCutShort = view.getBigInt64(RAX, true) === EINTR;
  if (!isCutShort || !ENDED_BY_STOPS.has(view.getBigInt64(ORIG_RAX, true))) return undefined;
  return { offset: RAX, value: ERESTARTNOHAND };
}
