import type { Inspection } from '../../export/inspection.ts';
import type { InspectedNetwork } from '../../export/inspection-kernel-shape.ts';
import { type Cell, type Column, renderTable } from '../terminal/table.ts';
import { remark, section, type ViewOptions } from './section.ts';

/** Rows of one table; the JSON has all. A table is laid out as a whole, in memory. */
const MAX_ROWS = 10_000;

/** Devices, addresses, routes, rules, connections and firewall rules of each network namespace. */
export function networkView({ network_namespaces: networks = [] }: Inspection, options: ViewOptions): string {
  if (networks.length === 0) return section('NETWORK', 'none in the archive', '', options);
  return networks
    .map((network) => {
      const body = [
        network.external_key === undefined ? '' : remark(originOf(network), options),
        deviceTable(network, options),
        addressTable(network, options),
        table(
          'ROUTES',
          ROUTE_COLUMNS,
          network.routes.map((fields) => routeRow(fields, network)),
          options,
        ),
        table('RULES', RULE_COLUMNS, network.rules.map(ruleRow), options),
        table('CONNECTIONS', CONNECTION_COLUMNS, network.connections.map(connectionRow), options),
        table('EXPECTED', CONNECTION_COLUMNS, network.expected_connections.map(expectedRow), options),
        ...network.firewalls.map(({ kind, lines }) =>
          table(
            kind.toUpperCase(),
            [{ title: '', overflow: 'wrap' }],
            lines.map((line) => [line]),
            options,
          ),
        ),
      ].join('');
      return section('NETWORK', `namespace ${network.id}`, body, options);
    })
    .join('');
}

/** CRIU dumps nothing of a namespace that came in from outside; a capture without CRIU asks for addresses and routes. */
function originOf({ addresses, routes }: InspectedNetwork): string {
  const isAsked = addresses.length > 0 || routes.length > 0;
  const missing = isAsked ? 'devices' : 'devices, addresses and routes';
  return `It came in from outside, as a pod’s does: its ${missing} were not captured.`;
}

function table(
  title: string,
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  options: ViewOptions,
): string {
  if (rows.length === 0) return '';
  const shown = renderTable(columns, rows.slice(0, MAX_ROWS), { ...options, indent: 4 });
  const rest = rows.length - MAX_ROWS;
  const more = rest > 0 ? remark(`and ${rest} more: --json has them`, options) : '';
  return `${remark(`${title} ${rows.length}`, options)}${shown}${more}`;
}

function deviceTable({ devices }: InspectedNetwork, options: ViewOptions): string {
  const columns = [
    { title: 'INDEX', align: 'right' },
    { title: 'NAME', overflow: 'wrap' },
    { title: 'TYPE' },
    { title: 'MTU', align: 'right' },
    { title: 'STATE' },
    { title: 'HARDWARE ADDRESS' },
  ] as const;
  const rows = devices.map((device): readonly Cell[] => [
    String(device.index),
    device.name,
    device.type,
    String(device.mtu),
    describeFlags(Number(device.flags)),
    device.hardware_address ?? '',
  ]);
  return table('DEVICES', columns, rows, options);
}

/** IFF_UP and IFF_PROMISC of linux/if.h: whether it works, and whether it listens to what is not for it. */
function describeFlags(flags: number): string {
  return `${(flags & 1) !== 0 ? 'up' : 'down'}${(flags & 0x100) !== 0 ? ', promiscuous' : ''}`;
}

type Fields = InspectedNetwork['addresses'][number];

/** A member of a message as text; nothing where it is not there. */
function told(fields: unknown, ...path: readonly string[]): string {
  let value = fields;
  for (const name of path) {
    value =
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  }
  if (Array.isArray(value)) return value.filter((each) => typeof each !== 'object').join(' ');
  return value === undefined || typeof value === 'object' ? '' : String(value);
}

const prefixed = (prefix: string, text: string): string => (text === '' ? '' : `${prefix}${text}`);
const words = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join(' ');

function deviceName({ devices }: InspectedNetwork, index: string): string {
  return devices.find((device) => String(device.index) === index)?.name ?? `#${index}`;
}

