/**
 * /proc/PID/net/tcp, udp, raw, icmp and their twins for IPv6 (kernel Documentation/networking/proc_net_tcp.rst): after a
 * heading, a socket a line. Addresses are 32-bit words of network order printed as the machine loads them, which is how CRIU
 * keeps them too; ports are in host order. Sockets that are neither bound nor connected are in none of these files.
 */
import type { GatheredNetwork, NetworkFile } from '../look/gathered.ts';

export interface InternetSocketLine {
  readonly inode: number;
  /** AF_INET or AF_INET6. */
  readonly family: number;
  /** SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_RAW 3. */
  readonly type: number;
  /** IPPROTO_*. */
  readonly protocol: number;
  /** One word, or four. */
  readonly sourceAddress: readonly number[];
  readonly sourcePort: number;
  readonly destinationAddress: readonly number[];
  readonly destinationPort: number;
  /** TCP_ESTABLISHED 1 … TCP_LISTEN 10 (include/net/tcp_states.h). */
  readonly state: number;
  /** Bytes that were not acknowledged, for TCP; sent and not yet gone, otherwise. */
  readonly sendQueue: number;
  /** Bytes that the program has not read; of a listening socket, connections that it has not accepted. */
  readonly receiveQueue: number;
  readonly uid: number;
  /** Times that the oldest unanswered packet was sent again. */
  readonly retransmits: number;
}

const AF_INET = 2;
const AF_INET6 = 10;
const STREAM = 1;
const DATAGRAM = 2;
const RAW = 3;

/** What each file has: type and protocol; raw sockets have their protocol where others have the port. */
const TABLES: readonly (readonly [NetworkFile, family: number, type: number, protocol: number])[] = [
  ['tcp', AF_INET, STREAM, 6],
  ['tcp6', AF_INET6, STREAM, 6],
  ['udp', AF_INET, DATAGRAM, 17],
  ['udp6', AF_INET6, DATAGRAM, 17],
  ['udplite', AF_INET, DATAGRAM, 136],
  ['udplite6', AF_INET6, DATAGRAM, 136],
  ['icmp', AF_INET, DATAGRAM, 1],
  ['icmp6', AF_INET6, DATAGRAM, 58],
  ['raw', AF_INET, RAW, 0],
  ['raw6', AF_INET6, RAW, 0],
];

const LINE =
  /^\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) ([0-9A-F]{2}) ([0-9A-F]{8}):([0-9A-F]{8}) [0-9A-F]{2}:[0-9A-F]+ ([0-9A-F]{8})\s+(\d{1,10})\s+\d+ (\d{1,10})(?: |$)/;

/** The sockets of a network namespace that somebody still holds. */
export function parseInternetSockets(files: GatheredNetwork['files']): readonly InternetSocketLine[] {
  return TABLES.flatMap(([file, family, type, protocol]) =>
    (files[file] ?? '').split('\n').flatMap((line) => {
      const match = LINE.exec(line);
      return match === null ? [] : [readLine(match, family, type, protocol)];
    }),
  ).filter(({ inode }) => inode !== 0);
}

function readLine(
  match: RegExpExecArray,
  family: number,
  type: number,
  protocol: number,
): InternetSocketLine {
  const [, source, sourcePort, destination, destinationPort, state, send, receive, again, uid, inode] = match;
  const port = hex(sourcePort);
  return {
    inode: Number(inode),
    family,
    type,
    protocol: type === RAW ? port : protocol,
    sourceAddress: words(source),
    sourcePort: type === RAW ? 0 : port,
    destinationAddress: words(destination),
    destinationPort: hex(destinationPort),
    state: hex(state),
    sendQueue: hex(send),
    receiveQueue: hex(receive),
    uid: Number(uid),
    retransmits: hex(again),
  };
}

const hex = (text = '0'): number => Number.parseInt(text, 16);

const words = (text = ''): readonly number[] => (text.match(/.{8}/g) ?? []).map((word) => hex(word));
