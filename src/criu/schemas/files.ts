/**
 * Open files: fdinfo-N.img (a descriptor table), files.img (open file descriptions), fs-PID.img, pipes and FIFOs with their
 * unread bytes, files deleted while open. Before files.img existed each kind of file had an image of its own with the same messages.
 * Facts: CRIU 4.2, images/fdinfo.proto, regfile.proto, pipe.proto, pipe-data.proto, fifo.proto, fown.proto, fs.proto, ns.proto, ext-file.proto,
 * memfd.proto, bpfmap-file.proto, bpfmap-data.proto, pidfd.proto, remap-file-path.proto, ghost-file.proto, file-lock.proto, time.proto (names, numbers and types).
 */
import {
  bool,
  enumerated,
  enumeration,
  int32,
  int64,
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
import {
  eventfdFileEntry,
  eventpollFileEntry,
  fanotifyFileEntry,
  inotifyFileEntry,
  signalfdEntry,
  timerfdEntry,
} from './event-files.ts';
import { fownEntry } from './file-owners.ts';
import { tunfileEntry } from './network.ts';
import { inetSkEntry, netlinkSkEntry, packetSockEntry, unixSkEntry } from './sockets.ts';
import { ttyFileEntry } from './terminals.ts';

const fdTypes = enumeration('fd_types', {
  UND: 0,
  REG: 1,
  PIPE: 2,
  FIFO: 3,
  INETSK: 4,
  UNIXSK: 5,
  EVENTFD: 6,
  EVENTPOLL: 7,
  INOTIFY: 8,
  SIGNALFD: 9,
  PACKETSK: 10,
  TTY: 11,
  FANOTIFY: 12,
  NETLINKSK: 13,
  NS: 14,
  TUNF: 15,
  EXT: 16,
  TIMERFD: 17,
  MEMFD: 18,
  BPFMAP: 19,
  PIDFD: 20,
  CTL_TTY: 65534,
  AUTOFS_PIPE: 65535,
});

export const fdinfoEntry = message('fdinfo_entry', {
  /** Id in files.img. */
  id: uint32(1),
  /** FD_CLOEXEC is 1. */
  flags: uint32(2),
  type: enumerated(3, fdTypes),
  fd: uint32(4),
  xattr_security_selinux: optional(string(5)),
});
export type FdinfoEntry = MessageOf<typeof fdinfoEntry>;

export const regFileEntry = message('reg_file_entry', {
  id: uint32(1),
  flags: uint32(2, 'rfile.flags'),
  pos: uint64(3),
  fown: nested(5, fownEntry),
  /** Absolute, as seen from the root of the mount namespace. */
  name: string(6),
  /** -1 where unknown (the default). */
  mnt_id: optional(sint32(7)),
  size: optional(uint64(8)),
  /** The file lies outside the container; a plugin restores it. */
  ext: optional(bool(9)),
  mode: optional(uint32(10)),
  /** Of the ELF file, words of 4 bytes. */
  build_id: repeated(uint32(11)),
  checksum: optional(uint32(12)),
  checksum_config: optional(uint32(13)),
  checksum_parameter: optional(uint32(14)),
});

export const pipeEntry = message('pipe_entry', {
  id: uint32(1),
  pipe_id: uint32(2),
  flags: uint32(3, 'hex'),
  fown: nested(4, fownEntry),
});

export const fifoEntry = message('fifo_entry', {
  id: uint32(1),
  pipe_id: uint32(2),
  regf_id: optional(uint32(3)),
});

/** Followed by `bytes` unread bytes. */
export const pipeDataEntry = message('pipe_data_entry', {
  pipe_id: uint32(1),
  bytes: uint32(2),
  size: optional(uint32(3)),
});

export const memfdFileEntry = message('memfd_file_entry', {
  id: uint32(1),
  flags: uint32(2, 'rfile.flags'),
  pos: uint64(3),
  fown: nested(4, fownEntry),
  inode_id: uint32(5),
});

export const nsFileEntry = message('ns_file_entry', {
  id: uint32(1),
  ns_id: uint32(2),
  /** The CLONE_NEW* flag of the kind of namespace. */
  ns_cflag: uint32(3),
  flags: uint32(4),
});

export const extFileEntry = message('ext_file_entry', {
  id: uint32(1),
  fown: nested(5, fownEntry),
});

export const pidfdEntry = message('pidfd_entry', {
  id: uint32(1),
  ino: uint32(2),
  flags: uint32(3),
  nspid: int32(4),
  fown: nested(5, fownEntry),
});

export const bpfmapFileEntry = message('bpfmap_file_entry', {
  id: uint32(1),
  flags: uint32(2, 'rfile.flags'),
  pos: uint64(3),
  fown: nested(4, fownEntry),
  map_type: uint32(5),
  key_size: uint32(6),
  value_size: uint32(7),
  map_id: uint32(8),
  max_entries: uint32(9),
  map_flags: uint32(10),
  memlock: uint64(11),
  frozen: bool(12),
  map_name: string(13),
  ifindex: uint32(14),
  mnt_id: optional(sint32(15)),
  map_extra: optional(uint64(16)),
});

/** Followed by the keys and then the values. */
export const bpfmapDataEntry = message('bpfmap_data_entry', {
  map_id: uint32(1),
  keys_bytes: uint32(2),
  values_bytes: uint32(3),
  count: uint32(4),
});

/** One field beside type and id is set, by type. */
export const fileEntry = message('file_entry', {
  type: enumerated(1, fdTypes),
  id: uint32(2),
  reg: optional(nested(3, regFileEntry)),
  isk: optional(nested(4, inetSkEntry)),
  nsf: optional(nested(5, nsFileEntry)),
  psk: optional(nested(6, packetSockEntry)),
  nlsk: optional(nested(7, netlinkSkEntry)),
  efd: optional(nested(8, eventfdFileEntry)),
  epfd: optional(nested(9, eventpollFileEntry)),
  sgfd: optional(nested(10, signalfdEntry)),
  tunf: optional(nested(11, tunfileEntry)),
  tfd: optional(nested(12, timerfdEntry)),
  ify: optional(nested(13, inotifyFileEntry)),
  ffy: optional(nested(14, fanotifyFileEntry)),
  ext: optional(nested(15, extFileEntry)),
  usk: optional(nested(16, unixSkEntry)),
  fifo: optional(nested(17, fifoEntry)),
  pipe: optional(nested(18, pipeEntry)),
  tty: optional(nested(19, ttyFileEntry)),
  memfd: optional(nested(20, memfdFileEntry)),
  bpf: optional(nested(21, bpfmapFileEntry)),
  pidfd: optional(nested(22, pidfdEntry)),
});
export type FileEntry = MessageOf<typeof fileEntry>;

export const fsEntry = message('fs_entry', {
  /** Id in files.img. */
  cwd_id: uint32(1),
  root_id: uint32(2),
  umask: optional(uint32(3)),
});

const remapType = enumeration('remap_type', { LINKED: 0, GHOST: 1, PROCFS: 2 });

export const remapFilePathEntry = message('remap_file_path_entry', {
  /** Id in files.img of the file whose name is gone. */
  orig_id: uint32(1),
  /** GHOST: N of ghost-file-N.img (hexadecimal); PROCFS: a PID; LINKED: the file that stands in. */
  remap_id: uint32(2),
  remap_type: optional(enumerated(3, remapType)),
});
export type RemapFilePathEntry = MessageOf<typeof remapFilePathEntry>;

export const timeval = message('timeval', {
  tv_sec: uint64(1),
  tv_usec: uint64(2),
});

/** A file deleted while open. Followed by its content to the end of the image, or with `chunks` by ghost_chunk_entry's. */
export const ghostFileEntry = message('ghost_file_entry', {
  uid: uint32(1),
  gid: uint32(2),
  /** File type and permissions, as in st_mode. */
  mode: uint32(3),
  dev: optional(uint32(4, 'dev')),
  ino: optional(uint64(5)),
  rdev: optional(uint32(6, 'odev')),
  atim: optional(nested(7, timeval)),
  mtim: optional(nested(8, timeval)),
  chunks: optional(bool(9)),
  size: optional(uint64(10)),
  /** The target of a deleted symbolic link. */
  symlnk_target: optional(string(11)),
});
export type GhostFileEntry = MessageOf<typeof ghostFileEntry>;

/** `len` bytes of a sparse file that begin at `off`; they follow the message. */
export const ghostChunkEntry = message('ghost_chunk_entry', {
  len: uint64(1),
  off: uint64(2),
});
export type GhostChunkEntry = MessageOf<typeof ghostChunkEntry>;

export const fileLockEntry = message('file_lock_entry', {
  /** FL_POSIX 1, FL_FLOCK 2, FL_OFDLCK 1024, FL_LEASE 32. */
  flag: uint32(1),
  /** F_RDLCK 0, F_WRLCK 1. */
  type: uint32(2),
  pid: int32(3),
  fd: int32(4),
  start: int64(5),
  /** Bytes; 0 means to the end of the file. */
  len: int64(6),
});
