/**
 * The sockets of a container's network namespaces: /proc/PID/net/{tcp,tcp6,unix}, read once a namespace. Addresses in
 * the TCP files are hexadecimal words in the host's byte order (kernel net/ipv4/tcp_ipv4.c, tcp4_seq_show).
 */
import { endianness } from 'node:os';
import path from 'node:path';
import { readNames, readStart, readTarget } from './bounded-read.ts';
import type { ProcessLook } from './process-look.ts';

export interface TcpSocket {
  readonly inode: string;
  /** `ADDRESS:PORT`. */
  readonly local: string;
  readonly remote: string;
  /** The kernel's number: 1 is ESTABLISHED, 7 CLOSE, 10 LISTEN (include/net/tcp_states.h). */
  readonly state: number;
  /** Of a listening socket: connections that nobody accepted yet. */
  readonly waiting: number;
}

export interface UnixSocket {
  readonly inode: string;
  /** 3 is connected (SS_CONNECTED, include/uapi/linux/net.h). */
  readonly state: number;
  /** 1 is a stream, 2 datagrams, 5 packets in sequence. */
  readonly type: number;
  /** Undefined for a socket without a name. */
  readonly path: string | undefined;
}

export interface NetworkLook {
  /** `net:[NUMBER]`. */
  readonly namespace: string;
  /** It is the node's own. */
  readonly isNodes: boolean;
  readonly tcp: readonly TcpSocket[];
  readonly unix: readonly UnixSocket[];
}

/** Some 150 bytes a line: a hundred thousand sockets. */
const MAX_TABLE_BYTES = 16 * 1024 * 1024;

/** Each network namespace of these processes. */
export async function lookAtNetworks(
  processes: readonly ProcessLook[],
  root = '/',
): Promise<readonly NetworkLook[]> {
  const representatives = new Map(processes.map((process) => [process.network, process]));
  const nodes = await readTarget(path.join(root, 'proc/1/ns/net'));
  const looks: NetworkLook[] = [];
  for (const [namespace, { pid }] of representatives) {
    if (namespace === undefined) continue;
    const read = async (name: string): Promise<readonly string[]> => {
      const text = await readStart(path.join(root, 'proc', `${pid}`, 'net', name), MAX_TABLE_BYTES);
      return text?.split('\n').slice(1) ?? [];
    };
    looks.push({
      namespace,
      isNodes: namespace === nodes,
      tcp: [...(await read('tcp')), ...(await read('tcp6'))].flatMap(parseTcp),
      unix: (await read('unix')).flatMap(parseUnix),
    });
  }
  return looks;
}

function parseTcp(line: string): readonly TcpSocket[] {
  // sl local remote state tx:rx timer:when retransmits uid timeout inode
  const [, local = '', remote = '', state = '', queues = '', , , , , inode] = line.trim().split(/\s+/);
  if (inode === undefined || !/^\d+$/.test(inode)) return [];
  const number = Number.parseInt(state, 16);
  const waiting = number === TCP_LISTEN ? Number.parseInt(queues.split(':')[1] ?? '0', 16) : 0;
  return [{ inode, local: formatAddress(local), remote: formatAddress(remote), state: number, waiting }];
}

/** include/net/tcp_states.h. */
export const TCP_LISTEN = 10;

/** `0100007F:1F90` → `127.0.0.1:8080`. What is no address is told as it is. */
export function formatAddress(text: string, littleEndian = endianness() === 'LE'): string {
  const [address = '', port = ''] = text.split(':');
  if (!/^([0-9A-F]{8}|[0-9A-F]{32})$/i.test(address)) return text;
  const words = address.match(/.{8}/g) ?? [];
  const bytes = words.flatMap((word) => {
    const inOrder = [...Buffer.from(word, 'hex')];
    return littleEndian ? inOrder.reverse() : inOrder;
  });
  const number = Number.parseInt(port, 16);
  if (bytes.length === 4) return `${bytes.join('.')}:${number}`;
  const groups = Buffer.from(bytes)
    .toString('hex')
    .match(/.{4}/g)
    ?.map((group) => group.replace(/^0{1,3}/, ''));
  // URL knows how IPv6 addresses are shortened (RFC 5952).
  return `${new URL(`http://[${groups?.join(':')}]`).hostname}:${number}`;
}

function parseUnix(line: string): readonly UnixSocket[] {
  // Num RefCount Protocol Flags Type St Inode [Path]: a path may hold spaces.
  const [, type = '', state = '', inode, name] =
    /^\S+: \S+ \S+ \S+ (\S+) (\S+) +(\d+)(?: (.*))?$/.exec(line) ?? [];
  if (inode === undefined) return [];
  return [{ inode, type: Number.parseInt(type, 16), state: Number.parseInt(state, 16), path: name }];
}

/** The sockets that other processes hold in this namespace, by inode: those of the other containers of the pod. */
export async function foreignSockets(
  namespace: string,
  own: ReadonlySet<number>,
  root = '/',
): Promise<ReadonlySet<string>> {
  const inodes = new Set<string>();
  const names = (await readNames(path.join(root, 'proc'))) ?? [];
  for (const pid of names.filter((name) => /^\d+$/.test(name) && !own.has(Number(name)))) {
    const folder = path.join(root, 'proc', pid);
    if ((await readTarget(path.join(folder, 'ns/net'))) !== namespace) continue;
    const descriptors = (await readNames(path.join(folder, 'fd'))) ?? [];
    for (const fd of descriptors.slice(0, MAX_FOREIGN_DESCRIPTORS)) {
      const inode = socketInode((await readTarget(path.join(folder, 'fd', fd))) ?? '');
      if (inode !== undefined) inodes.add(inode);
    }
  }
  return inodes;
}

/** Of one process of another container. */
const MAX_FOREIGN_DESCRIPTORS = 16_384;

/** `socket:[12]` → `12`. */
export function socketInode(link: string): string | undefined {
  return /^socket:\[(\d+)\]$/.exec(link)?.[1];
}
