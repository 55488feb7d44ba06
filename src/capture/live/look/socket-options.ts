/**
 * What getsockopt(2) tells of sockets, those too that no table of the kernel's has, being bound to nothing. Asked with borrowed
 * descriptors; numbers are those of x86-64 and aarch64. Source: socket(7), ip(7), ipv6(7), tcp(7), packet(7),
 * asm-generic/socket.h.
 */
import type { BorrowDescriptor } from './borrowed-descriptor.ts';
import type { CLibrary } from './c-library.ts';
import { type FileOwner, ownerQuestion } from './file-owner.ts';
import type { GatheredProcess } from './gathered.ts';

const SOL_SOCKET = 1;
const IPPROTO_IP = 0;
const IPPROTO_TCP = 6;
const IPPROTO_IPV6 = 41;
const SOL_PACKET = 263;
const SO_BINDTODEVICE = 25;
const SO_GET_FILTER = 26;
const SO_LINGER = 13;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;

/** Options that are a word, by level. */
const OF_ALL = {
  type: 3,
  protocol: 38,
  domain: 39,
  reuseaddr: 2,
  dontroute: 5,
  broadcast: 6,
  sndbuf: 7,
  rcvbuf: 8,
  keepalive: 9,
  oobinline: 10,
  no_check: 11,
  priority: 12,
  reuseport: 15,
  passcred: 16,
  rcvlowat: 18,
  passsec: 34,
  mark: 36,
  buf_lock: 72,
} as const;
const OF_IP = { tos: 1, ttl: 2, pktinfo: 8, freebind: 15 } as const;
const OF_IPV6 = { v6only: 26, pktinfo: 49, freebind: 78 } as const;
const OF_RAW = { hdrincl: 3, nodefrag: 22 } as const;
const OF_TCP = { nodelay: 1, cork: 3, keepidle: 4, keepintvl: 5, keepcnt: 6 } as const;
const OF_PACKET = {
  copy_thresh: 7,
  auxdata: 8,
  origdev: 9,
  version: 10,
  reserve: 12,
  loss: 14,
  vnet_hdr: 15,
  timestamp: 17,
} as const;

export type SocketOption =
  | keyof typeof OF_ALL
  | keyof typeof OF_IP
  | keyof typeof OF_IPV6
  | keyof typeof OF_RAW
  | keyof typeof OF_TCP
  | keyof typeof OF_PACKET;

const AF_INET = 2;
const AF_INET6 = 10;
const AF_PACKET = 17;
const SOCK_STREAM = 1;
const SOCK_RAW = 3;
/** Levels at which ICMP and ICMPv6 sockets have a filter, by their protocol. */
const FILTER_LEVELS: ReadonlyMap<number | undefined, number> = new Map([
  [1, 255],
  [58, 58],
]);
/** ICMP_FILTER and ICMPV6_FILTER; 32 bits and 256. */
const ICMP_FILTER = 1;
const FILTER_BYTES = 32;

export interface SocketOptions {
  /** Those that the kind of socket has. */
  readonly values: ReadonlyMap<SocketOption, number>;
  /** Seconds and microseconds. */
  readonly sendTimeout: readonly [bigint, bigint];
  readonly receiveTimeout: readonly [bigint, bigint];
  /** Seconds; undefined where it does not linger. */
  readonly linger: number | undefined;
  /** Name of the interface that it is bound to; empty for none. */
  readonly device: string;
  /** A classic BPF program, one instruction a word. */
  readonly filter: readonly bigint[];
  /** Which kinds of ICMP messages a raw socket is not given, in words of 32 bits; empty for others. */
  readonly icmpFilter: readonly number[];
  readonly owner: FileOwner;
}

/** At some 25 microseconds each while the container stands still. */
const MAX_SOCKETS = 4096;
/** IFNAMSIZ of net/if.h. */
const DEVICE_BYTES = 16;
/** BPF_MAXINSNS of linux/bpf_common.h. */
const MAX_INSTRUCTIONS = 4096;

export interface SocketOptionsLook {
  /** By the link of the descriptor, `socket:[12]`. */
  readonly sockets: ReadonlyMap<string, SocketOptions>;
  readonly gaps: readonly string[];
}

