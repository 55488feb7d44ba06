import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bufferSource } from '../../bytes/byte-source.ts';
import type { Note } from '../../bytes/note.ts';
import { formatIpv6, parseIpAddress } from '../ip-address.ts';
import type { JsonValue } from '../python-json.ts';
import type { NetlinkFields } from './attributes.ts';
import { readNetworkDump } from './network-dump.ts';

/** Recorded dumps, with what iproute2 and the kernel said of the same things: see the recipe there. */
const recorded = (file: string): Buffer =>
  readFileSync(new URL(`../golden/netlink/${file}`, import.meta.url));
const oracle = (file: string): readonly string[] => recorded(file).toString().trimEnd().split('\n');

async function read(file: string, kind: string): Promise<readonly NetlinkFields[]> {
  const notes: Note[] = [];
  const messages: NetlinkFields[] = [];
  for await (const each of readNetworkDump(file, kind, bufferSource(recorded(file)), notes))
    messages.push(each);
  expect(notes).toEqual([]);
  for (const each of messages) expect(each).not.toHaveProperty('unknown_attributes');
  return messages;
}

type Fields = Readonly<Record<string, JsonValue | undefined>>;
const inside = (value: JsonValue | undefined): Fields => (value ?? {}) as Fields;
const words = (...parts: readonly (string | false | undefined)[]): string =>
  parts.filter((part) => part).join(' ');
const INTERFACES: Readonly<Record<number, string>> = { 1: 'lo', 2: 'peer0', 3: 'eth0' };
const device = (index: JsonValue | undefined): string | undefined => INTERFACES[Number(index)];

describe('ip addr save', () => {
  const forever = (seconds: JsonValue | undefined): string =>
    seconds === 4294967295 ? 'forever' : `${seconds}sec`;

  function show(each: NetlinkFields): readonly string[] {
    const { family, address, local = address, prefix_length, broadcast, scope, label, flags } = each;
    const shown = (flags as readonly string[]).filter((flag) => flag !== 'permanent');
    const isPermanent = (flags as readonly string[]).includes('permanent');
    const { valid_lifetime, preferred_lifetime } = inside(each.cache_info);
    const host =
      local === address ? `${local}/${prefix_length}` : `${local} peer ${address}/${prefix_length}`;
    const line = words(
      `    ${family === 'INET' ? 'inet' : 'inet6'} ${host}`,
      broadcast !== undefined && `brd ${broadcast}`,
      `scope ${scope}`,
      ...shown,
      !isPermanent && 'dynamic',
      label as string | undefined,
    );
    const lifetimes = `valid_lft ${forever(valid_lifetime)} preferred_lft ${forever(preferred_lifetime)}`;
    return [`if${each.interface}:`, line, `       ${lifetimes}`];
  }

  it('is read as `ip addr showdump` reads it', async () => {
    const shown = (await read('ifaddr.img', 'IFADDR')).flatMap(show);
    expect(shown).toEqual(oracle('ifaddr.txt').map((line) => line.trimEnd()));
  });
});

describe('ip route save', () => {
  function target({ family, destination, destination_length: length }: NetlinkFields): string {
    if (length === 0) return 'default';
    return length === (family === 'INET' ? 32 : 128) ? String(destination) : `${destination}/${length}`;
  }

  function show(each: NetlinkFields): readonly string[] {
    const via = inside(each.via);
    const { mtu, advmss } = inside(each.metrics);
    const line = words(
      `${each.type} ${target(each)}`,
      each.gateway !== undefined && `via ${each.gateway}`,
      each.via !== undefined && `via inet6 ${via.host}`,
      each.interface !== undefined && `dev ${device(each.interface)}`,
      `table ${each.table} proto ${each.origin} scope ${each.scope}`,
      each.preferred_source !== undefined && `src ${each.preferred_source}`,
      each.priority !== undefined && `metric ${each.priority}`,
      mtu !== undefined && `mtu ${mtu}`,
      advmss !== undefined && `advmss ${advmss}`,
      each.preference !== undefined && `pref ${each.preference}`,
    );
    const hops = ((each.nexthops ?? []) as readonly Fields[]).map(
      (hop) => `\tnexthop via ${hop.gateway} dev ${device(hop.interface)} weight ${hop.weight}`,
    );
    return [line, ...hops];
  }

  it('is read as `ip route` shows the routes', async () => {
    const shown = (await read('route.img', 'ROUTE')).flatMap(show);
    const said = oracle('route.txt').map((line) => line.trimEnd());
    expect(shown).toEqual(said);
    const ipv6 = (await read('route6.img', 'ROUTE6')).flatMap(show);
    expect(ipv6).toEqual(said.filter((line) => line.includes(' pref ') && line.includes(' table main ')));
    expect(ipv6).toHaveLength(oracle('route6.txt').length);
  });
});

