/**
 * Sockets by inode, from the tables of every network namespace of the container. A socket is one open file however many
 * descriptors lead to it. Options, the other end of unix sockets and the length of a listening queue are known to sock_diag
 * only (netlink), which a program without a library of its own cannot ask.
 */
import type { FileEntry } from '../../../criu/schemas/files.ts';
import type { GatheredNetwork } from '../look/gathered.ts';
import type { DescriptorInfo } from '../proc/descriptor-info.ts';
import { type InternetSocketLine, parseInternetSockets } from '../proc/internet-sockets.ts';
import {
  type NetlinkSocketLine,
  type PacketSocketLine,
  parseNetlinkSockets,
  parsePacketSockets,
} from '../proc/kernel-sockets.ts';
import { parseUnixSockets, type UnixSocketLine } from '../proc/unix-sockets.ts';
import { UNKNOWN_OWNER } from './file-book.ts';
import { namespaceId } from './namespace-files.ts';

type SocketLine =
  | { readonly kind: 'internet'; readonly socket: InternetSocketLine }
  | { readonly kind: 'unix'; readonly socket: UnixSocketLine }
  | { readonly kind: 'netlink'; readonly socket: NetlinkSocketLine }
  | { readonly kind: 'packet'; readonly socket: PacketSocketLine };

export type KnownSocket = SocketLine & { readonly namespace: bigint };

export interface SocketTable {
  /** Undefined for sockets that no table shows: of another family, or neither bound nor connected. */
  find(inode: number): KnownSocket | undefined;
  readonly gaps: readonly string[];
}

export function readSocketTable(networks: readonly GatheredNetwork[]): SocketTable {
  const sockets = new Map<number, KnownSocket>();
  const gaps: string[] = [];
  for (const { namespace, files } of networks) {
    const unix = parseUnixSockets(files.unix);
    if (unix.ambiguous.size > 0)
      gaps.push(
        `${unix.ambiguous.size} unix sockets stand in /proc/net/unix more than once: a name forges lines`,
      );
    const lines: readonly SocketLine[] = [
      ...parseInternetSockets(files).map((socket) => ({ kind: 'internet' as const, socket })),
      ...[...unix.sockets.values()].map((socket) => ({ kind: 'unix' as const, socket })),
      ...parseNetlinkSockets(files.netlink).map((socket) => ({ kind: 'netlink' as const, socket })),
      ...parsePacketSockets(files.packet).map((socket) => ({ kind: 'packet' as const, socket })),
    ];
    for (const line of lines) sockets.set(line.socket.inode, { ...line, namespace });
  }
  return { find: (inode) => sockets.get(inode), gaps };
}

/** What SO_SNDBUF and the others are is not known; the messages have no way to leave them out. */
const UNKNOWN_OPTIONS = {
  so_sndbuf: 0,
  so_rcvbuf: 0,
  so_snd_tmo_sec: 0n,
  so_snd_tmo_usec: 0n,
  so_rcv_tmo_sec: 0n,
  so_rcv_tmo_usec: 0n,
  so_filter: [],
};

/** Numbers of include/net/tcp_states.h, which CRIU uses for unix sockets too. */
const UNIX_STATES = { connected: 1, unconnected: 7, listening: 10 } as const;

export function socketEntry(
  id: number,
  known: KnownSocket,
  { flags }: DescriptorInfo,
): Omit<FileEntry, 'id'> {
  const base = {
    id,
    flags,
    fown: UNKNOWN_OWNER,
    opts: UNKNOWN_OPTIONS,
    ns_id: namespaceId(known.namespace),
  };
  switch (known.kind) {
    case 'internet':
      return { type: 'INETSK', isk: { ...base, ...internetFields(known.socket) } };
    case 'unix':
      return { type: 'UNIXSK', usk: { ...base, ...unixFields(known.socket) } };
    case 'netlink':
      return { type: 'NETLINKSK', nlsk: { ...base, ...netlinkFields(known.socket) } };
    case 'packet':
      return { type: 'PACKETSK', psk: { ...base, ...packetFields(known.socket) } };
  }
}

function internetFields(socket: InternetSocketLine) {
  return {
    ino: socket.inode,
    family: socket.family,
    type: socket.type,
    proto: socket.protocol,
    state: socket.state,
    src_port: socket.sourcePort,
    dst_port: socket.destinationPort,
    backlog: 0,
    src_addr: socket.sourceAddress,
    dst_addr: socket.destinationAddress,
  };
}

function unixFields({ inode, type, state, name }: UnixSocketLine) {
  return {
    ino: inode,
    type,
    state: UNIX_STATES[state],
    uflags: 0,
    backlog: 0,
    peer: 0,
    name: unixName(name),
  };
}

/** A path has its closing NUL, an abstract name begins with one. */
function unixName(name: string): Uint8Array {
  if (name === '') return new Uint8Array();
  return Buffer.from(name.startsWith('@') ? `\0${name.slice(1)}` : `${name}\0`);
}

function netlinkFields({ inode, protocol, portId, groups }: NetlinkSocketLine) {
  return {
    ino: inode,
    protocol,
    state: 0,
    portid: portId,
    groups: groups === 0 ? [] : [groups],
    dst_portid: 0,
    dst_group: 0,
  };
}

function packetFields({ type, protocol, interfaceIndex }: PacketSocketLine) {
  return {
    type,
    // In network order, as bind(2) takes it.
    protocol: ((protocol & 0xff) << 8) | (protocol >>> 8),
    ifindex: interfaceIndex,
    version: 0,
    reserve: 0,
    aux_data: false,
    orig_dev: false,
    vnet_hdr: false,
    loss: false,
    timestamp: 0,
    copy_thresh: 0,
    mclist: [],
  };
}
