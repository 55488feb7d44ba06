import type { InspectedSocket, Inspection } from '../../export/inspection.ts';
import { formatBytes, formatCount } from '../terminal/format.ts';
import { styled } from '../terminal/line.ts';
import { type Cell, type Column, renderTable } from '../terminal/table.ts';
import { hiddenLines } from './capture-limits.ts';
import { listProcesses } from './processes.ts';
import { remark, section, type ViewOptions } from './section.ts';

interface OwnedSocket {
  readonly socket: InspectedSocket;
  /** Descriptor numbers by process. */
  readonly owners: Map<number, number[]>;
}

/** Each socket once, with the processes that hold it. `brief` leaves out unnamed unix sockets that hold no bytes. */
export function socketView(
  inspection: Inspection,
  options: ViewOptions & { readonly brief: boolean },
): string {
  const sockets = groupSockets(inspection);
  const limits = hiddenLines(inspection, ['sockets'], options);
  if (sockets.length === 0) return section('SOCKETS', 'none in the archive', limits, options);
  const names = new Map(listProcesses(inspection).map(({ pid, command }) => [pid, command]));
  const byInode = new Map(sockets.map((owned) => [owned.socket.inode, owned]));
  const shown = options.brief ? sockets.filter(({ socket }) => isTelling(socket)) : sockets;
  const hasQueues = shown.some(({ socket }) => queuesOf(socket) !== '');
  const columns: readonly Column[] = [
    { title: 'PROTO' },
    { title: 'STATE' },
    { title: 'LOCAL', overflow: 'wrap' },
    { title: 'PEER', overflow: 'wrap' },
    ...(hasQueues ? [{ title: 'QUEUED' }] : []),
    { title: 'PROCESS', overflow: 'wrap' },
  ];
  const rows = shown.map(({ socket, owners }): readonly Cell[] => [
    protocolOf(socket),
    stateCell(socket),
    localOf(socket),
    peerOf(socket, byInode, names),
    ...(hasQueues ? [queuesOf(socket)] : []),
    describeOwners(owners, names),
  ]);
  const rest = sockets.length - shown.length;
  const body =
    renderTable(columns, rows, { ...options, indent: 2 }) +
    (rest > 0 ? remark(`and ${formatCount(rest, 'unix socket')} without a name: --sockets`, options) : '');
  return section(
    'SOCKETS',
    String(sockets.length),
    (rows.length > 0 ? body : remark('only unnamed unix sockets: --sockets', options)) + limits,
    options,
  );
}

/** Equal file ids are one socket, however many descriptors and processes hold it. */
function groupSockets({ sockets = [] }: Inspection): readonly OwnedSocket[] {
  const byFile = new Map<number, OwnedSocket>();
  for (const { pid, open_sockets } of sockets) {
    for (const socket of open_sockets) {
      const owned = byFile.get(socket.file_id) ?? { socket, owners: new Map<number, number[]>() };
      byFile.set(socket.file_id, owned);
      owned.owners.set(pid, [...(owned.owners.get(pid) ?? []), socket.fd]);
    }
  }
  return [...byFile.values()];
}

const isTelling = ({ family, data, unread_bytes, unsent_bytes }: InspectedSocket): boolean =>
  family !== 'unix' || data.address !== undefined || unread_bytes > 0 || unsent_bytes > 0;

function protocolOf({ protocol, family, socket_type }: InspectedSocket): string {
  const name = protocol?.toLowerCase() ?? family;
  if (family === 'ipv6') return `${name}6`;
  return socket_type === undefined ? name : `${name} ${socket_type.replace('datagram', 'dgram')}`;
}

function stateCell({ data, socket_state }: InspectedSocket): Cell {
  const state = data.state ?? socket_state ?? '';
  return state === 'ESTABLISHED' || state === 'LISTEN' ? [styled(state, 'name')] : state;
}

function localOf({ data, family }: InspectedSocket): string {
  return data.src === undefined ? (data.address ?? '') : endpoint(data.src, data.src_port, family);
}

function peerOf(
  { data, family, peer_inode }: InspectedSocket,
  byInode: ReadonlyMap<number, OwnedSocket>,
  names: ReadonlyMap<number, string>,
): string {
  if (data.dst !== undefined) return endpoint(data.dst, data.dst_port, family);
  if (!peer_inode) return '';
  const peer = byInode.get(peer_inode);
  return peer ? describeOwners(peer.owners, names) : `inode ${peer_inode}`;
}

function endpoint(address: string, port: number | undefined, family: string): string {
  const isAny = address === '' || address === '0.0.0.0' || address === '::';
  const host = isAny ? '*' : family === 'ipv6' ? `[${address}]` : address;
  return `${host}:${port ?? '*'}`;
}

function queuesOf({ unread_bytes, unsent_bytes }: InspectedSocket): string {
  const parts = [
    unread_bytes > 0 ? `${formatBytes(unread_bytes)} unread` : '',
    unsent_bytes > 0 ? `${formatBytes(unsent_bytes)} unsent` : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function describeOwners(
  owners: ReadonlyMap<number, readonly number[]>,
  names: ReadonlyMap<number, string>,
): string {
  return [...owners].map(([pid, fds]) => `${pid} ${names.get(pid) ?? ''} fd ${fds.join(' ')}`).join(', ');
}
