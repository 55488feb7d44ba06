/**
 * Registers of a POWER or IBM Z thread, part of core-TID.img.
 * Facts: CRIU 4.2, images/core-ppc64.proto, core-s390.proto (names, numbers and types).
 */
import { message, nested, optional, repeated, uint32, uint64 } from '../schema.ts';

export const userPpc64RegsEntry = message('user_ppc64_regs_entry', {
  gpr: repeated(uint64(1)),
  nip: uint64(2),
  msr: uint64(3),
  orig_gpr3: uint64(4),
  ctr: uint64(5),
  link: uint64(6),
  xer: uint64(7),
  ccr: uint64(8),
  trap: uint64(9),
  texasr: optional(uint64(10)),
  tfhar: optional(uint64(11)),
  tfiar: optional(uint64(12)),
});

export const userPpc64FpstateEntry = message('user_ppc64_fpstate_entry', {
  fpregs: repeated(uint64(1)),
});

export const userPpc64VrstateEntry = message('user_ppc64_vrstate_entry', {
  vrregs: repeated(uint64(1)),
  vrsave: uint32(2),
});

export const userPpc64VsxstateEntry = message('user_ppc64_vsxstate_entry', {
  vsxregs: repeated(uint64(1)),
});

export const userPpc64TmRegsEntry = message('user_ppc64_tm_regs_entry', {
  gpregs: nested(1, userPpc64RegsEntry),
  fpstate: optional(nested(2, userPpc64FpstateEntry)),
  vrstate: optional(nested(3, userPpc64VrstateEntry)),
  vsxstate: optional(nested(4, userPpc64VsxstateEntry)),
});

export const threadInfoPpc64 = message('thread_info_ppc64', {
  clear_tid_addr: uint64(1, 'hex'),
  gpregs: nested(2, userPpc64RegsEntry, 'hex'),
  fpstate: optional(nested(3, userPpc64FpstateEntry)),
  vrstate: optional(nested(4, userPpc64VrstateEntry)),
  vsxstate: optional(nested(5, userPpc64VsxstateEntry)),
  tmstate: optional(nested(6, userPpc64TmRegsEntry)),
});

export const userS390RegsEntry = message('user_s390_regs_entry', {
  psw_mask: uint64(1),
  psw_addr: uint64(2),
  gprs: repeated(uint64(3)),
  acrs: repeated(uint32(4)),
  orig_gpr2: uint64(5),
  system_call: uint32(6),
});

export const userS390FpregsEntry = message('user_s390_fpregs_entry', {
  fpc: uint32(1),
  fprs: repeated(uint64(2)),
});

export const userS390VxrsLowEntry = message('user_s390_vxrs_low_entry', {
  regs: repeated(uint64(1)),
});

export const userS390VxrsHighEntry = message('user_s390_vxrs_high_entry', {
  regs: repeated(uint64(1)),
});

export const userS390GsCbEntry = message('user_s390_gs_cb_entry', {
  regs: repeated(uint64(1)),
});

export const userS390RiEntry = message('user_s390_ri_entry', {
  ri_on: uint32(1),
  regs: repeated(uint64(2)),
});

export const threadInfoS390 = message('thread_info_s390', {
  clear_tid_addr: uint64(1, 'hex'),
  gpregs: nested(2, userS390RegsEntry, 'hex'),
  fpregs: nested(3, userS390FpregsEntry, 'hex'),
  vxrs_low: optional(nested(4, userS390VxrsLowEntry, 'hex')),
  vxrs_high: optional(nested(5, userS390VxrsHighEntry, 'hex')),
  gs_cb: optional(nested(6, userS390GsCbEntry, 'hex')),
  gs_bc: optional(nested(7, userS390GsCbEntry, 'hex')),
  ri_cb: optional(nested(8, userS390RiEntry, 'hex')),
});
