/**
 * Routes as `ip route save` writes them: a magic word, then messages of `u8 family, destination length, source length,
 * TOS, table, origin, scope, type; u32 flags` and attributes.
 * Facts: linux/rtnetlink.h, iproute2's ip/iproute.c (the magic), and recorded dumps.
 */
import type { JsonValue } from '../python-json.ts';
import {
  type AttributeTable,
  address,
  be16,
  flagNames,
  flags,
  hex,
  nested,
  type ReadValue,
  readAttributes,
  s32,
  struct,
  text,
  u8,
  u16,
  u32,
  words,
} from './attributes.ts';
import { FAMILIES, IP_PROTOCOLS, type MessageLayout, ORIGINS, SCOPES, TABLES } from './layout.ts';

const TYPES = {
  0: 'unspec',
  1: 'unicast',
  2: 'local',
  3: 'broadcast',
  4: 'anycast',
  5: 'multicast',
  6: 'blackhole',
  7: 'unreachable',
  8: 'prohibit',
  9: 'throw',
  10: 'nat',
  11: 'xresolve',
};

const NEXTHOP_FLAGS = ['dead', 'pervasive', 'onlink', 'offload', 'linkdown', 'unresolved', 'trap'];
const ROUTE_FLAGS = [
  ...NEXTHOP_FLAGS,
  undefined,
  'notify',
  'cloned',
  'equalize',
  'prefix',
  'lookup_table',
  'fib_match',
  'rt_offload',
  'rt_trap',
];

const metrics: AttributeTable = {
  1: ['lock', u32],
  2: ['mtu', u32],
  3: ['window', u32],
  4: ['rtt', u32],
  5: ['rttvar', u32],
  6: ['ssthresh', u32],
  7: ['cwnd', u32],
  8: ['advmss', u32],
  9: ['reordering', u32],
  10: ['hoplimit', u32],
  11: ['initcwnd', u32],
  12: ['features', u32],
  13: ['rto_min', u32],
  14: ['initrwnd', u32],
  15: ['quickack', u32],
  16: ['congestion', text],
  17: ['fastopen_no_cookie', u32],
};

const cacheInfo = struct(u32, 4, [
  'references',
  'last_use',
  'expires',
  'error',
  'used',
  'id',
  'ts',
  'ts_age',
]);

/** `u16 family`, then an address of it. */
const via: ReadValue = (bytes) => {
  const family = words(u16, FAMILIES)(bytes.subarray(0, 2));
  const host = address(bytes.subarray(2));
  return family === undefined || host === undefined ? undefined : { family, host };
};

const nexthopAttributes: AttributeTable = {
  5: ['gateway', address],
  11: ['flow', u32],
  18: ['via', via],
  19: ['new_destination', hex],
  21: ['encapsulation_type', u16],
  22: ['encapsulation', hex],
};

const NEXTHOP = 8;

/** Structs of `u16 length, u8 flags, u8 weight - 1, s32 interface` with attributes, one behind the other. */
const multipath: ReadValue = (bytes) => {
  const hops: JsonValue[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(u16(bytes.subarray(at, at + 2)) ?? 0);
    if (length < NEXTHOP || length > bytes.length - at) return undefined;
    hops.push({
      interface: s32(bytes.subarray(at + 4, at + 8)) ?? 0,
      weight: (bytes[at + 3] ?? 0) + 1,
      flags: flagNames(bytes[at + 2] ?? 0, NEXTHOP_FLAGS),
      ...readAttributes(bytes.subarray(at + NEXTHOP, at + length), nexthopAttributes),
    });
    at += Math.ceil(length / 4) * 4;
  }
  return hops;
};

export const ROUTE_MAGIC = 0x45311224;

export const routeMessage: MessageLayout = {
  names: { 24: 'RTM_NEWROUTE', 25: 'RTM_DELROUTE' },
  header: [
    ['family', 1, words(u8, FAMILIES)],
    ['destination_length', 1, u8],
    ['source_length', 1, u8],
    ['tos', 1, u8],
    ['table', 1, words(u8, TABLES)],
    ['origin', 1, words(u8, ORIGINS)],
    ['scope', 1, words(u8, SCOPES)],
    ['type', 1, words(u8, TYPES)],
    ['flags', 4, flags(u32, ROUTE_FLAGS)],
  ],
  attributes: {
    ...nexthopAttributes,
    1: ['destination', address],
    2: ['source', address],
    3: ['input_interface', u32],
    4: ['interface', u32],
    6: ['priority', u32],
    7: ['preferred_source', address],
    8: ['metrics', nested(metrics)],
    9: ['nexthops', multipath],
    12: ['cache_info', cacheInfo],
    15: ['table', words(u32, TABLES)],
    16: ['mark', u32],
    20: ['preference', words(u8, { 0: 'medium', 1: 'high', 3: 'low' })],
    23: ['expires', u32],
    25: ['uid', u32],
    26: ['ttl_propagate', u8],
    27: ['ip_protocol', words(u8, IP_PROTOCOLS)],
    28: ['source_port', be16],
    29: ['destination_port', be16],
    30: ['nexthop_id', u32],
  },
};
