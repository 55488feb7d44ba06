/**
 * Sockets by inode, from the tables of every network namespace of the container, and from sock_diag where it could be asked:
 * it knows the other ends of unix sockets, exact names, buffers, and how many connections may wait. A socket is one open file
 * however many descriptors lead to it. Its options are known where it could be asked (getsockopt), and so is of which kind one
 * is that no table has, being bound to nothing.
 */
import { concat } from '../../../bytes/concat.ts';
import type { FileEntry } from '../../../criu/schemas/files.ts';
import type { GatheredNetlink } from '../look/gather-netlink.ts';
import type { GatheredNetwork } from '../look/gathered.ts';
import type { SocketOption, SocketOptions, SocketOptionsLook } from '../look/socket-options.ts';
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
import type { OwnerOf } from './file-owners.ts';
import { namespaceId } from './namespace-files.ts';
import { internetOptions, socketOptions, tcpOptions } from './socket-options.ts';

type InternetSocket = Omit<InternetSocketLine, 'sendQueue' | 'receiveQueue' | 'retransmits' | 'uid'>;
type UnixSocket = Pick<UnixSocketDetails, 'inode' | 'type' | 'state' | 'name' | 'peer'>;

type SocketLine =
  | { readonly kind: 'internet'; readonly socket: InternetSocket }
  | { readonly kind: 'unix'; readonly socket: UnixSocket }
  | { readonly kind: 'netlink'; readonly socket: NetlinkSocketLine }
  | { readonly kind: 'packet'; readonly socket: PacketSocketLine };

export type KnownSocket = SocketLine & {
  readonly namespace: bigint;
  readonly details: SocketDetails | undefined;
  readonly options: SocketOptions | undefined;
};

export interface SocketTable {
  /**
   * `namespace` is that of the network of a process which holds it. Undefined for sockets of another family, and where it could
   * not be asked for those that are bound to nothing.
   */
  find(inode: number, namespace: bigint | undefined): KnownSocket | undefined;
  readonly gaps: readonly string[];
}

export function readSocketTable(
  networks: readonly GatheredNetwork[],
  asked: ReadonlyMap<bigint, GatheredNetlink>,
  options: SocketOptionsLook,
): SocketTable {
  const sockets = new Map<number, KnownSocket>();
  const gaps: string[] = [...options.gaps];
  const optionsOf = (inode: number): SocketOptions | undefined => options.sockets.get(`socket:[${inode}]`);
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
      sockets.set(inode, { ...line, namespace, details: details.get(inode), options: optionsOf(inode) });
    }
  }
  return {
    find: (inode, namespace) => {
      const known = sockets.get(inode);
      if (known !== undefined || namespace === undefined) return known;
      const asked = optionsOf(inode);
      const line = asked && unboundSocket(inode, asked);
      return line && { ...line, namespace, details: undefined, options: asked };
    },
    gaps,
  };
}

const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
/** SOCK_RAW of socket(2). */
const RAW = 3;
/** TCP_CLOSE of include/net/tcp_states.h. */
const CLOSED = 7;

/** One that is in no table. */
function unboundSocket(inode: number, { values }: SocketOptions): SocketLine | undefined {
  const family = values.get('domain');
  const protocol = values.get('protocol') ?? 0;
  if (family === AF_NETLINK) return { kind: 'netlink', socket: { inode, protocol, portId: 0, groups: 0 } };
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const nowhere = family === AF_INET ? [0] : [0, 0, 0, 0];
  const socket = {
    inode,
    family,
    type: values.get('type') ?? 0,
    protocol,
    sourceAddress: nowhere,
    sourcePort: 0,
    destinationAddress: nowhere,
    destinationPort: 0,
    state: CLOSED,
  };
  return { kind: 'internet', socket };
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

/** `ownerOf` says who is signalled, as the container counts. */
export function socketEntry(
  id: number,
  known: KnownSocket,
  { flags }: DescriptorInfo,
  ownerOf: OwnerOf,
): Omit<FileEntry, 'id'> {
  const { details, options } = known;
  const opts =
    options === undefined
      ? {
          ...UNKNOWN_OPTIONS,
          so_sndbuf: details?.sendBuffer ?? 0,
          so_rcvbuf: details?.receiveBuffer ?? 0,
        }
      : socketOptions(options);
  const base = { id, flags, fown: ownerOf(options?.owner), opts, ns_id: namespaceId(known.namespace) };
  const shutdown = SHUTDOWNS[details?.shutdown ?? 0];
  switch (known.kind) {
    case 'internet': {
      const fields = internetFields(known.socket, details);
      return { type: 'INETSK', isk: { ...base, ...fields, ...moreOfInternet(known), shutdown } };
    }
    case 'unix':
      return { type: 'UNIXSK', usk: { ...base, ...unixFields(known.socket, details), shutdown } };
    case 'netlink':
      return { type: 'NETLINKSK', nlsk: { ...base, ...netlinkFields(known.socket) } };
    case 'packet':
      return { type: 'PACKETSK', psk: { ...base, ...packetFields(known.socket, options) } };
  }
}

function moreOfInternet({ options }: KnownSocket) {
  if (options === undefined) return {};
  const v6only = options.values.get('v6only');
  return {
    v6only: v6only === undefined ? undefined : v6only !== 0,
    ip_opts: internetOptions(options),
    tcp_opts: tcpOptions(options),
  };
}

function internetFields(socket: InternetSocket, details: SocketDetails | undefined) {
  return {
    ino: socket.inode,
    family: socket.family,
    type: socket.type,
    proto: socket.protocol,
    state: socket.state,
    // The kernel keeps the protocol of a raw socket where others have their port.
    src_port: socket.type === RAW ? socket.protocol : socket.sourcePort,
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

function packetFields(
  { type, protocol, interfaceIndex }: PacketSocketLine,
  options: SocketOptions | undefined,
) {
  const value = (name: SocketOption): number => options?.values.get(name) ?? 0;
  return {
    type,
    // In network order, as bind(2) takes it.
    protocol: ((protocol & 0xff) << 8) | (protocol >>> 8),
    ifindex: interfaceIndex,
    version: value('version'),
    reserve: value('reserve'),
    aux_data: value('auxdata') !== 0,
    orig_dev: value('origdev') !== 0,
    vnet_hdr: value('vnet_hdr') !== 0,
    loss: value('loss') !== 0,
    timestamp: value('timestamp'),
    copy_thresh: value('copy_thresh'),
    mclist: [],
  };
}
