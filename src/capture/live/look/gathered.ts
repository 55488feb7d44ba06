/**
 * Everything that is read of a container while it stands still, as the kernel wrote it: reading is quick, and what it means
 * is found out once the container runs again. Text is the content of files of /proc (proc(5)), decoded as UTF-8.
 */

/** Files of /proc/PID that are read as text; absent where the kernel has none or it could not be read. */
export const PROCESS_FILES = [
  'stat',
  'status',
  'maps',
  'smaps',
  'cgroup',
  'limits',
  'mountinfo',
  'timers',
  'uid_map',
  'gid_map',
  'setgroups',
  'oom_score_adj',
  'loginuid',
  'personality',
  'coredump_filter',
  'timens_offsets',
  'attr/current',
] as const;
export type ProcessFile = (typeof PROCESS_FILES)[number];

/** Files of /proc/PID/task/TID. */
export const THREAD_FILES = ['stat', 'status', 'comm', 'syscall', 'wchan'] as const;
export type ThreadFile = (typeof THREAD_FILES)[number];

/** Files of /proc/PID/net, read once for each network namespace. */
export const NETWORK_FILES = [
  'tcp',
  'tcp6',
  'udp',
  'udp6',
  'udplite',
  'udplite6',
  'raw',
  'raw6',
  'icmp',
  'icmp6',
  'unix',
  'netlink',
  'packet',
  'dev',
  'if_inet6',
  'route',
  'ipv6_route',
  'arp',
  'fib_trie',
] as const;
export type NetworkFile = (typeof NETWORK_FILES)[number];

/** Namespaces by the names that /proc/PID/ns has. */
export const NAMESPACES = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'] as const;
export type NamespaceName = (typeof NAMESPACES)[number];

/** What stat(2) says of the file behind a descriptor or a link. */
export interface GatheredStat {
  /** The kernel's device number of the file system, in the C library's encoding (`st_dev`). */
  readonly dev: bigint;
  readonly ino: bigint;
  /** Type and permissions (`st_mode`). */
  readonly mode: number;
  readonly rdev: bigint;
  /** Bytes. */
  readonly size: bigint;
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
}

/** A link of /proc/PID and what it leads to. */
export interface GatheredLink {
  /** What readlink says: `/tmp/x (deleted)`, `socket:[12]`. */
  readonly link: string;
  readonly stat: GatheredStat | undefined;
}

export interface GatheredDescriptor extends GatheredLink {
  readonly fd: number;
  /** /proc/PID/fdinfo/FD: position, flags, mount id, and what its kind of file adds (epoll targets, watches, locks…). */
  readonly info: string;
}

export interface GatheredThread {
  /** As the node counts. */
  readonly tid: number;
  readonly files: Readonly<Partial<Record<ThreadFile, string>>>;
}

export interface GatheredProcess {
  /** As the node counts; `status` has its number in the container (NSpid). */
  readonly pid: number;
  readonly files: Readonly<Partial<Record<ProcessFile, string>>>;
  /** Bytes, since nothing says that they are text. */
  readonly commandLine: Uint8Array;
  readonly environment: Uint8Array;
  readonly auxv: Uint8Array;
  readonly executable: GatheredLink | undefined;
  readonly workingDirectory: GatheredLink | undefined;
  readonly root: GatheredLink | undefined;
  /** The inode number of each namespace. */
  readonly namespaces: Readonly<Partial<Record<NamespaceName, bigint>>>;
  /** In ascending order of number. */
  readonly descriptors: readonly GatheredDescriptor[];
  /** In ascending order of number; the first one is the process's own. */
  readonly threads: readonly GatheredThread[];
}

export interface GatheredNetwork {
  /** The inode number of the namespace. */
  readonly namespace: bigint;
  readonly files: Readonly<Partial<Record<NetworkFile, string>>>;
}

/** The node, as far as an examiner asks for it. */
export interface GatheredNode {
  readonly hostname: string;
  /** `uname -r`. */
  readonly kernel: string;
  /** `uname -m`: x86_64 or aarch64. */
  readonly machine: string;
  /** Seconds since 1970 (`btime` of /proc/stat). */
  readonly bootTime: number;
  /** /proc/sys/kernel/random/boot_id. */
  readonly bootId: string;
  /** `_SC_CLK_TCK`: what the kernel counts times in for user space; 100 on every architecture that containers run on. */
  readonly ticksPerSecond: number;
  /** Bytes, from the auxiliary vector (AT_PAGESZ). */
  readonly pageSize: number;
  /** /proc/locks. */
  readonly locks: string;
}

export interface GatheredContainer {
  readonly node: GatheredNode;
  /** The container's first process first, the others in ascending order of number. */
  readonly processes: readonly GatheredProcess[];
  readonly networks: readonly GatheredNetwork[];
  /** What was not read, and why. */
  readonly gaps: readonly string[];
}
