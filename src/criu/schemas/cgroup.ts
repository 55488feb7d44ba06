/**
 * Control groups: cgroup.img.
 * Facts: CRIU 4.2, images/cgroup.proto (names, numbers and types).
 */
import {
  bool,
  type MessageOf,
  type MessageSchema,
  message,
  nested,
  optional,
  repeated,
  string,
  uint32,
} from '../schema.ts';

export const cgroupPerms = message('cgroup_perms', {
  mode: uint32(1),
  uid: uint32(2),
  gid: uint32(3),
});

export const cgroupPropEntry = message('cgroup_prop_entry', {
  name: string(1),
  value: string(2),
  perms: optional(nested(3, cgroupPerms)),
});

export const cgroupDirEntry: MessageSchema<CgroupDirEntry> = message('cgroup_dir_entry', {
  dir_name: string(1),
  children: repeated(nested(2, () => cgroupDirEntry)),
  properties: repeated(nested(3, cgroupPropEntry)),
  dir_perms: optional(nested(4, cgroupPerms)),
});
/** Written out because a type that holds itself cannot be inferred. */
export interface CgroupDirEntry {
  readonly dir_name: string;
  readonly children: readonly CgroupDirEntry[];
  readonly properties: readonly MessageOf<typeof cgroupPropEntry>[];
  readonly dir_perms?: MessageOf<typeof cgroupPerms> | undefined;
}

export const cgControllerEntry = message('cg_controller_entry', {
  /** Names of the controllers of one hierarchy; a single empty one for the unified hierarchy. */
  cnames: repeated(string(1)),
  dirs: repeated(nested(2, cgroupDirEntry)),
  is_threaded: optional(bool(3)),
});

export const cgMemberEntry = message('cg_member_entry', {
  name: string(1),
  path: string(2),
  cgns_prefix: optional(uint32(3)),
});

/** The control groups of a task, one a hierarchy. */
export const cgSetEntry = message('cg_set_entry', {
  id: uint32(1),
  ctls: repeated(nested(2, cgMemberEntry)),
});

export const cgroupEntry = message('cgroup_entry', {
  sets: repeated(nested(1, cgSetEntry)),
  controllers: repeated(nested(2, cgControllerEntry)),
});