export function readSocketOptions(
  library: CLibrary,
  borrow: BorrowDescriptor,
  processes: readonly GatheredProcess[],
): SocketOptionsLook {
  const ask = optionsQuestion(library);
  const sockets = new Map<string, SocketOptions>();
  const left = new Set<string>();
  for (const { pid, descriptors } of processes) {
    for (const { fd, link } of descriptors) {
      if (!link.startsWith('socket:[') || sockets.has(link)) continue;
      if (sockets.size >= MAX_SOCKETS) left.add(link);
      else {
        const found = borrow(pid, fd, ask);
        if (found !== undefined) sockets.set(link, found);
      }
    }
  }
  const gaps = left.size === 0 ? [] : [`the options of ${left.size} more sockets were not asked for`];
  return { sockets, gaps };
}

function optionsQuestion(library: CLibrary): (own: number) => SocketOptions {
  const getsockopt = library.function('int getsockopt(int, int, int, void *, void *)');
  const ownerOf = ownerQuestion(library);
  const room = Buffer.alloc(FILTER_BYTES);
  const length = new Uint32Array(1);
  const lengthBytes = new Uint8Array(length.buffer);
  const get = (own: number, level: number, name: number, into: Uint8Array, size = into.length): boolean => {
    length[0] = size;
    return Number(getsockopt(own, level, name, into, lengthBytes)) === 0;
  };
  const wordOf = (own: number, level: number, name: number): number | undefined => {
    room.fill(0);
    return get(own, level, name, room, 4) ? room.readUInt32LE(0) : undefined;
  };
  const pairOf = (own: number, name: number): readonly [bigint, bigint] => {
    room.fill(0);
    return get(own, SOL_SOCKET, name, room, 16)
      ? [room.readBigUInt64LE(0), room.readBigUInt64LE(8)]
      : [0n, 0n];
  };
  const lingerOf = (own: number): number | undefined => {
    room.fill(0);
    const isOn = get(own, SOL_SOCKET, SO_LINGER, room, 8) && room.readUInt32LE(0) !== 0;
    return isOn ? room.readUInt32LE(4) : undefined;
  };
  const deviceOf = (own: number): string => {
    room.fill(0);
    const isKnown = get(own, SOL_SOCKET, SO_BINDTODEVICE, room, DEVICE_BYTES);
    return isKnown ? room.toString('latin1', 0, DEVICE_BYTES).replace(/\0.*$/s, '') : '';
  };
  // Its length counts instructions, and a length of 0 asks for it.
  const filterOf = (own: number): readonly bigint[] => {
    if (!get(own, SOL_SOCKET, SO_GET_FILTER, room, 0)) return [];
    const count = Math.min(length[0] ?? 0, MAX_INSTRUCTIONS);
    const words = new BigUint64Array(count);
    const isRead = count > 0 && get(own, SOL_SOCKET, SO_GET_FILTER, new Uint8Array(words.buffer), count);
    return isRead ? [...words] : [];
  };
  const icmpFilterOf = (own: number, protocol: number | undefined): readonly number[] => {
    const level = FILTER_LEVELS.get(protocol);
    if (level === undefined || !get(own, level, ICMP_FILTER, room)) return [];
    return Array.from({ length: (length[0] ?? 0) / 4 }, (_, index) => room.readUInt32LE(index * 4));
  };
  return (own) => {
    const values = new Map<SocketOption, number>();
    const read = (level: number, options: Readonly<Partial<Record<SocketOption, number>>>): void => {
      for (const [name, number] of Object.entries(options)) {
        const value = wordOf(own, level, number);
        if (value !== undefined) values.set(name as SocketOption, value);
      }
    };
    read(SOL_SOCKET, OF_ALL);
    const domain = values.get('domain');
    if (domain === AF_INET || domain === AF_INET6) {
      if (domain === AF_INET) read(IPPROTO_IP, OF_IP);
      else read(IPPROTO_IPV6, OF_IPV6);
      if (values.get('type') === SOCK_RAW) read(IPPROTO_IP, OF_RAW);
      if (values.get('type') === SOCK_STREAM) read(IPPROTO_TCP, OF_TCP);
    }
    if (domain === AF_PACKET) read(SOL_PACKET, OF_PACKET);
    return {
      values,
      sendTimeout: pairOf(own, SO_SNDTIMEO),
      receiveTimeout: pairOf(own, SO_RCVTIMEO),
      linger: lingerOf(own),
      device: deviceOf(own),
      filter: filterOf(own),
      icmpFilter: values.get('type') === SOCK_RAW ? icmpFilterOf(own, values.get('protocol')) : [],
      owner: ownerOf(own),
    };
  };
}