describe('ip rule save', () => {
  const range = (value: JsonValue | undefined): string | undefined => {
    const { start, end } = inside(value);
    return start === end ? start?.toString() : `${start}-${end}`;
  };
  const named = (name: string, value: string | undefined): string =>
    value === undefined ? '' : `${name} ${value}`;
  const prefix = (host: JsonValue | undefined, length: JsonValue | undefined): string =>
    length === 32 ? String(host) : `${host}/${length}`;

  function show(each: NetlinkFields): string {
    const { priority = 0, source, destination, action, mark, tos } = each;
    const what = words(
      `from ${source === undefined ? 'all' : prefix(source, each.source_length)}`,
      destination !== undefined && `to ${prefix(destination, each.destination_length)}`,
      tos !== 0 && `tos 0x${Number(tos).toString(16)}`,
      mark !== undefined && `fwmark 0x${mark.toString(16)}/0x${each.mark_mask?.toString(16)}`,
      named('iif', each.input_interface as string | undefined),
      named('oif', each.output_interface as string | undefined),
      named('uidrange', range(each.uids)),
      named('ipproto', each.ip_protocol as string | undefined),
      named('sport', range(each.source_ports)),
      named('dport', range(each.destination_ports)),
      action === 'lookup' ? `lookup ${each.table}` : action === 'goto' ? `goto ${each.goto}` : String(action),
      each.suppress_prefix_length !== -1 && `suppress_prefixlength ${each.suppress_prefix_length}`,
    );
    return `${priority}:\t${what}`;
  }

  it.each(['rule', 'rule6'])('%s is read as `ip rule` shows the rules', async (file) => {
    expect((await read(`${file}.img`, 'RULE')).map(show)).toEqual(oracle(`${file}.txt`));
  });
});

describe('connection tracking', () => {
  const tuple = (value: JsonValue | undefined): string => {
    const { ip, transport } = inside(value);
    const { source, destination } = inside(ip);
    const { source_port, destination_port } = inside(transport);
    return `src=${source} dst=${destination} sport=${source_port} dport=${destination_port}`;
  };
  const counted = (value: JsonValue | undefined): string => {
    const { packets, bytes } = inside(value);
    return `packets=${packets} bytes=${bytes}`;
  };

  function show(each: NetlinkFields): string {
    const { state } = inside(inside(each.protocol_info).tcp);
    const transport = inside(inside(each.original).transport);
    return words(
      each.family === 'INET' ? 'ipv4' : 'ipv6',
      transport.protocol as string,
      String(each.timeout),
      state as string | undefined,
      tuple(each.original),
      counted(each.counters_original),
      tuple(each.reply),
      counted(each.counters_reply),
      (each.status as readonly string[]).includes('assured') && '[ASSURED]',
      `mark=${each.mark}`,
    );
  }

  /** The kernel writes IPv6 in full, and numbers beside names. */
  function said(line: string): string {
    return line
      .replace(/^(\S+) +\d+ (\S+) +\d+ /, '$1 $2 ')
      .replaceAll(/[0-9a-f]{4}(?::[0-9a-f]{4}){7}/g, (host) => formatIpv6([...(parseIpAddress(host) ?? [])]))
      .replace(/ zone=.*/, '');
  }

  it('is read as /proc/net/nf_conntrack shows it', async () => {
    const shown = (await read('netns-ct.img', 'NETNF_CT')).map(show);
    expect(shown.toSorted()).toEqual(oracle('netns-ct.txt').map(said).toSorted());
  });

  it('tells an expected connection as /proc/net/nf_conntrack_expect does', async () => {
    const [expected] = await read('netns-exp.img', 'NETNF_EXP');
    const line = `${expected?.timeout} l3proto = 2 proto=6 ${tuple(expected?.tuple)} ${expected?.helper}`;
    expect([line]).toEqual(oracle('netns-exp.txt').map((each) => each.trimEnd()));
    expect(tuple(expected?.master)).toMatch(/dport=21$/);
  });
});
