/**
 * Processes and threads: pstree.img, core-TID.img, ids-PID.img, creds-PID.img.
 * PIDs are those of the innermost PID namespace of the container.
 * Facts: CRIU 4.2, images/pstree.proto, core.proto, creds.proto, rlimit.proto, rseq.proto (names, numbers and types).
 */
import {
  bool,
  bytes,
  enumerated,
  enumeration,
  int32,
  type MessageOf,
  message,
  nested,
  optional,
  repeated,
  sint32,
  string,
  uint32,
  uint64,
} from '../schema.ts';
import { threadInfoAarch64, threadInfoArm } from './registers-arm.ts';
import { threadInfoPpc64, threadInfoS390 } from './registers-ppc64-s390.ts';
import {
  threadInfoLoongarch64,
  threadInfoMips,
  threadInfoRiscv64,
} from './registers-riscv-mips-loongarch.ts';
import { threadInfoX86 } from './registers-x86.ts';
import { saEntry, signalQueueEntry, taskTimersEntry } from './timers-signals.ts';

export const pstreeEntry = message('pstree_entry', {
  pid: uint32(1),
  /** 0 for the root of the tree. */
  ppid: uint32(2),
  pgid: uint32(3),
  sid: uint32(4),
  /** TIDs, the main thread among them; core-TID.img holds each. */
  threads: repeated(uint32(5)),
});
export type PstreeEntry = MessageOf<typeof pstreeEntry>;

/** Kernel objects as CRIU numbers them: equal ids are one object, shared by its tasks. */
export const taskKobjIdsEntry = message('task_kobj_ids_entry', {
  vm_id: uint32(1),
  /** N of fdinfo-N.img; not the PID. */
  files_id: uint32(2),
  fs_id: uint32(3),
  sighand_id: uint32(4),
  pid_ns_id: optional(uint32(5)),
  net_ns_id: optional(uint32(6)),
  ipc_ns_id: optional(uint32(7)),
  uts_ns_id: optional(uint32(8)),
  mnt_ns_id: optional(uint32(9)),
  user_ns_id: optional(uint32(10)),
  cgroup_ns_id: optional(uint32(11)),
  time_ns_id: optional(uint32(12)),
});
export type TaskKobjIdsEntry = MessageOf<typeof taskKobjIdsEntry>;

export const credsEntry = message('creds_entry', {
  uid: uint32(1),
  gid: uint32(2),
  euid: uint32(3),
  egid: uint32(4),
  suid: uint32(5),
  sgid: uint32(6),
  fsuid: uint32(7),
  fsgid: uint32(8),
  /** Capability sets are words of 32 bits, lowest first. */
  cap_inh: repeated(uint32(9)),
  cap_prm: repeated(uint32(10)),
  cap_eff: repeated(uint32(11)),
  cap_bnd: repeated(uint32(12)),
  /** PR_SET_SECUREBITS flags. */
  secbits: uint32(13),
  /** Supplementary groups. */
  groups: repeated(uint32(14)),
  lsm_profile: optional(string(15)),
  lsm_sockcreate: optional(string(16)),
  apparmor_data: optional(bytes(17)),
  no_new_privs: optional(uint32(18)),
  cap_amb: repeated(uint32(19)),
});
export type CredsEntry = MessageOf<typeof credsEntry>;

export const rlimitEntry = message('rlimit_entry', {
  cur: uint64(1),
  max: uint64(2),
});

export const taskRlimitsEntry = message('task_rlimits_entry', {
  rlimits: repeated(nested(1, rlimitEntry)),
});

const seccompMode = enumeration('seccomp_mode', { disabled: 0, strict: 1, filter: 2 });

