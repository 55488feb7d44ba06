/** Numbers of ptrace(2), include/uapi/linux/ptrace.h, and of the register sets, include/uapi/linux/elf.h. */
export const Ptrace = {
  /** PTRACE_POKEUSER; x86-64 only. */
  pokeUser: 6,
  detach: 17,
  getRegisterSet: 0x4204,
  seize: 0x4206,
  interrupt: 0x4207,
  peekSignals: 0x4209,
  getSignalMask: 0x420a,
  getSeccompFilter: 0x420c,
  getSeccompMetadata: 0x420d,
  getRestartable: 0x420f,
} as const;

export const RegisterSet = {
  general: 1,
  floatingPoint: 2,
  x86State: 0x202,
  armThreadPointer: 0x401,
} as const;
