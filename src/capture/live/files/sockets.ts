/**
 * Sockets by inode, from the tables of every network namespace of the container, and from sock_diag where it could be asked:
 * it knows the other ends of unix sockets, exact names, buffers, and how many connections may wait. A socket is one open file
 * however many descriptors lead to it. Most options are known to its holder only (getsockopt).
 */
import { concat } from '../../../bytes/concat.ts';
import type { FileEntry } from '../../../criu/schemas/files.ts';
import type { GatheredNetlink } from '../look/gather-netlink.ts';
import type { GatheredNetwork } from '../look/gathered.ts';
import type { DescriptorInfo } from '../proc/descriptor-info.ts';
import { type InternetSocketLine, parseInternetSockets } from '../proc/internet-sockets.ts';
import {
  type NetlinkSocketLine,
  type PacketSocketLine,
  parseNetlinkSockets,
  parsePacketSockets,
} from '../proc/kernel-sockets.ts';
import {
  parseInternetDiag,
  parseUnixDiag,
  type SocketDetails,
  type UnixSocketDetails,
} from '../proc/socket-diag.ts';
import { parseUnixSockets } from '../proc/unix-sockets.ts';
import { UNKNOWN_OWNER } from './file-book.ts';
import { namespaceId } from './namespace-files.ts';

type UnixSocket = Pick<UnixSocketDetails, 'inode' | 'type' | 'state' | 'name' | 'peer'>;

type SocketLine =
  | { readonly kind: 'internet'; readonly socket: InternetSocketLine }
  | { readonly kind: 'unix'; readonly socket: UnixSocket }
  | { readonly kind: 'netlink'; readonly socket: NetlinkSocketLine }
  | { readonly kind: 'packet'; readonly socket: PacketSocketLine };

export type KnownSocket = SocketLine & {
  readonly namespace: bigint;
  readonly details: SocketDetails | undefined;
};

export interface SocketTable {
  /** Undefined for sockets that no table shows: of another family, or neither bound nor connected. */
  find(inode: number): KnownSocket | undefined;
  readonly gaps: readonly string[];
}

export function readSocketTable(
  networks: readonly GatheredNetwork[],
  asked: ReadonlyMap<bigint, GatheredNetlink>,
): SocketTable {
  const sockets = new Map<number, KnownSocket>();
  const gaps: string[] = [];
  for (const { namespace, files } of networks) {
    const answers = asked.get(namespace);
    const unix = answers && parseUnixDiag(answers.unix);
    const internet = parseInternetDiag(answers?.internet ?? []);
    const details = new Map([...(unix ?? []), ...internet].map((each) => [each.inode, each]));
    const lines: readonly SocketLine[] = [
      ...parseInternetSockets(files).map((socket) => ({ kind: 'internet' as const, socket })),
      ...(unix ?? unixLines(files, gaps)).map((socket) => ({ kind: 'unix' as const, socket })),
      ...parseNetlinkSockets(files.netlink).map((socket) => ({ kind: 'netlink' as const, socket })),
      ...parsePacketSockets(files.packet).map((socket) => ({ kind: 'packet' as const, socket })),
    ];
    for (const line of lines) {
      const { inode } = line.socket;
      sockets.set(inode, { ...line, namespace, details: details.get(inode) });
    }
  }
  return { find: (inode) => sockets.get(inode), gaps };
}

/** Where sock_diag was not asked. */
function unixLines({ unix }: GatheredNetwork['files'], gaps: string[]): readonly UnixSocket[] {
  const { sockets, ambiguous } = parseUnixSockets(unix);
  if (ambiguous.size > 0)
    gaps.push(`${ambiguous.size} unix sockets stand in /proc/net/unix more than once: a name forges lines`);
  return [...sockets.values()].map(({ inode, type, state, name }) => ({
    inode,
    type,
    state: UNIX_STATES[state],
    name: Buffer.from(name.startsWith('@') ? `\0${name.slice(1)}` : name),
    peer: 0,
  }));
}

/** What SO_RCVTIMEO and the others are is not known; the messages have no way to leave them out. */
const UNKNOWN_OPTIONS = {
  so_snd_tmo_sec: 0n,
  so_snd_tmo_usec: 0n,
  so_rcv_tmo_sec: 0n,
  so_rcv_tmo_usec: 0n,
  so_filter: [],
};

const SHUTDOWNS = [undefined, 'READ', 'WRITE', 'BOTH'] as const;

/** Numbers of include/net/tcp_states.h, which CRIU uses for unix sockets too. */
const UNIX_STATES = { connected: 1, unconnected: 7, listening: 10 } as const;
const LISTENING = UNIX_STATES.listening;

export function socketEntry(
  id: number,
  known: KnownSocket,
  { flags }: DescriptorInfo,
): Omit<FileEntry, 'id'> {
  const { details } = known;
  const opts = {
    ...UNKNOWN_OPTIONS,
    so_sndbuf: details?.sendBuffer ?? 0,
    so_rcvbuf: details?.receiveBuffer ?? 0,
  };
  const base = { id, flags, fown: UNKNOWN_OWNER, opts, ns_id: namespaceId(known.namespace) };
  const shutdown = SHUTDOWNS[details?.shutdown ?? 0];
  switch (known.kind) {
    case 'internet':
      return { type: 'INETSK', isk: { ...base, ...internetFields(known.socket, details), shutdown } };
    case 'unix':
      return { type: 'UNIXSK', usk: { ...base, ...unixFields(known.socket, details), shutdown } };
    case 'netlink':
      return { type: 'NETLINKSK', nlsk: { ...base, ...netlinkFields(known.socket) } };
    case 'packet':
      return { type: 'PACKETSK', psk: { ...base, ...packetFields(known.socket) } };
  }
}

function internetFields(socket: InternetSocketLine, details: SocketDetails | undefined) {
  return {
    ino: socket.inode,
    family: socket.family,
    type: socket.type,
    proto: socket.protocol,
    state: socket.state,
    src_port: socket.sourcePort,
    dst_port: socket.destinationPort,
    backlog: socket.state === LISTENING ? (details?.sendQueue ?? 0) : 0,
    src_addr: socket.sourceAddress,
    dst_addr: socket.destinationAddress,
  };
}

function unixFields({ inode, type, state, name, peer }: UnixSocket, details: SocketDetails | undefined) {
  // CRIU takes what sock_diag says for sockets of any state.
  return { ino: inode, type, state, uflags: 0, backlog: details?.sendQueue ?? 0, peer, name: unixName(name) };
}

/** A path has its closing NUL; an abstract name, which begins with one, has none. */
const unixName = (name: Uint8Array): Uint8Array =>
  name.length === 0 || name[0] === 0 ? name : concat([name, new Uint8Array(1)]);

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
