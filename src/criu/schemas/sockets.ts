/**
 * Sockets with their options, queued packets and TCP streams. Addresses are in network byte order, one 32-bit word for
 * IPv4 and four for IPv6; ports in host order.
 * Facts: CRIU 4.2, images/sk-opts.proto, sk-inet.proto, sk-unix.proto, sk-netlink.proto, packet-sock.proto, sk-packet.proto, tcp-stream.proto (names, numbers and types).
 */
import {
  bool,
  bytes,
  enumerated,
  enumeration,
  fixed64,
  type MessageOf,
  message,
  nested,
  optional,
  repeated,
  sint32,
  string,
  uint32,
  uint64,
} from '../schema.ts';
import { fownEntry } from './file-owners.ts';

export const skOptsEntry = message('sk_opts_entry', {
  so_sndbuf: uint32(1),
  so_rcvbuf: uint32(2),
  so_snd_tmo_sec: uint64(3),
  so_snd_tmo_usec: uint64(4),
  so_rcv_tmo_sec: uint64(5),
  so_rcv_tmo_usec: uint64(6),
  reuseaddr: optional(bool(7)),
  so_priority: optional(uint32(8)),
  so_rcvlowat: optional(uint32(9)),
  so_mark: optional(uint32(10)),
  so_passcred: optional(bool(11)),
  so_passsec: optional(bool(12)),
  so_dontroute: optional(bool(13)),
  so_no_check: optional(bool(14)),
  so_bound_dev: optional(string(15)),
  /** A classic BPF program, one instruction a word. */
  so_filter: repeated(fixed64(16)),
  so_reuseport: optional(bool(17)),
  so_broadcast: optional(bool(18)),
  so_keepalive: optional(bool(19)),
  tcp_keepcnt: optional(uint32(20)),
  tcp_keepidle: optional(uint32(21)),
  tcp_keepintvl: optional(uint32(22)),
  so_oobinline: optional(uint32(23)),
  so_linger: optional(uint32(24)),
  so_buf_lock: optional(uint32(25)),
});

export const ipOptsRawEntry = message('ip_opts_raw_entry', {
  hdrincl: optional(bool(1)),
  nodefrag: optional(bool(2)),
  checksum: optional(bool(3)),
  icmpv_filter: repeated(uint32(4)),
});

export const ipOptsEntry = message('ip_opts_entry', {
  freebind: optional(bool(1)),
  raw: optional(nested(4, ipOptsRawEntry)),
  pktinfo: optional(bool(5)),
  tos: optional(uint32(6)),
  ttl: optional(uint32(7)),
});

export const tcpOptsEntry = message('tcp_opts_entry', {
  cork: optional(bool(1)),
  nodelay: optional(bool(2)),
  keepcnt: optional(uint32(3)),
  keepidle: optional(uint32(4)),
  keepintvl: optional(uint32(5)),
});

const skShutdown = enumeration('sk_shutdown', { NONE: 0, READ: 1, WRITE: 2, BOTH: 3 });

export const inetSkEntry = message('inet_sk_entry', {
  id: uint32(1),
  /** Socket inode; in hexadecimal the N of tcp-stream-N.img. */
  ino: uint32(2),
  family: uint32(3, 'socket'),
  /** SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_RAW 3. */
  type: uint32(4, 'socket'),
  proto: uint32(5, 'socket'),
  /** TCP_ESTABLISHED 1 … TCP_LISTEN 10, TCP_CLOSING 11. */
  state: uint32(6, 'socket'),
  src_port: uint32(7),
  dst_port: uint32(8),
  flags: uint32(9, 'hex'),
  /** Of a listening socket. */
  backlog: uint32(10),
  src_addr: repeated(uint32(11, 'ip')),
  dst_addr: repeated(uint32(12, 'ip')),
  fown: nested(13, fownEntry),
  opts: nested(14, skOptsEntry),
  v6only: optional(bool(15)),
  ip_opts: optional(nested(16, ipOptsEntry)),
  /** SO_BINDTODEVICE. */
  ifname: optional(string(17)),
  ns_id: optional(uint32(18)),
  shutdown: optional(enumerated(19, skShutdown)),
  tcp_opts: optional(nested(20, tcpOptsEntry)),
});
export type InetSkEntry = MessageOf<typeof inetSkEntry>;

export const filePermsEntry = message('file_perms_entry', {
  mode: uint32(1),
  uid: uint32(2),
  gid: uint32(3),
});

