/**
 * Registers of an x86 thread, part of core-TID.img.
 * Facts: CRIU 4.2, images/core-x86.proto (names, numbers and types).
 */
import {
  bool,
  enumerated,
  enumeration,
  message,
  nested,
  optional,
  repeated,
  uint32,
  uint64,
} from '../schema.ts';

const userX86RegsMode = enumeration('user_x86_regs_mode', { NATIVE: 1, COMPAT: 2 });

export const userX86RegsEntry = message('user_x86_regs_entry', {
  r15: uint64(1),
  r14: uint64(2),
  r13: uint64(3),
  r12: uint64(4),
  bp: uint64(5),
  bx: uint64(6),
  r11: uint64(7),
  r10: uint64(8),
  r9: uint64(9),
  r8: uint64(10),
  ax: uint64(11),
  cx: uint64(12),
  dx: uint64(13),
  si: uint64(14),
  di: uint64(15),
  /** Number of the system call that the thread was in, -1 as unsigned when in none. */
  orig_ax: uint64(16),
  ip: uint64(17),
  cs: uint64(18),
  flags: uint64(19),
  sp: uint64(20),
  ss: uint64(21),
  fs_base: uint64(22),
  gs_base: uint64(23),
  ds: uint64(24),
  es: uint64(25),
  fs: uint64(26),
  gs: uint64(27),
  mode: optional(enumerated(28, userX86RegsMode)),
});

export const userX86CetEntry = message('user_x86_cet_entry', {
  cet: uint64(1, 'hex'),
  ssp: uint64(2, 'hex'),
});

export const userX86XsaveEntry = message('user_x86_xsave_entry', {
  xstate_bv: uint64(1),
  ymmh_space: repeated(uint32(2)),
  bndreg_state: repeated(uint64(3)),
  bndcsr_state: repeated(uint64(4)),
  opmask_reg: repeated(uint64(5)),
  zmm_upper: repeated(uint64(6)),
  hi16_zmm: repeated(uint64(7)),
  pkru: repeated(uint32(8)),
  cet: optional(nested(9, userX86CetEntry)),
});

export const userX86FpregsEntry = message('user_x86_fpregs_entry', {
  cwd: uint32(1),
  swd: uint32(2),
  twd: uint32(3),
  fop: uint32(4),
  rip: uint64(5),
  rdp: uint64(6),
  mxcsr: uint32(7),
  mxcsr_mask: uint32(8),
  st_space: repeated(uint32(9)),
  xmm_space: repeated(uint32(10)),
  padding: repeated(uint32(11)),
  xsave: optional(nested(13, userX86XsaveEntry)),
});

export const userDesc = message('user_desc_t', {
  entry_number: uint32(1),
  base_addr: uint32(2),
  limit: uint32(3),
  seg_32bit: bool(4),
  contents_h: bool(5),
  contents_l: bool(6),
  read_exec_only: bool(7),
  limit_in_pages: bool(8),
  seg_not_present: bool(9),
  usable: bool(10),
});

export const threadInfoX86 = message('thread_info_x86', {
  clear_tid_addr: uint64(1, 'hex'),
  gpregs: nested(2, userX86RegsEntry, 'hex'),
  fpregs: nested(3, userX86FpregsEntry),
  tls: repeated(nested(4, userDesc)),
});
