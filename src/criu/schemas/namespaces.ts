/**
 * Namespaces that hold little: UTS, user, time and PID.
 * Facts: CRIU 4.2, images/utsns.proto, userns.proto, timens.proto, pidns.proto (names, numbers and types).
 */
import { message, nested, optional, repeated, string, uint32, uint64 } from '../schema.ts';

export const utsnsEntry = message('utsns_entry', {
  nodename: string(1),
  domainname: string(2),
});

export const uidGidExtent = message('uid_gid_extent', {
  /** Inside the namespace; `lower_first` is outside. */
  first: uint32(1),
  lower_first: uint32(2),
  count: uint32(3),
});

/** The maps of /proc/PID/uid_map and gid_map. */
export const usernsEntry = message('userns_entry', {
  uid_map: repeated(nested(1, uidGidExtent)),
  gid_map: repeated(nested(2, uidGidExtent)),
});

export const timespec = message('timespec', {
  tv_sec: uint64(1),
  tv_nsec: uint64(2),
});

export const timensEntry = message('timens_entry', {
  monotonic: nested(1, timespec),
  boottime: nested(2, timespec),
});

export const pidnsEntry = message('pidns_entry', {
  ext_key: optional(string(1)),
});
