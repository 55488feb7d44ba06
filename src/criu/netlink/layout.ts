/**
 * Messages of one kind as data: a struct, then attributes. Words that several kinds share.
 * Facts: linux/rtnetlink.h, linux/socket.h; the names are those that iproute2 prints.
 */
import type { JsonValue } from '../python-json.ts';
import { base64Lines } from '../text-encodings.ts';
import { type AttributeTable, type ReadValue, readAttributes } from './attributes.ts';
import type { NetlinkMessage } from './messages.ts';

export interface MessageLayout {
  /** The types that have this layout, by number. */
  readonly names: Readonly<Record<number, string>>;
  /** Fields of the struct, in order, with their size in bytes; '' is padding. */
  readonly header: readonly (readonly [name: string, size: 1 | 2 | 4, read: ReadValue])[];
  /** An attribute of the same name as a field of the struct replaces it: it holds what the field had no room for. */
  readonly attributes: AttributeTable;
}

/** A message as JSON. One of another type, or shorter than its struct, is kept as bytes. */
export function messageFields(
  { type, flags, sequence, port, payload }: NetlinkMessage,
  layout: MessageLayout,
): Readonly<Record<string, JsonValue>> {
  const message = { message: layout.names[type] ?? type, message_flags: flags, sequence, port_id: port };
  const size = layout.header.reduce((sum, [, length]) => sum + length, 0);
  if (layout.names[type] === undefined || payload.length < size) {
    return { ...message, payload: base64Lines(payload) };
  }
  const fields: Record<string, JsonValue> = {};
  let at = 0;
  for (const [name, length, read] of layout.header) {
    const value = read(payload.subarray(at, at + length));
    if (name !== '' && value !== undefined) fields[name] = value;
    at += length;
  }
  return { ...message, ...fields, ...readAttributes(payload.subarray(size), layout.attributes) };
}

export const FAMILIES: Readonly<Record<number, string>> = { 0: 'UNSPEC', 2: 'INET', 10: 'INET6' };

export const SCOPES: Readonly<Record<number, string>> = {
  0: 'global',
  200: 'site',
  253: 'link',
  254: 'host',
  255: 'nowhere',
};

export const TABLES: Readonly<Record<number, string>> = {
  0: 'unspec',
  252: 'compat',
  253: 'default',
  254: 'main',
  255: 'local',
};

/** Who put a route or rule there: RTPROT_*. */
export const ORIGINS: Readonly<Record<number, string>> = {
  0: 'unspec',
  1: 'redirect',
  2: 'kernel',
  3: 'boot',
  4: 'static',
  8: 'gated',
  9: 'ra',
  10: 'mrt',
  11: 'zebra',
  12: 'bird',
  13: 'dnrouted',
  14: 'xorp',
  15: 'ntk',
  16: 'dhcp',
  17: 'mrouted',
  18: 'keepalived',
  42: 'babel',
  186: 'bgp',
  187: 'isis',
  188: 'ospf',
  189: 'rip',
  192: 'eigrp',
};

/** Of the IP protocols, those that rules and connections are made of. */
export const IP_PROTOCOLS: Readonly<Record<number, string>> = {
  1: 'icmp',
  2: 'igmp',
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  47: 'gre',
  50: 'esp',
  51: 'ah',
  58: 'icmpv6',
  132: 'sctp',
  136: 'udplite',
};
