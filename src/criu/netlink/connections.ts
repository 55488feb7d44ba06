/**
 * Connections and expected connections as the kernel's connection tracking tells them: messages without a magic in front,
 * of `u8 family, u8 version, u16 resource` and attributes in network byte order.
 * Facts: linux/netfilter/nfnetlink.h, nfnetlink_conntrack.h, nf_conntrack_common.h, nf_conntrack_tcp.h, and recorded dumps.
 */
import {
  type AttributeTable,
  address,
  be16,
  be32,
  be64,
  flags,
  hex,
  nested,
  struct,
  text,
  u8,
  words,
} from './attributes.ts';
import { FAMILIES, IP_PROTOCOLS, type MessageLayout } from './layout.ts';

const STATUS = [
  'expected',
  'seen_reply',
  'assured',
  'confirmed',
  'src_nat',
  'dst_nat',
  'seq_adjust',
  'src_nat_done',
  'dst_nat_done',
  'dying',
  'fixed_timeout',
  'template',
  'untracked',
  'helper',
  'offload',
  'hw_offload',
];

const TCP_STATES = {
  0: 'NONE',
  1: 'SYN_SENT',
  2: 'SYN_RECV',
  3: 'ESTABLISHED',
  4: 'FIN_WAIT',
  5: 'CLOSE_WAIT',
  6: 'LAST_ACK',
  7: 'TIME_WAIT',
  8: 'CLOSE',
  9: 'SYN_SENT2',
};

const SCTP_STATES = {
  0: 'NONE',
  1: 'CLOSED',
  2: 'COOKIE_WAIT',
  3: 'COOKIE_ECHOED',
  4: 'ESTABLISHED',
  5: 'SHUTDOWN_SENT',
  6: 'SHUTDOWN_RECD',
  7: 'SHUTDOWN_ACK_SENT',
  8: 'HEARTBEAT_SENT',
};

const hosts: AttributeTable = {
  1: ['source', address],
  2: ['destination', address],
  3: ['source', address],
  4: ['destination', address],
};

const endpoints: AttributeTable = {
  1: ['protocol', words(u8, IP_PROTOCOLS)],
  2: ['source_port', be16],
  3: ['destination_port', be16],
  4: ['icmp_id', be16],
  5: ['icmp_type', u8],
  6: ['icmp_code', u8],
  7: ['icmpv6_id', be16],
  8: ['icmpv6_type', u8],
  9: ['icmpv6_code', u8],
};

const tuple = nested({
  1: ['ip', nested(hosts)],
  2: ['transport', nested(endpoints)],
  3: ['zone', be16],
});

const tcpFlags = struct(u8, 1, ['flags', 'mask']);

const protocolInfo = nested({
  1: [
    'tcp',
    nested({
      1: ['state', words(u8, TCP_STATES)],
      2: ['window_scale_original', u8],
      3: ['window_scale_reply', u8],
      4: ['flags_original', tcpFlags],
      5: ['flags_reply', tcpFlags],
    }),
  ],
  2: ['dccp', nested({ 1: ['state', u8], 2: ['role', u8], 3: ['handshake_sequence', be64] })],
  3: [
    'sctp',
    nested({
      1: ['state', words(u8, SCTP_STATES)],
      2: ['verification_tag_original', be32],
      3: ['verification_tag_reply', be32],
    }),
  ],
});

const counters = nested({ 1: ['packets', be64], 2: ['bytes', be64] });
const sequenceAdjustment = nested({
  1: ['position', be32],
  2: ['offset_before', be32],
  3: ['offset_after', be32],
});

const header: MessageLayout['header'] = [
  ['family', 1, words(u8, FAMILIES)],
  ['version', 1, u8],
  ['resource', 2, be16],
];

export const connectionMessage: MessageLayout = {
  // The subsystem in the upper byte; message 0 is NEW.
  names: { 256: 'IPCTNL_MSG_CT_NEW' },
  header,
  attributes: {
    1: ['original', tuple],
    2: ['reply', tuple],
    3: ['status', flags(be32, STATUS)],
    4: ['protocol_info', protocolInfo],
    5: ['helper', nested({ 1: ['name', text], 2: ['info', hex] })],
    7: ['timeout', be32],
    8: ['mark', be32],
    9: ['counters_original', counters],
    10: ['counters_reply', counters],
    11: ['use', be32],
    12: ['id', be32],
    14: ['master', tuple],
    15: ['sequence_original', sequenceAdjustment],
    16: ['sequence_reply', sequenceAdjustment],
    17: ['security_mark', be32],
    18: ['zone', be16],
    19: ['security_context', nested({ 1: ['name', text] })],
    // Nanoseconds since 1970.
    20: ['timestamp', nested({ 1: ['start', be64], 2: ['stop', be64] })],
    22: ['labels', hex],
    24: ['synproxy', nested({ 1: ['isn', be32], 2: ['its', be32], 3: ['ts_offset', be32] })],
  },
};

export const expectationMessage: MessageLayout = {
  names: { 512: 'IPCTNL_MSG_EXP_NEW' },
  header,
  attributes: {
    1: ['master', tuple],
    2: ['tuple', tuple],
    3: ['mask', tuple],
    4: ['timeout', be32],
    5: ['id', be32],
    6: ['helper', text],
    7: ['zone', be16],
    8: ['flags', flags(be32, ['permanent', 'inactive', 'userspace'])],
    9: ['class', be32],
    10: ['nat', nested({ 1: ['direction', be32], 2: ['tuple', tuple] })],
    11: ['function', text],
  },
};
