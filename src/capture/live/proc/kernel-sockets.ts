/** /proc/PID/net/netlink and packet (net/netlink/af_netlink.c, net/packet/af_packet.c): after a heading, a socket a line. */

export interface NetlinkSocketLine {
  readonly inode: number;
  /** NETLINK_ROUTE 0, NETLINK_AUDIT 9… */
  readonly protocol: number;
  /** The address of this end. */
  readonly portId: number;
  /** The multicast groups 1 to 32 that it listens to, a bit each. */
  readonly groups: number;
}

export interface PacketSocketLine {
  readonly inode: number;
  /** SOCK_DGRAM 2, SOCK_RAW 3. */
  readonly type: number;
  /** ETH_P_*; ETH_P_ALL is 3. */
  readonly protocol: number;
  /** Index of the interface that it is bound to; 0 for all. */
  readonly interfaceIndex: number;
}

const NETLINK =
  /^[0-9a-f]{8,16} +(\d{1,3}) +(\d{1,10}) +([0-9a-f]{8}) +-?\d+ +-?\d+ +\S+ +\d+ +\d+ +(\d{1,10}) *$/;
const PACKET = /^[0-9a-f]{8,16} +\d+ +(\d{1,3}) +([0-9a-f]{4}) +(\d{1,10}) +[01] +\d+ +\d+ +(\d{1,10}) *$/;

export function parseNetlinkSockets(text: string | undefined): readonly NetlinkSocketLine[] {
  return matches(text, NETLINK).map(([, protocol, portId, groups, inode]) => ({
    inode: Number(inode),
    protocol: Number(protocol),
    portId: Number(portId),
    groups: Number.parseInt(groups ?? '0', 16),
  }));
}

export function parsePacketSockets(text: string | undefined): readonly PacketSocketLine[] {
  return matches(text, PACKET).map(([, type, protocol, index, inode]) => ({
    inode: Number(inode),
    type: Number(type),
    protocol: Number.parseInt(protocol ?? '0', 16),
    interfaceIndex: Number(index),
  }));
}

const matches = (text: string | undefined, pattern: RegExp): readonly RegExpExecArray[] =>
  (text ?? '').split('\n').flatMap((line) => {
    const match = pattern.exec(line);
    return match === null ? [] : [match];
  });
