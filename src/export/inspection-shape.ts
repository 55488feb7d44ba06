/**
 * The JSON of `exhibit inspect --json`, of the API and of the web: one element per archive. Declared here once.
 *
 * Names, nesting and values of the fields that checkpointctl prints are checkpointctl's (its internal/json.go, 1.3 to
 * 1.5), so that its users' scripts read this too; everything else is ours and only adds. docs/formats/inspection.md
 * describes each field for users. Sizes are bytes, times of `statistics` microseconds, addresses `0x…` strings.
 * A field is left out where its part was not asked for or where the archive does not say.
 */
import type { Note } from '../bytes/note.ts';
import type { SourceLocation } from '../bytes/source-location.ts';
import type { HeldFile, RootfsChange } from '../checkpoint/checkpoint.ts';
import type { InspectedCapture } from './inspection-capture.ts';
import type {
  InspectedControlGroup,
  InspectedControlGroupSet,
  InspectedIpcNamespace,
  InspectedNetwork,
  InspectedRegisters,
  InspectedSeccompFilter,
  InspectedTimer,
} from './inspection-kernel-shape.ts';

export interface Inspection {
  /** The file as the user named it. */
  readonly archive: string;
  readonly archive_size: number;
  readonly compression: string;
  readonly container_name: string;
  readonly image: string;
  readonly image_id?: string;
  readonly id: string;
  readonly runtime: string;
  /** RFC 3339 to the second, as checkpointctl prints it; `created_at` is what the engine wrote. */
  readonly created: string;
  readonly created_at?: string;
  readonly checkpointed?: string;
  readonly checkpointed_at?: string;
  readonly engine: string;
  readonly pod?: { readonly name: string; readonly namespace: string; readonly uid?: string };
  readonly hostname?: string;
  readonly ip?: string;
  readonly mac?: string;
  readonly checkpoint_size: InspectedSizes;
  /** Only of what was captured without CRIU: how, and what such a capture cannot show. */
  readonly capture?: InspectedCapture;
  readonly statistics?: InspectedStatistics;
  readonly metadata?: InspectedMetadata;
  readonly process_tree?: InspectedProcess;
  /** Processes whose parent is not in the archive, other than the first: the trees below them. */
  readonly other_process_trees?: readonly InspectedProcess[];
  readonly file_descriptors?: readonly InspectedFiles[];
  readonly sockets?: readonly InspectedSockets[];
  readonly mounts?: readonly InspectedMount[];
  readonly rootfs_changes?: readonly RootfsChange[];
  readonly held_files?: readonly InspectedHeldFile[];
  readonly container_log?: InspectedLog;
  readonly control_group_sets?: readonly InspectedControlGroupSet[];
  readonly control_groups?: readonly InspectedControlGroup[];
  readonly ipc_namespaces?: readonly InspectedIpcNamespace[];
  readonly seccomp_filters?: readonly InspectedSeccompFilter[];
  readonly network_namespaces?: readonly InspectedNetwork[];
  /** What was damaged, missing or unknown while this was read. */
  readonly notes: readonly Note[];
}

export interface InspectedSizes {
  /** All files under `checkpoint/`. */
  readonly total_size: number;
  readonly memory_pages_size: number;
  readonly root_fs_diff_size: number;
}

export interface InspectedStatistics {
  readonly freezing_time: number;
  readonly frozen_time: number;
  readonly memdump_time: number;
  readonly memwrite_time: number;
  readonly pages_scanned: number;
  readonly pages_written: number;
}