export const taskCoreEntry = message('task_core_entry', {
  /** 1 alive, 2 dead (a zombie), 3 stopped; 4 helper and 5 thread only exist inside CRIU. crit words 3 as a zombie. */
  task_state: uint32(1, 'task-state'),
  /** A wait status, for zombies. */
  exit_code: uint32(2),
  personality: uint32(3),
  flags: uint32(4),
  blk_sigset: uint64(5, 'hex'),
  /** /proc/PID/comm of the main thread. */
  comm: string(6),
  timers: optional(nested(7, taskTimersEntry)),
  rlimits: optional(nested(8, taskRlimitsEntry)),
  /** Id of a cg_set_entry in cgroup.img. */
  cg_set: optional(uint32(9)),
  signals_s: optional(nested(10, signalQueueEntry)),
  /** Of older CRIU; each thread has its own since. */
  old_seccomp_mode: optional(enumerated(11, seccompMode)),
  old_seccomp_filter: optional(uint32(12)),
  /** The audit login uid; 4294967295 is unset. */
  loginuid: optional(uint32(13)),
  oom_score_adj: optional(int32(14)),
  sigactions: repeated(nested(15, saEntry)),
  child_subreaper: optional(bool(18)),
  blk_sigset_extended: optional(uint64(20, 'hex')),
  stop_signo: optional(uint32(21)),
  membarrier_registration_mask: optional(uint32(22, 'hex')),
});

export const rseqEntry = message('rseq_entry', {
  rseq_abi_pointer: uint64(1),
  rseq_abi_size: uint32(2),
  signature: uint32(3),
  rseq_cs_pointer: optional(uint64(4)),
});

export const threadSasEntry = message('thread_sas_entry', {
  ss_sp: uint64(1),
  ss_size: uint64(2),
  ss_flags: uint32(3),
});

export const threadCoreEntry = message('thread_core_entry', {
  /** Address of the robust futex list. */
  futex_rla: uint64(1),
  futex_rla_len: uint32(2),
  sched_nice: optional(sint32(3)),
  sched_policy: optional(uint32(4)),
  sched_prio: optional(uint32(5)),
  blk_sigset: optional(uint64(6)),
  sas: optional(nested(7, threadSasEntry)),
  pdeath_sig: optional(uint32(8)),
  signals_p: optional(nested(9, signalQueueEntry)),
  creds: optional(nested(10, credsEntry)),
  seccomp_mode: optional(enumerated(11, seccompMode)),
  /** Index of the last filter in seccomp.img; `prev` leads to the others. */
  seccomp_filter: optional(uint32(12)),
  /** Absent in older images, which have the name of the main thread only. */
  comm: optional(string(13)),
  blk_sigset_extended: optional(uint64(14)),
  rseq_entry: optional(nested(15, rseqEntry)),
  cg_set: optional(uint32(16)),
});
export type ThreadCoreEntry = MessageOf<typeof threadCoreEntry>;

const machineArchitecture = enumeration('march', {
  UNKNOWN: 0,
  X86_64: 1,
  ARM: 2,
  AARCH64: 3,
  PPC64: 4,
  S390: 5,
  MIPS: 6,
  LOONGARCH64: 7,
  RISCV64: 8,
});

export const coreEntry = message('core_entry', {
  mtype: enumerated(1, machineArchitecture),
  /** Registers on x86; the other ti_ fields on their machines. */
  thread_info: optional(nested(2, threadInfoX86)),
  /** Only in the core image of a main thread. */
  tc: optional(nested(3, taskCoreEntry)),
  /** Absent where ids-PID.img has them. */
  ids: optional(nested(4, taskKobjIdsEntry)),
  thread_core: optional(nested(5, threadCoreEntry)),
  ti_arm: optional(nested(6, threadInfoArm)),
  ti_aarch64: optional(nested(8, threadInfoAarch64)),
  ti_ppc64: optional(nested(9, threadInfoPpc64)),
  ti_s390: optional(nested(10, threadInfoS390)),
  ti_mips: optional(nested(11, threadInfoMips)),
  ti_loongarch64: optional(nested(12, threadInfoLoongarch64)),
  ti_riscv64: optional(nested(13, threadInfoRiscv64)),
});
export type CoreEntry = MessageOf<typeof coreEntry>;
