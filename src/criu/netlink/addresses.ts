/**
 * Network addresses as `ip addr save` writes them: a magic word, then messages of `u8 family, u8 prefix length, u8 flags,
 * u8 scope, u32 interface` and attributes.
 * Facts: linux/if_addr.h, iproute2's ip/ipaddress.c (the magic), and recorded dumps.
 */
import { address, flags, s32, struct, text, u8, u32, words } from './attributes.ts';
import { FAMILIES, type MessageLayout, SCOPES } from './layout.ts';

const FLAGS = [
  'secondary',
  'nodad',
  'optimistic',
  'dadfailed',
  'homeaddress',
  'deprecated',
  'tentative',
  'permanent',
  'managetempaddr',
  'noprefixroute',
  'mcautojoin',
  'stable-privacy',
];

/** Who put an address there: IFAPROT_*. */
const ORIGINS = { 1: 'kernel_lo', 2: 'kernel_ra', 3: 'kernel_ll' };

/** Seconds; 4294967295 is for ever. Times of creation and change are hundredths of a second since boot. */
const cacheInfo = struct(u32, 4, ['preferred_lifetime', 'valid_lifetime', 'created', 'updated']);

export const ADDRESS_MAGIC = 0x47361222;

export const addressMessage: MessageLayout = {
  names: { 20: 'RTM_NEWADDR', 21: 'RTM_DELADDR' },
  header: [
    ['family', 1, words(u8, FAMILIES)],
    ['prefix_length', 1, u8],
    ['flags', 1, flags(u8, FLAGS)],
    ['scope', 1, words(u8, SCOPES)],
    ['interface', 4, u32],
  ],
  attributes: {
    1: ['address', address],
    2: ['local', address],
    3: ['label', text],
    4: ['broadcast', address],
    5: ['anycast', address],
    6: ['cache_info', cacheInfo],
    7: ['multicast', address],
    8: ['flags', flags(u32, FLAGS)],
    9: ['priority', u32],
    10: ['target_netnsid', s32],
    11: ['origin', words(u8, ORIGINS)],
  },
};
