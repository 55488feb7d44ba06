/**
 * Mounts of a mount namespace: mountpoints-NS.img, autofs-N.img, binfmt-misc.img.
 * Facts: CRIU 4.2, images/mnt.proto, autofs.proto, binfmt-misc.proto (names, numbers and types).
 */
import { bool, enumeration, int32, type MessageOf, message, optional, string, uint32 } from '../schema.ts';

export const mntEntry = message('mnt_entry', {
  /** A number of `fstype`; kept as a number because CRIU declares it so. 16 (AUTO) has its name in `fsname`. */
  fstype: uint32(1),
  mnt_id: uint32(2),
  root_dev: uint32(3, 'dev'),
  parent_mnt_id: uint32(4),
  /** MS_* flags of the mount; `sb_flags` are those of the superblock. */
  flags: uint32(5, 'hex'),
  /** The part of the filesystem that is mounted, as in /proc/PID/mountinfo. */
  root: string(6),
  mountpoint: string(7),
  source: string(8),
  options: string(9),
  shared_id: optional(uint32(10)),
  master_id: optional(uint32(11)),
  with_plugin: optional(bool(12)),
  ext_mount: optional(bool(13)),
  fsname: optional(string(14)),
  internal_sharing: optional(bool(15)),
  deleted: optional(bool(16)),
  sb_flags: optional(uint32(17, 'hex')),
  /** The key under which the engine gave this mount in from outside. */
  ext_key: optional(string(18)),
});
export type MntEntry = MessageOf<typeof mntEntry>;

export const autofsEntry = message('autofs_entry', {
  fd: int32(1),
  pgrp: int32(2),
  timeout: int32(3),
  minproto: int32(4),
  maxproto: int32(5),
  mode: int32(6),
  uid: optional(int32(7)),
  gid: optional(int32(8)),
  read_fd: optional(int32(9)),
});

export const binfmtMiscEntry = message('binfmt_misc_entry', {
  name: string(1),
  enabled: bool(2),
  interpreter: string(3),
  flags: optional(string(4)),
  extension: optional(string(5)),
  magic: optional(string(6)),
  mask: optional(string(7)),
  offset: optional(int32(8)),
});

/** What `mnt_entry.fstype` means; AUTO stands for a type that CRIU has no code for, its name is in `fsname`. */
export const fsType = enumeration('fstype', {
  UNSUPPORTED: 0,
  PROC: 1,
  SYSFS: 2,
  DEVTMPFS: 3,
  BINFMT_MISC: 4,
  TMPFS: 5,
  DEVPTS: 6,
  SIMFS: 7,
  PSTORE: 8,
  SECURITYFS: 9,
  FUSECTL: 10,
  DEBUGFS: 11,
  CGROUP: 12,
  AUFS: 13,
  MQUEUE: 14,
  FUSE: 15,
  AUTO: 16,
  OVERLAYFS: 17,
  AUTOFS: 18,
  TRACEFS: 19,
  CGROUP2: 23,
});
