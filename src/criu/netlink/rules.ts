/**
 * Routing rules as `ip rule save` writes them: a magic word, then messages of `u8 family, destination length, source
 * length, TOS, table, two reserved, action; u32 flags` and attributes.
 * Facts: linux/fib_rules.h, iproute2's ip/iprule.c (the magic), and recorded dumps.
 */
import { address, be32, be64, flags, s32, struct, text, u8, u16, u32, words } from './attributes.ts';
import { FAMILIES, IP_PROTOCOLS, type MessageLayout, ORIGINS, TABLES } from './layout.ts';

const ACTIONS = {
  0: 'unspec',
  1: 'lookup',
  2: 'goto',
  3: 'nop',
  6: 'blackhole',
  7: 'unreachable',
  8: 'prohibit',
};

const FLAGS = ['permanent', 'invert', 'unresolved', 'iif_detached', 'oif_detached'];
FLAGS[16] = 'find_saddr';

const portRange = struct(u16, 2, ['start', 'end']);

export const RULE_MAGIC = 0x71706986;

export const ruleMessage: MessageLayout = {
  names: { 32: 'RTM_NEWRULE', 33: 'RTM_DELRULE' },
  header: [
    ['family', 1, words(u8, FAMILIES)],
    ['destination_length', 1, u8],
    ['source_length', 1, u8],
    ['tos', 1, u8],
    ['table', 1, words(u8, TABLES)],
    ['', 2, u16],
    ['action', 1, words(u8, ACTIONS)],
    ['flags', 4, flags(u32, FLAGS)],
  ],
  attributes: {
    1: ['destination', address],
    2: ['source', address],
    3: ['input_interface', text],
    4: ['goto', u32],
    6: ['priority', u32],
    10: ['mark', u32],
    11: ['flow', u32],
    12: ['tunnel_id', be64],
    13: ['suppress_group', s32],
    14: ['suppress_prefix_length', s32],
    15: ['table', words(u32, TABLES)],
    16: ['mark_mask', u32],
    17: ['output_interface', text],
    19: ['l3mdev', u8],
    20: ['uids', struct(u32, 4, ['start', 'end'])],
    21: ['origin', words(u8, ORIGINS)],
    22: ['ip_protocol', words(u8, IP_PROTOCOLS)],
    23: ['source_ports', portRange],
    24: ['destination_ports', portRange],
    25: ['dscp', u8],
    26: ['flow_label', be32],
    27: ['flow_label_mask', be32],
    28: ['source_port_mask', u16],
    29: ['destination_port_mask', u16],
    30: ['dscp_mask', u8],
  },
};