function addressTable(network: InspectedNetwork, options: ViewOptions): string {
  const columns = [
    { title: 'DEVICE', overflow: 'wrap' },
    { title: 'ADDRESS' },
    { title: 'PEER' },
    { title: 'SCOPE' },
    { title: 'FLAGS', overflow: 'wrap' },
  ] as const;
  const rows = network.addresses.map((fields): readonly Cell[] => {
    const [address, local] = [told(fields, 'address'), told(fields, 'local')];
    const own = local || address;
    return [
      deviceName(network, told(fields, 'interface')),
      `${own}${prefixed('/', told(fields, 'prefix_length'))}`,
      own === address ? '' : address,
      told(fields, 'scope'),
      told(fields, 'flags'),
    ];
  });
  return table('ADDRESSES', columns, rows, options);
}

const ROUTE_COLUMNS: readonly Column[] = [
  { title: 'TO' },
  { title: 'VIA', overflow: 'wrap' },
  { title: 'TYPE' },
  { title: 'TABLE' },
  { title: 'ORIGIN' },
  { title: 'SOURCE' },
  { title: 'METRIC', align: 'right' },
];

function routeRow(fields: Fields, network: InspectedNetwork): readonly Cell[] {
  const hops = Array.isArray(fields.nexthops) ? (fields.nexthops as readonly unknown[]) : [fields];
  return [
    prefixOf(fields, 'destination'),
    hops.map((each) => hop(each, network)).join(', '),
    told(fields, 'type'),
    told(fields, 'table'),
    told(fields, 'origin'),
    told(fields, 'preferred_source'),
    told(fields, 'priority'),
  ];
}

const prefixOf = (fields: Fields, name: 'destination' | 'source'): string => {
  const address = told(fields, name);
  return address === '' ? 'all' : `${address}/${told(fields, `${name}_length`)}`;
};

const hop = (fields: unknown, network: InspectedNetwork): string => {
  const index = told(fields, 'interface');
  return words(
    told(fields, 'gateway') || told(fields, 'via', 'host'),
    index === '' ? '' : `on ${deviceName(network, index)}`,
    prefixed('weight ', told(fields, 'weight')),
  );
};

const RULE_COLUMNS: readonly Column[] = [
  { title: 'PRIORITY', align: 'right' },
  { title: 'FROM' },
  { title: 'TO' },
  { title: 'IF', overflow: 'wrap' },
  { title: 'THEN' },
];

function ruleRow(fields: Fields): readonly Cell[] {
  const range = (name: string): string => {
    const [start, end] = [told(fields, name, 'start'), told(fields, name, 'end')];
    return start === end ? start : `${start}-${end}`;
  };
  const mark = told(fields, 'mark');
  return [
    told(fields, 'priority') || '0',
    prefixOf(fields, 'source'),
    prefixOf(fields, 'destination'),
    words(
      prefixed('iif ', told(fields, 'input_interface')),
      prefixed('oif ', told(fields, 'output_interface')),
      mark === '' ? '' : `mark ${mark}/${told(fields, 'mark_mask')}`,
      told(fields, 'ip_protocol'),
      prefixed('source port ', range('source_ports')),
      prefixed('port ', range('destination_ports')),
      prefixed('uid ', range('uids')),
    ),
    words(told(fields, 'action'), told(fields, 'goto') || told(fields, 'table')),
  ];
}

const CONNECTION_COLUMNS: readonly Column[] = [
  { title: 'PROTO' },
  { title: 'FROM' },
  { title: 'TO' },
  { title: 'ANSWERED BY' },
  { title: 'STATE', overflow: 'wrap' },
];

function connectionRow(fields: Fields): readonly Cell[] {
  return [
    told(fields, 'original', 'transport', 'protocol'),
    endpoint(fields, 'original', 'source'),
    endpoint(fields, 'original', 'destination'),
    // Another address than the one that was called is one that the call was redirected to.
    endpoint(fields, 'reply', 'source'),
    words(told(fields, 'protocol_info', 'tcp', 'state'), told(fields, 'status')),
  ];
}

const expectedRow = (fields: Fields): readonly Cell[] => [
  told(fields, 'tuple', 'transport', 'protocol'),
  endpoint(fields, 'tuple', 'source'),
  endpoint(fields, 'tuple', 'destination'),
  '',
  words('expected by', told(fields, 'helper')),
];

function endpoint(fields: Fields, direction: string, side: 'source' | 'destination'): string {
  const address = told(fields, direction, 'ip', side);
  const port = told(fields, direction, 'transport', `${side}_port`);
  const host = address.includes(':') && port !== '' ? `[${address}]` : address;
  return `${host}${prefixed(':', port)}`;
}
