/**
 * System V IPC and POSIX queue limits of an IPC namespace: ipcns-{var,shm,msg,sem}-NS.img.
 * Facts: CRIU 4.2, images/ipc-var.proto, ipc-desc.proto, ipc-shm.proto, ipc-msg.proto, ipc-sem.proto (names, numbers and types).
 */
import { bool, message, nested, optional, repeated, uint32, uint64 } from '../schema.ts';

export const ipcVarEntry = message('ipc_var_entry', {
  sem_ctls: repeated(uint32(1)),
  msg_ctlmax: uint32(2),
  msg_ctlmnb: uint32(3),
  msg_ctlmni: uint32(4),
  auto_msgmni: uint32(5),
  shm_ctlmax: uint64(6),
  shm_ctlall: uint64(7),
  shm_ctlmni: uint32(8),
  shm_rmid_forced: uint32(9),
  mq_queues_max: uint32(10),
  mq_msg_max: uint32(11),
  mq_msgsize_max: uint32(12),
  mq_msg_default: optional(uint32(13)),
  mq_msgsize_default: optional(uint32(14)),
  msg_next_id: optional(uint32(15)),
  sem_next_id: optional(uint32(16)),
  shm_next_id: optional(uint32(17)),
});

export const ipcDescEntry = message('ipc_desc_entry', {
  key: uint32(1),
  uid: uint32(2),
  gid: uint32(3),
  cuid: uint32(4),
  cgid: uint32(5),
  mode: uint32(6),
  id: uint32(7),
});

/** Followed by `size` bytes rounded up to 4, unless `in_pagemaps`: then pagemap-shmem-ID.img has them. */
export const ipcShmEntry = message('ipc_shm_entry', {
  desc: nested(1, ipcDescEntry),
  size: uint64(2),
  in_pagemaps: optional(bool(3)),
  hugetlb_flag: optional(uint32(4)),
});

export const ipcMsg = message('ipc_msg', {
  mtype: uint64(1),
  msize: uint32(2),
});

/** Followed by `qnum` times: u32 size, ipc_msg of that size, `msize` bytes rounded up to 8. */
export const ipcMsgEntry = message('ipc_msg_entry', {
  desc: nested(1, ipcDescEntry),
  qbytes: uint32(2),
  qnum: uint32(3),
});

/** Followed by `nsems` u16 values, rounded up to 8 bytes. */
export const ipcSemEntry = message('ipc_sem_entry', {
  desc: nested(1, ipcDescEntry),
  nsems: uint32(2),
});