export const unixSkEntry = message('unix_sk_entry', {
  id: uint32(1),
  ino: uint32(2),
  type: uint32(3, 'socket'),
  state: uint32(4, 'socket'),
  flags: uint32(5, 'hex'),
  uflags: uint32(6, 'hex'),
  backlog: uint32(7),
  /** Inode of the other end; 0 for none. */
  peer: uint32(8),
  fown: nested(9, fownEntry),
  opts: nested(10, skOptsEntry),
  /** A path with its closing NUL, or an abstract name that begins with NUL. */
  name: bytes(11, 'quoted-printable'),
  shutdown: optional(enumerated(12, skShutdown)),
  file_perms: optional(nested(13, filePermsEntry)),
  /** The working directory that a relative name was bound in. */
  name_dir: optional(string(14)),
  deleted: optional(bool(15)),
  ns_id: optional(uint32(16)),
  mnt_id: optional(sint32(17)),
});
export type UnixSkEntry = MessageOf<typeof unixSkEntry>;

export const netlinkSkEntry = message('netlink_sk_entry', {
  id: uint32(1),
  ino: uint32(2),
  protocol: uint32(3),
  state: uint32(4),
  flags: uint32(6, 'hex'),
  portid: uint32(7),
  groups: repeated(uint32(8)),
  dst_portid: uint32(9),
  dst_group: uint32(10),
  fown: nested(11, fownEntry),
  opts: nested(12, skOptsEntry),
  ns_id: optional(uint32(13)),
});
export type NetlinkSkEntry = MessageOf<typeof netlinkSkEntry>;

export const packetMclist = message('packet_mclist', {
  index: uint32(1),
  type: uint32(2),
  addr: bytes(3),
});

export const packetRing = message('packet_ring', {
  block_size: uint32(1),
  block_nr: uint32(2),
  frame_size: uint32(3),
  frame_nr: uint32(4),
  retire_tmo: uint32(5),
  sizeof_priv: uint32(6),
  features: uint32(7),
});

export const packetSockEntry = message('packet_sock_entry', {
  id: uint32(1),
  type: uint32(2),
  protocol: uint32(3),
  flags: uint32(4, 'hex'),
  ifindex: uint32(5),
  fown: nested(6, fownEntry),
  opts: nested(7, skOptsEntry),
  version: uint32(8),
  reserve: uint32(9),
  aux_data: bool(10),
  orig_dev: bool(11),
  vnet_hdr: bool(12),
  loss: bool(13),
  timestamp: uint32(14),
  copy_thresh: uint32(15),
  mclist: repeated(nested(16, packetMclist)),
  fanout: optional(uint32(17)),
  rx_ring: optional(nested(18, packetRing)),
  tx_ring: optional(nested(19, packetRing)),
  ns_id: optional(uint32(20)),
});
export type PacketSockEntry = MessageOf<typeof packetSockEntry>;

export const scmEntry = message('scm_entry', {
  type: uint32(1),
  /** Ids in files.img of descriptors that travel in the packet. */
  rights: repeated(uint32(2)),
});

/** A packet queued on a unix socket; followed by `length` bytes. */
export const skPacketEntry = message('sk_packet_entry', {
  /** Id in files.img of the receiving socket. */
  id_for: uint32(1),
  length: uint32(2),
  scm: repeated(nested(4, scmEntry)),
});

/** Followed by `inq_len` bytes that the program had not read, then `outq_len` bytes that the peer had not acknowledged. */
export const tcpStreamEntry = message('tcp_stream_entry', {
  inq_len: uint32(1),
  inq_seq: uint32(2),
  outq_len: uint32(3),
  outq_seq: uint32(4),
  opt_mask: uint32(5, 'hex'),
  snd_wscale: uint32(6),
  mss_clamp: uint32(7),
  rcv_wscale: optional(uint32(8)),
  timestamp: optional(uint32(9)),
  cork: optional(bool(10)),
  nodelay: optional(bool(11)),
  /** How many bytes of the send queue had never been sent. */
  unsq_len: optional(uint32(12)),
  snd_wl1: optional(uint32(13)),
  snd_wnd: optional(uint32(14)),
  max_window: optional(uint32(15)),
  rcv_wnd: optional(uint32(16)),
  rcv_wup: optional(uint32(17)),
});
export type TcpStreamEntry = MessageOf<typeof tcpStreamEntry>;
