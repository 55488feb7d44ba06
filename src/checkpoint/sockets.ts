/**
 * Sockets as CRIU records them, in the words of `ss`. States are the kernel's TCP states, which other families use too
 * (include/net/tcp_states.h); protocols and types those of socket(2).
 */
import { formatAddressWords } from '../criu/ip-address.ts';
import type { FileEntry } from '../criu/schemas/files.ts';
import type { InetSkEntry, NetlinkSkEntry, PacketSockEntry, UnixSkEntry } from '../criu/schemas/sockets.ts';
import type { InternetSocket, OtherSocket, Socket, UnixSocket } from './descriptors.ts';
import type { UnreadBytes } from './unread-bytes.ts';

const STATES = [
  'UNKNOWN',
  'ESTABLISHED',
  'SYN_SENT',
  'SYN_RECV',
  'FIN_WAIT1',
  'FIN_WAIT2',
  'TIME_WAIT',
  'CLOSE',
  'CLOSE_WAIT',
  'LAST_ACK',
  'LISTEN',
  'CLOSING',
  'NEW_SYN_RECV',
] as const;

const PROTOCOLS: Readonly<Record<number, InternetSocket['protocol']>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  58: 'icmp',
  136: 'udplite',
};
const SOCK_STREAM = 1;
const SOCK_DATAGRAM = 2;
const SOCK_RAW = 3;
const SOCK_SEQPACKET = 5;
const AF_INET = 2;

const stateName = (state: number): string => STATES[state] ?? 'UNKNOWN';

/** The socket of a file entry; undefined for a file of another kind. */
export async function toSocket(file: FileEntry, unread: UnreadBytes): Promise<Socket | undefined> {
  if (file.isk) return internetSocket(file.isk, unread);
  if (file.usk) return unixSocket(file.usk, unread);
  if (file.psk) return otherSocket('packet', file.psk, 0, packetType(file.psk.type), unread);
  if (file.nlsk) return otherSocket('netlink', file.nlsk, file.nlsk.ino, 'raw', unread);
  return undefined;
}

async function internetSocket(sk: InetSkEntry, unread: UnreadBytes): Promise<InternetSocket> {
  const isTcp = sk.proto === 6;
  const recorded = recordedOf(sk, unread);
  const stream = isTcp ? await unread.inTcpStream(sk.ino) : { unread: 0, unsent: 0 };
  return {
    family: sk.family === AF_INET ? 'ipv4' : 'ipv6',
    protocol: sk.type === SOCK_RAW ? 'raw' : (PROTOCOLS[sk.proto] ?? 'unknown'),
    state: stateName(sk.state),
    sourceAddress: formatAddressWords(sk.src_addr) ?? '',
    sourcePort: sk.src_port,
    destinationAddress: formatAddressWords(sk.dst_addr) ?? '',
    destinationPort: sk.dst_port,
    interfaceName: sk.ifname || undefined,
    inode: sk.ino,
    sendBuffer: sk.opts.so_sndbuf,
    receiveBuffer: sk.opts.so_rcvbuf,
    unsentBytes: stream.unsent + recorded.unsent,
    unreadBytes: stream.unread + unread.inSocketQueue(sk.id) + recorded.unread,
  };
}

const NO_BYTES = { unread: 0, unsent: 0 };

const recordedOf = (sk: InetSkEntry | UnixSkEntry, unread: UnreadBytes): typeof NO_BYTES =>
  stateName(sk.state) === 'LISTEN' ? NO_BYTES : unread.recordedOf(sk.ino);

function unixSocket(sk: UnixSkEntry, unread: UnreadBytes): UnixSocket {
  const recorded = recordedOf(sk, unread);
  return {
    family: 'unix',
    type: typeName(sk.type),
    state: stateName(sk.state),
    name: unixName(sk.name),
    peerInode: sk.peer,
    inode: sk.ino,
    sendBuffer: sk.opts.so_sndbuf,
    receiveBuffer: sk.opts.so_rcvbuf,
    unsentBytes: recorded.unsent,
    unreadBytes: unread.inSocketQueue(sk.id) + recorded.unread,
  };
}

function otherSocket(
  family: 'packet' | 'netlink',
  sk: PacketSockEntry | NetlinkSkEntry,
  inode: number,
  type: string,
  unread: UnreadBytes,
): OtherSocket {
  return {
    family,
    protocol: sk.protocol,
    type,
    inode,
    sendBuffer: sk.opts.so_sndbuf,
    receiveBuffer: sk.opts.so_rcvbuf,
    unsentBytes: 0,
    unreadBytes: unread.inSocketQueue(sk.id),
  };
}

function typeName(type: number): UnixSocket['type'] {
  if (type === SOCK_STREAM) return 'stream';
  if (type === SOCK_DATAGRAM) return 'datagram';
  return type === SOCK_SEQPACKET ? 'seqpacket' : 'unknown';
}

/** Most packet sockets are raw ones: with the link's header, as sniffers want it. */
const packetType = (type: number): string => (type === SOCK_RAW ? 'raw' : typeName(type));

/** A path with its closing NUL, or an abstract name behind a NUL, which tools show as `@`. */
function unixName(name: Uint8Array): string {
  const decoder = new TextDecoder();
  if (name.length === 0) return '';
  if (name[0] === 0) return `@${decoder.decode(name.subarray(1)).replaceAll('\0', '@')}`;
  const end = name.indexOf(0);
  return decoder.decode(end < 0 ? name : name.subarray(0, end));
}
