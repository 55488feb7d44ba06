import type { SourceLocation } from '../bytes/source-location.ts';

/** A file that a process executes, stands in, maps or holds open. */
export interface FileReference {
  /** As the container knew it; `/memfd:NAME (deleted)` for a memfd, as /proc shows it. */
  readonly path: string;
  /** Unlinked while in use. */
  readonly deleted: boolean;
  /** It never had a name on disk. */
  readonly memfd: boolean;
  /** The entry in files.img (or reg-files.img). */
  readonly location: SourceLocation | undefined;
}

interface DescriptorBase {
  readonly fd: number;
  /** O_* flags of the open file description. */
  readonly flags: number;
  readonly closeOnExec: boolean;
  /** CRIU's id: equal ids are one open file description. */
  readonly fileId: number;
  /** What /proc/PID/fd/N would show. */
  readonly path: string;
  readonly location: SourceLocation | undefined;
}

/** One open file descriptor of a process. */
export type Descriptor =
  | (DescriptorBase & { readonly kind: 'file'; readonly file: FileReference; readonly position: bigint })
  | (DescriptorBase & { readonly kind: 'pipe'; readonly pipeId: number; readonly unreadBytes: number })
  | (DescriptorBase & { readonly kind: 'socket'; readonly socket: Socket })
  | (DescriptorBase & { readonly kind: 'terminal'; readonly unreadBytes: number })
  | (DescriptorBase & { readonly kind: OtherDescriptorKind });

export type OtherDescriptorKind =
  | 'eventfd'
  | 'eventpoll'
  | 'signalfd'
  | 'timerfd'
  | 'inotify'
  | 'fanotify'
  | 'namespace'
  | 'pidfd'
  | 'tun'
  | 'bpf-map'
  | 'unknown';

export type Socket = InternetSocket | UnixSocket | OtherSocket;

interface SocketBase {
  readonly inode: number;
  /** SO_SNDBUF and SO_RCVBUF, in bytes; 0 where CRIU did not record them. */
  readonly sendBuffer: number;
  readonly receiveBuffer: number;
  /** Bytes that the peer had not acknowledged, or that the kernel had not yet sent. */
  readonly unsentBytes: number;
  /** Bytes that had arrived and that the program had not read. */
  readonly unreadBytes: number;
}

export interface InternetSocket extends SocketBase {
  readonly family: 'ipv4' | 'ipv6';
  readonly protocol: 'tcp' | 'udp' | 'udplite' | 'icmp' | 'raw' | 'unknown';
  /** As `ss` names them: `LISTEN`, `ESTABLISHED`… */
  readonly state: string;
  readonly sourceAddress: string;
  readonly sourcePort: number;
  readonly destinationAddress: string;
  readonly destinationPort: number;
  readonly interfaceName: string | undefined;
}

export interface UnixSocket extends SocketBase {
  readonly family: 'unix';
  readonly type: 'stream' | 'datagram' | 'seqpacket' | 'unknown';
  readonly state: string;
  /** The bound name; abstract names begin with `@`. */
  readonly name: string;
  readonly peerInode: number;
}

export interface OtherSocket extends SocketBase {
  readonly family: 'packet' | 'netlink' | 'unknown';
  readonly protocol: number;
  readonly type: string;
}
