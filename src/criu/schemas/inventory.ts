/**
 * What CRIU says about the dump as a whole: inventory.img, cpuinfo.img, stats-dump.
 * Facts: CRIU 4.2, images/inventory.proto, cpuinfo.proto, stats.proto (names, numbers and types).
 */
import {
  bool,
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
import { taskKobjIdsEntry } from './process.ts';

/** The field number is 12 in both messages. */
export const pluginsEntry = message('plugins_entry', {
  plugins: repeated(string(12)),
});

const lsmtype = enumeration('lsmtype', { NO_LSM: 0, SELINUX: 1, APPARMOR: 2 });

/** The first image that CRIU writes: its format version and the ids of the root task. */
export const inventoryEntry = message('inventory_entry', {
  /** 2 where images begin with a group magic, 1 where they do not. */
  img_version: uint32(1),
  fdinfo_per_id: optional(bool(2)),
  /** Namespaces of CRIU itself: a task with other ids has namespaces of its own. */
  root_ids: optional(nested(3, taskKobjIdsEntry)),
  ns_per_id: optional(bool(4)),
  root_cg_set: optional(uint32(5)),
  lsmtype: optional(enumerated(6, lsmtype)),
  /** Microseconds of CLOCK_MONOTONIC at dump time; its low part tells dumps of one parent apart. */
  dump_uptime: optional(uint64(8)),
  pre_dump_mode: optional(uint32(9)),
  tcp_close: optional(bool(10)),
  network_lock_method: optional(uint32(11)),
  plugins_entry: optional(nested(12, pluginsEntry)),
  dump_criu_run_id: optional(string(13)),
  allow_uprobes: optional(bool(14)),
});

const cpuVendor = enumeration('vendor', { UNKNOWN: 0, INTEL: 1, AMD: 2 });

export const cpuinfoX86Entry = message('cpuinfo_x86_entry', {
  vendor_id: enumerated(1, cpuVendor),
  cpu_family: uint32(2),
  model: uint32(3),
  stepping: uint32(4),
  capability_ver: uint32(5),
  /** CPUID words, in the order of the kernel's cpufeatures. */
  capability: repeated(uint32(6)),
  model_id: optional(string(7)),
  xfeatures_mask: optional(uint64(8)),
  xsave_size: optional(uint32(9)),
  xsave_size_max: optional(uint32(10)),
});

const cpuEndianness = enumeration('endianness', { BIGENDIAN: 0, LITTLEENDIAN: 1 });

export const cpuinfoPpc64Entry = message('cpuinfo_ppc64_entry', {
  endian: enumerated(1, cpuEndianness),
  hwcap: repeated(uint64(2)),
});

export const cpuinfoS390Entry = message('cpuinfo_s390_entry', {
  hwcap: repeated(uint64(2)),
});

export const cpuinfoEntry = message('cpuinfo_entry', {
  x86_entry: repeated(nested(1, cpuinfoX86Entry)),
  ppc64_entry: repeated(nested(2, cpuinfoPpc64Entry)),
  s390_entry: repeated(nested(3, cpuinfoS390Entry)),
});

/** Times in microseconds, pages as counts of the dumped machine's page size. */
export const dumpStatsEntry = message('dump_stats_entry', {
  freezing_time: uint32(1),
  /** How long the container did not run. */
  frozen_time: uint32(2),
  memdump_time: uint32(3),
  memwrite_time: uint32(4),
  pages_scanned: uint64(5),
  pages_skipped_parent: uint64(6),
  pages_written: uint64(7),
  irmap_resolve: optional(uint32(8)),
  pages_lazy: uint64(9),
  page_pipes: optional(uint64(10)),
  page_pipe_bufs: optional(uint64(11)),
  shpages_scanned: optional(uint64(12)),
  shpages_skipped_parent: optional(uint64(13)),
  shpages_written: optional(uint64(14)),
});

export const restoreStatsEntry = message('restore_stats_entry', {
  pages_compared: uint64(1),
  pages_skipped_cow: uint64(2),
  forking_time: uint32(3),
  restore_time: uint32(4),
  pages_restored: optional(uint64(5)),
});

export const statsEntry = message('stats_entry', {
  dump: optional(nested(1, dumpStatsEntry)),
  restore: optional(nested(2, restoreStatsEntry)),
});