export interface InspectedMetadata {
  readonly pod_name?: string;
  readonly kubernetes_namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface InspectedProcess {
  /** As seen inside the container. */
  readonly pid: number;
  /** /proc/PID/comm. */
  readonly command: string;
  /** argv joined with spaces; `arguments` is the exact one. */
  readonly cmdline?: string;
  readonly arguments?: readonly string[];
  /** The name that was given to execve (AT_EXECFN), as it stands on the stack. */
  readonly executed_as?: string;
  /** `Alive`, `Stopped`, `Dead` (a zombie), as checkpointctl words it. */
  readonly task_state: string;
  /** The wait status of a dead process. */
  readonly exit_code?: number;
  /** When it started, RFC 3339 by the node's clock; CRIU does not record it. */
  readonly started?: string;
  /** As the node counted it; with `started`. */
  readonly node_pid?: number;
  readonly parent_pid: number;
  readonly process_group: number;
  readonly session: number;
  readonly thread_count: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly executable?: InspectedReference;
  readonly working_directory?: InspectedReference;
  readonly root?: InspectedReference;
  readonly umask?: number;
  /** Strings with a `=`, by name; of a name that occurs twice the last one, as checkpointctl does. */
  readonly environment_variables?: Readonly<Record<string, string>>;
  /** Every string, in order. */
  readonly environment?: readonly string[];
  readonly credentials?: InspectedCredentials;
  readonly namespaces?: Readonly<Record<string, number>>;
  readonly threads?: readonly InspectedThread[];
  readonly timers?: readonly InspectedTimer[];
  readonly memory_maps?: readonly InspectedRegion[];
  readonly source: SourceLocation;
  readonly children?: readonly InspectedProcess[];
}

export interface InspectedReference {
  readonly path: string;
  readonly deleted: boolean;
  readonly memfd: boolean;
  readonly source?: SourceLocation;
}

export interface InspectedCredentials {
  readonly uid: number;
  readonly euid: number;
  readonly suid: number;
  readonly fsuid: number;
  readonly gid: number;
  readonly egid: number;
  readonly sgid: number;
  readonly fsgid: number;
  readonly groups: readonly number[];
  /** Names as in capabilities(7). */
  readonly capabilities: Readonly<
    Record<'effective' | 'permitted' | 'inheritable' | 'bounding' | 'ambient', readonly string[]>
  >;
  readonly secure_bits: number;
  readonly no_new_privileges: boolean;
  readonly seccomp: string;
  readonly lsm_profile?: string;
}

export interface InspectedThread {
  /** The kernel function that it waited in; only of what was captured without CRIU. */
  readonly waits_in?: string;
  readonly tid: number;
  readonly command: string;
  readonly instruction_pointer?: string;
  readonly stack_pointer?: string;
  readonly scheduling_policy?: number;
  readonly nice?: number;
  readonly registers?: InspectedRegisters;
  readonly credentials?: InspectedCredentials;
}

/** A line of /proc/PID/maps, with what of it is in the archive. */
export interface InspectedRegion {
  readonly start: string;
  readonly end: string;
  readonly permissions: string;
  readonly file_offset: string;
  readonly kind: string;
  readonly name: string;
  readonly size: number;
  readonly present_size: number;
  readonly source: SourceLocation;
}

export interface InspectedFiles {
  readonly pid: number;
  readonly open_files: readonly InspectedFile[];
}

export interface InspectedFile {
  /** CRIU's name of the kind, `REG`, `PIPE`, `INETSK`…; empty for cwd and root. */
  readonly type: string;
  /** `REG 3`, or `cwd` and `root`. */
  readonly fd: string;
  /** As checkpointctl writes it: a path, `pipe[ID]`, `unix[INODE (PEER) NAME]`, `INETSK.ID`. */
  readonly path: string;
  /** What /proc/PID/fd/N showed. */
  readonly target: string;
  readonly number?: number;
  readonly deleted?: boolean;
  readonly memfd?: boolean;
  /** O_* flags in octal, as /proc/PID/fdinfo shows them. */
  readonly flags?: string;
  readonly close_on_exec?: boolean;
  readonly position?: bigint;
  readonly unread_bytes?: number;
  /** Equal ids are one open file description. */
  readonly file_id?: number;
  readonly source?: SourceLocation;
}

export interface InspectedSockets {
  readonly pid: number;
  readonly open_sockets: readonly InspectedSocket[];
}

export interface InspectedSocket {
  readonly protocol?: string;
  readonly data: InspectedSocketData;
  readonly fd: number;
  readonly family: string;
  readonly inode: number;
  readonly file_id: number;
  readonly unread_bytes: number;
  readonly unsent_bytes: number;
  /** SO_SNDBUF and SO_RCVBUF; `send_buf` and `recv_buf` are checkpointctl's wording of them. */
  readonly send_buffer_size: number;
  readonly receive_buffer_size: number;
  /** `stream`, `datagram`… of a unix, packet or netlink socket. */
  readonly socket_type?: string;
  /** Of a unix socket, which checkpointctl tells no state. */
  readonly socket_state?: string;
  readonly peer_inode?: number;
  readonly interface?: string;
  readonly source?: SourceLocation;
}

export interface InspectedSocketData {
  readonly type?: string;
  readonly address?: string;
  readonly state?: string;
  readonly src?: string;
  readonly src_port?: number;
  readonly dst?: string;
  readonly dst_port?: number;
  readonly send_buf?: string;
  readonly recv_buf?: string;
}

export interface InspectedMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export type InspectedHeldFile = Pick<HeldFile, 'path' | 'kind' | 'size' | 'mode' | 'entry'>;

export interface InspectedLog {
  readonly entry: string;
  readonly size: number;
  /** The last lines, oldest first. */
  readonly tail: readonly string[];
}
