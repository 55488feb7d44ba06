import type { ArchiveIndex } from '../archive/archive-index.ts';
import type { CaptureRecord, RecordedProcess } from '../archive/capture-record.ts';
import type { Note } from '../bytes/note.ts';
import type { SourceLocation } from '../bytes/source-location.ts';
import type { AddressSpace } from './address-space.ts';
import type { Descriptor, FileReference } from './descriptors.ts';
import type { KernelObjects } from './kernel-objects.ts';
import type { Registers } from './registers.ts';
import type { Timer } from './timers.ts';

/** What wrote the archive. */
export type Engine = 'containerd' | 'cri-o' | 'podman' | 'unknown';

/**
 * One frozen container, whichever engine wrote it. Immutable; parts that cost reads are asynchronous and are read
 * once, when first asked for. Damage never throws from here: it is a note, and the readable rest comes back.
 */
export interface Checkpoint {
  /** The name of the file as the user gave it, for messages. */
  readonly name: string;
  readonly archive: ArchiveIndex;
  readonly engine: Engine;
  readonly container: Container;
  /** Undefined for a container outside Kubernetes. */
  readonly pod: Pod | undefined;
  readonly sizes: Sizes;
  /** How a capture of our own was taken, and what it cannot show; undefined for what CRIU wrote. */
  readonly capture?: CaptureRecord | undefined;
  statistics(): Promise<Statistics | undefined>;
  /** In the order of pstree.img, parents before children. Empty where there are no CRIU images. */
  processes(): Promise<readonly Process[]>;
  mounts(): Promise<readonly Mount[]>;
  /** What the container added, changed and deleted in its root filesystem, as rootfs-diff.tar says. */
  rootfsChanges(): Promise<readonly RootfsChange[]>;
  /** Files whose content is in the archive: changed ones, tmpfs contents, volumes, deleted ones, memfds, shared memory. */
  heldFiles(): Promise<readonly HeldFile[]>;
  /** Control groups, IPC, network namespaces, seccomp filters. */
  readonly kernel: KernelObjects;
  /** Notes of everything read so far; reading more may add some. */
  notes(): readonly Note[];
}

export interface Container {
  readonly id: string | undefined;
  readonly name: string | undefined;
  /** The image as the user named it. */
  readonly image: string | undefined;
  /** The image's digest or id, where the engine recorded it. */
  readonly imageId: string | undefined;
  readonly runtime: string | undefined;
  /** ISO 8601, as the engine wrote it. */
  readonly created: string | undefined;
  readonly checkpointed: string | undefined;
  /** The container's own address where the engine recorded one. */
  readonly ip: string | undefined;
  readonly mac: string | undefined;
  /** From the OCI runtime configuration. */
  readonly hostname: string | undefined;
  readonly arguments: readonly string[];
  readonly environment: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Pod {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string | undefined;
}

/** In bytes. */
export interface Sizes {
  readonly total: number;
  readonly memoryPages: number;
  readonly rootfsDiff: number;
}

/** From stats-dump: times in microseconds, pages as counts. */
export interface Statistics {
  readonly freezingTime: number;
  readonly frozenTime: number;
  readonly memdumpTime: number;
  readonly memwriteTime: number;
  readonly pagesScanned: number;
  readonly pagesWritten: number;
}

/** One process, with numbers as seen inside its own PID namespace. */
export interface Process {
  readonly pid: number;
  readonly parentPid: number;
  readonly processGroup: number;
  readonly session: number;
  /** The 15 bytes of /proc/PID/comm. */
  readonly comm: string;
  readonly state: TaskState;
  /** The wait status of a zombie. */
  readonly exitCode: number;
  readonly threads: readonly Thread[];
  readonly credentials: Credentials | undefined;
  /** Namespace kind (`pid`, `net`, `mnt`, `user`…) to CRIU's id of it: equal ids are one namespace. */
  readonly namespaces: Readonly<Record<string, number>>;
  readonly executable: FileReference | undefined;
  readonly workingDirectory: FileReference | undefined;
  readonly root: FileReference | undefined;
  readonly umask: number | undefined;
  /** What only a capture of our own tells of it, such as when it started. */
  readonly recorded?: RecordedProcess | undefined;
  /** What the kernel told it at its start (getauxval(3)): words in pairs of AT_ type and value. */
  readonly auxiliaryVector: readonly bigint[];
  /** The process's entry in its core image, or in pstree.img when that is missing. */
  readonly location: SourceLocation;
  /** Undefined for a zombie, or when both the mm image and the pagemap are missing. */
  addressSpace(): Promise<AddressSpace | undefined>;
  /**
   * argv, or the title that the process wrote over it, from its own memory; undefined when its first page is not in the
   * archive. Zeros that pad a title are no arguments.
   */
  commandLine(): Promise<readonly string[] | undefined>;
  /** envp, from the process's own memory. Strings without `=` are legal and kept. */
  environment(): Promise<readonly string[] | undefined>;
  /** In ascending order of number. */
  descriptors(): Promise<readonly Descriptor[]>;
  timers(): Promise<readonly Timer[]>;
}

export type TaskState = 'alive' | 'dead' | 'stopped' | 'helper' | 'thread' | 'unknown';

export interface Thread {
  readonly tid: number;
  readonly comm: string;
  readonly credentials: Credentials | undefined;
  readonly instructionPointer: bigint | undefined;
  readonly stackPointer: bigint | undefined;
  readonly schedulingPolicy: number | undefined;
  readonly nice: number | undefined;
  /** Index of the last seccomp filter that was put on it. */
  readonly seccompFilter: number | undefined;
  /** Id of the set of control groups that it was in. */
  readonly controlGroupSet: number | undefined;
  /** Bit N - 1 is signal N. */
  readonly blockedSignals: bigint;
  /** Those sent to this thread alone; bits as above. */
  readonly pendingSignals: bigint;
  registers(): Promise<Registers | undefined>;
}

export interface Credentials {
  readonly uid: number;
  readonly euid: number;
  readonly suid: number;
  readonly fsuid: number;
  readonly gid: number;
  readonly egid: number;
  readonly sgid: number;
  readonly fsgid: number;
  readonly groups: readonly number[];
  readonly capabilities: Readonly<
    Record<'effective' | 'permitted' | 'inheritable' | 'bounding' | 'ambient', bigint>
  >;
  readonly secureBits: number;
  readonly noNewPrivileges: boolean;
  readonly seccomp: 'disabled' | 'strict' | 'filter';
  readonly lsmProfile: string | undefined;
}

export interface Mount {
  readonly destination: string;
  /** The filesystem type, as `tmpfs`, or `bind`. */
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface RootfsChange {
  /** Absolute, as the container knew it. */
  readonly path: string;
  readonly kind: 'present' | 'deleted';
  readonly type: string;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modified: number;
}

/** A file of the container whose content is in the archive. */
export interface HeldFile {
  /** Absolute, as the container knew it; `memfd:NAME` for a memfd, `SYSV…` for System V shared memory. */
  readonly path: string;
  readonly kind: 'rootfs' | 'tmpfs' | 'volume' | 'deleted' | 'memfd' | 'shared-memory';
  readonly size: number;
  readonly mode: number;
  /** The archive entry that holds it. */
  readonly entry: string;
  /** The content, in order and in bounded pieces; holes come as zeros. */
  content(): AsyncIterable<Uint8Array>;
}
