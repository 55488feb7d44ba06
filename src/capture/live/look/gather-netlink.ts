/** What the kernel tells through netlink of the container's network namespaces, gathered while the container stands. */
import { ExhibitError } from '../../../bytes/exhibit-error.ts';
import type { NamespacePlace } from './enter-namespace.ts';
import type { GatheredProcess } from './gathered.ts';
import type { Netlink, NetlinkAnswer, NetlinkChannel } from './netlink.ts';

/** Of one namespace: answers as the kernel gave them. */
export interface GatheredNetlink {
  /** sock_diag(7) of unix sockets, then of TCP and UDP over IPv4 and IPv6. */
  readonly unix: NetlinkAnswer;
  readonly internet: NetlinkAnswer;
  /** rtnetlink(7). */
  readonly addresses: NetlinkAnswer;
  readonly routes: NetlinkAnswer;
  readonly routes6: NetlinkAnswer;
  readonly rules: NetlinkAnswer;
}

export interface NetlinkLook {
  readonly namespaces: ReadonlyMap<bigint, GatheredNetlink>;
  readonly gaps: readonly string[];
}

const NETLINK_ROUTE = 0;
const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const RTM_GETADDR = 22;
const RTM_GETROUTE = 26;
const RTM_GETRULE = 34;
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const TCP = 6;
const UDP = 17;
const ALL_STATES = 0xffffffff;
/** UDIAG_SHOW_NAME, _PEER, _RQLEN and _MEMINFO of linux/unix_diag.h. */
const UNIX_DETAILS = 0x1 | 0x4 | 0x10 | 0x20;
/** INET_DIAG_SKMEMINFO and INET_DIAG_SHUTDOWN of linux/inet_diag.h, a bit each counted from 1. */
const INTERNET_DETAILS = (1 << 6) | (1 << 7);
/** Length of struct rtmsg, with which every one of these requests is understood (linux/rtnetlink.h). */
const RTMSG_LENGTH = 12;

/** A namespace that cannot be asked is a gap; throws `NOT_ROOT` for one that cannot be left. `proc` is the node's /proc. */
export function gatherNetlink(
  netlink: Netlink,
  processes: readonly GatheredProcess[],
  proc = '/proc',
): NetlinkLook {
  const namespaces = new Map<bigint, GatheredNetlink>();
  const gaps: string[] = [];
  const seen = new Set<bigint>();
  for (const { pid, namespaces: own } of processes) {
    if (own.net === undefined || seen.has(own.net)) continue;
    seen.add(own.net);
    try {
      namespaces.set(own.net, gatherNamespace(netlink, { pid, proc }));
    } catch (error) {
      if (error instanceof ExhibitError) throw error;
      gaps.push(`sockets' other ends, options and routes are not known: ${(error as Error).message}`);
    }
  }
  return { namespaces, gaps };
}

function gatherNamespace(netlink: Netlink, place: NamespacePlace): GatheredNetlink {
  const sockets = withChannel(netlink, place, NETLINK_SOCK_DIAG, (channel) => ({
    unix: channel.list(SOCK_DIAG_BY_FAMILY, unixRequest()),
    internet: [AF_INET, AF_INET6].flatMap((family) =>
      [TCP, UDP].flatMap((protocol) => channel.list(SOCK_DIAG_BY_FAMILY, internetRequest(family, protocol))),
    ),
  }));
  const list = (channel: NetlinkChannel, type: number, family: number): NetlinkAnswer => {
    const request = new Uint8Array(RTMSG_LENGTH);
    request[0] = family;
    return channel.list(type, request);
  };
  const routes = withChannel(netlink, place, NETLINK_ROUTE, (channel) => ({
    addresses: list(channel, RTM_GETADDR, 0),
    routes: list(channel, RTM_GETROUTE, AF_INET),
    routes6: list(channel, RTM_GETROUTE, AF_INET6),
    rules: list(channel, RTM_GETRULE, 0),
  }));
  return { ...sockets, ...routes };
}

function withChannel<T>(
  netlink: Netlink,
  place: NamespacePlace,
  protocol: number,
  ask: (channel: NetlinkChannel) => T,
): T {
  const channel = netlink.open(place, protocol);
  try {
    return ask(channel);
  } finally {
    channel.close();
  }
}

/** struct unix_diag_req. */
function unixRequest(): Uint8Array {
  const request = Buffer.alloc(24);
  request[0] = AF_UNIX;
  request.writeUInt32LE(ALL_STATES, 4);
  request.writeUInt32LE(UNIX_DETAILS, 12);
  return request;
}

/** struct inet_diag_req_v2. */
function internetRequest(family: number, protocol: number): Uint8Array {
  const request = Buffer.alloc(56);
  request[0] = family;
  request[1] = protocol;
  request[2] = INTERNET_DETAILS;
  request.writeUInt32LE(ALL_STATES, 4);
  return request;
}
