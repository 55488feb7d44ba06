/**
 * Terminals: tty.img (open ends), tty-info.img (the terminals), tty-data.img (bytes nobody has read).
 * Facts: CRIU 4.2, images/tty.proto (names, numbers and types).
 */
import {
  bool,
  bytes,
  enumerated,
  enumeration,
  message,
  nested,
  optional,
  repeated,
  uint32,
} from '../schema.ts';
import { fownEntry } from './file-owners.ts';

export const winsizeEntry = message('winsize_entry', {
  ws_row: uint32(1),
  ws_col: uint32(2),
  ws_xpixel: uint32(3),
  ws_ypixel: uint32(4),
});

export const termiosEntry = message('termios_entry', {
  c_iflag: uint32(1),
  c_oflag: uint32(2),
  c_cflag: uint32(3),
  c_lflag: uint32(4),
  c_line: uint32(5),
  c_ispeed: uint32(6),
  c_ospeed: uint32(7),
  c_cc: repeated(uint32(8)),
});

export const ttyPtyEntry = message('tty_pty_entry', {
  index: uint32(1),
});

const ttyType = enumeration('TtyType', {
  UNKNOWN: 0,
  PTY: 1,
  CONSOLE: 2,
  VT: 3,
  CTTY: 4,
  EXT_TTY: 5,
  SERIAL: 6,
});

export const ttyInfoEntry = message('tty_info_entry', {
  id: uint32(1),
  type: enumerated(2, ttyType),
  locked: bool(3),
  exclusive: bool(4),
  packet_mode: bool(5),
  sid: uint32(6),
  pgrp: uint32(7),
  /** Device number in the kernel's encoding. */
  rdev: uint32(8),
  termios: optional(nested(9, termiosEntry)),
  termios_locked: optional(nested(10, termiosEntry)),
  winsize: optional(nested(11, winsizeEntry)),
  pty: optional(nested(12, ttyPtyEntry)),
  dev: optional(uint32(13)),
  uid: optional(uint32(14)),
  gid: optional(uint32(15)),
});

export const ttyDataEntry = message('tty_data_entry', {
  tty_id: uint32(1),
  data: bytes(2),
});

export const ttyFileEntry = message('tty_file_entry', {
  id: uint32(1),
  /** Id of a tty_info_entry. */
  tty_info_id: uint32(2),
  flags: uint32(3, 'hex'),
  fown: nested(4, fownEntry),
  /** Id in files.img of the device node. */
  regf_id: optional(uint32(6)),
});
