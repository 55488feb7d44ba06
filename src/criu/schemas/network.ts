/**
 * Network namespaces and devices: netns-NS.img, netdev-NS.img, tunfile.img. Addresses, routes and rules are raw images.
 * Facts: CRIU 4.2, images/netdev.proto, sysctl.proto, tun.proto, macvlan.proto, sit.proto (names, numbers and types).
 */
import {
  bool,
  bytes,
  enumerated,
  enumeration,
  int32,
  message,
  nested,
  optional,
  repeated,
  string,
  uint32,
} from '../schema.ts';

const sysctlType = enumeration('SysctlType', { CTL_STR: 5, CTL_32: 6 });

export const sysctlEntry = message('sysctl_entry', {
  type: enumerated(1, sysctlType),
  iarg: optional(int32(2)),
  sarg: optional(string(3)),
});

export const tunfileEntry = message('tunfile_entry', {
  id: uint32(1),
  netdev: optional(string(2)),
  detached: optional(bool(3)),
  ns_id: optional(uint32(4)),
});

export const tunLinkEntry = message('tun_link_entry', {
  flags: uint32(1, 'hex'),
  owner: int32(2),
  group: int32(3),
  vnethdr: uint32(4),
  sndbuf: uint32(5),
});

export const macvlanLinkEntry = message('macvlan_link_entry', {
  mode: uint32(1),
  flags: optional(uint32(2)),
});

export const sitEntry = message('sit_entry', {
  link: optional(uint32(1)),
  local: repeated(uint32(2, 'ip')),
  remote: repeated(uint32(3, 'ip')),
  ttl: optional(uint32(4)),
  tos: optional(uint32(5)),
  pmtudisc: optional(bool(6)),
  proto: optional(uint32(7)),
  flags: optional(uint32(8)),
  encap_type: optional(uint32(9)),
  encap_flags: optional(uint32(10)),
  encap_sport: optional(uint32(11)),
  encap_dport: optional(uint32(12)),
  rd_prefixlen: optional(uint32(13)),
  rd_prefix: repeated(uint32(14, 'ip')),
  relay_prefixlen: optional(uint32(15)),
  relay_prefix: repeated(uint32(16, 'ip')),
});

const ndType = enumeration('nd_type', {
  LOOPBACK: 1,
  VETH: 2,
  TUN: 3,
  EXTLINK: 4,
  VENET: 5,
  BRIDGE: 6,
  MACVLAN: 7,
  SIT: 8,
});

export const netDeviceEntry = message('net_device_entry', {
  type: enumerated(1, ndType),
  ifindex: uint32(2),
  mtu: uint32(3),
  flags: uint32(4, 'hex'),
  name: string(5),
  tun: optional(nested(6, tunLinkEntry)),
  address: optional(bytes(7)),
  conf: repeated(int32(8)),
  /** net.ipv4.conf.DEVICE.* in CRIU's order. */
  conf4: repeated(nested(9, sysctlEntry)),
  conf6: repeated(nested(10, sysctlEntry)),
  macvlan: optional(nested(11, macvlanLinkEntry)),
  peer_ifindex: optional(uint32(12)),
  peer_nsid: optional(uint32(13)),
  master: optional(uint32(14)),
  sit: optional(nested(15, sitEntry)),
});

export const netnsId = message('netns_id', {
  target_ns_id: uint32(1),
  netnsid_value: int32(2),
});

export const netnsEntry = message('netns_entry', {
  def_conf: repeated(int32(1)),
  all_conf: repeated(int32(2)),
  def_conf4: repeated(nested(3, sysctlEntry)),
  all_conf4: repeated(nested(4, sysctlEntry)),
  def_conf6: repeated(nested(5, sysctlEntry)),
  all_conf6: repeated(nested(6, sysctlEntry)),
  nsids: repeated(nested(7, netnsId)),
  /** Set when the namespace came in from outside (a pod's): devices, addresses and routes are then not dumped. */
  ext_key: optional(string(8)),
  unix_conf: repeated(nested(9, sysctlEntry)),
  ipv4_sysctl: repeated(nested(10, sysctlEntry)),
});
