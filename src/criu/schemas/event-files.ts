/**
 * Files that report events: eventfd, epoll, signalfd, timerfd, inotify and fanotify, and the file handles that the last two watch.
 * Facts: CRIU 4.2, images/eventfd.proto, eventpoll.proto, signalfd.proto, timerfd.proto, fsnotify.proto, fh.proto (names, numbers and types).
 */
import {
  enumerated,
  enumeration,
  message,
  nested,
  optional,
  repeated,
  string,
  uint32,
  uint64,
} from '../schema.ts';
import { fownEntry } from './file-owners.ts';

export const eventfdFileEntry = message('eventfd_file_entry', {
  id: uint32(1),
  flags: uint32(2),
  fown: nested(3, fownEntry),
  /** The value that a read would return. */
  counter: uint64(4),
});

export const eventpollTfdEntry = message('eventpoll_tfd_entry', {
  id: uint32(1),
  /** Descriptor number in the table of the process that added it. */
  tfd: uint32(2),
  events: uint32(3),
  data: uint64(4),
  dev: optional(uint32(5)),
  inode: optional(uint64(6)),
  pos: optional(uint64(7)),
});

export const eventpollFileEntry = message('eventpoll_file_entry', {
  id: uint32(1),
  flags: uint32(2),
  fown: nested(3, fownEntry),
  tfd: repeated(nested(4, eventpollTfdEntry)),
});

export const signalfdEntry = message('signalfd_entry', {
  id: uint32(1),
  flags: uint32(2, 'hex'),
  fown: nested(3, fownEntry),
  sigmask: uint64(4, 'hex'),
});

export const timerfdEntry = message('timerfd_entry', {
  id: uint32(1),
  flags: uint32(2, 'hex'),
  fown: nested(3, fownEntry),
  clockid: uint32(4),
  ticks: uint64(5),
  settime_flags: uint32(6, 'hex'),
  vsec: uint64(7),
  vnsec: uint64(8),
  isec: uint64(9),
  insec: uint64(10),
});

export const fhEntry = message('fh_entry', {
  bytes: uint32(1),
  type: uint32(2),
  /** As name_to_handle_at gives it, padded with zeros. */
  handle: repeated(uint64(3)),
  /** Where CRIU could resolve the handle (irmap). */
  path: optional(string(4)),
  mnt_id: optional(uint32(5)),
});

export const irmapCacheEntry = message('irmap_cache_entry', {
  dev: uint32(1, 'odev'),
  inode: uint64(2),
  path: string(3),
});

export const inotifyWdEntry = message('inotify_wd_entry', {
  id: uint32(1),
  i_ino: uint64(2),
  mask: uint32(3, 'hex'),
  ignored_mask: uint32(4, 'hex'),
  /** Device of the watched inode. */
  s_dev: uint32(5, 'dev'),
  wd: uint32(6),
  f_handle: nested(7, fhEntry),
});

export const inotifyFileEntry = message('inotify_file_entry', {
  id: uint32(1),
  flags: uint32(2, 'hex'),
  fown: nested(4, fownEntry),
  wd: repeated(nested(5, inotifyWdEntry)),
});

export const fanotifyInodeMarkEntry = message('fanotify_inode_mark_entry', {
  i_ino: uint64(1),
  f_handle: nested(2, fhEntry),
});

export const fanotifyMountMarkEntry = message('fanotify_mount_mark_entry', {
  mnt_id: uint32(1),
  path: optional(string(2)),
});

const markType = enumeration('mark_type', { INODE: 1, MOUNT: 2 });

export const fanotifyMarkEntry = message('fanotify_mark_entry', {
  id: uint32(1),
  type: enumerated(2, markType),
  mflags: uint32(3, 'hex'),
  mask: uint32(4, 'hex'),
  ignored_mask: uint32(5, 'hex'),
  s_dev: uint32(6, 'dev'),
  ie: optional(nested(7, fanotifyInodeMarkEntry)),
  me: optional(nested(8, fanotifyMountMarkEntry)),
});

export const fanotifyFileEntry = message('fanotify_file_entry', {
  id: uint32(1),
  flags: uint32(2, 'hex'),
  fown: nested(3, fownEntry),
  faflags: uint32(4, 'hex'),
  evflags: uint32(5, 'hex'),
  mark: repeated(nested(6, fanotifyMarkEntry)),
});
