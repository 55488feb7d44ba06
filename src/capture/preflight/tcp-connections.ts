import {
  type Check,
  type ContainerLook,
  describeHolder,
  type HeldDescriptor,
  heldDescriptors,
} from './container-look.ts';
import { addLines } from './criu-options.ts';
import { socketInode, TCP_LISTEN, type TcpSocket } from './network-look.ts';
import { clipEvidence } from './obstacle.ts';

/** include/net/tcp_states.h: a socket that is neither connected nor being so. */
const TCP_CLOSE = 7;

/**
 * TCP sockets that the container holds and that are neither closed nor listening: CRIU refuses each without
 * tcp-established, and a listening one on which somebody waits to be accepted (criu/sk-inet.c, can_dump_inet_sk).
 */
export const checkTcpConnections: Check = (look) => {
  if (look.options.values.has('tcp-established')) return [];
  const connections = heldSockets(look).filter(
    ({ socket: { state, waiting } }) => (state !== TCP_CLOSE && state !== TCP_LISTEN) || waiting > 0,
  );
  if (connections.length === 0) return [];
  return [
    {
      id: 'tcp-connection',
      certainty: 'refusal',
      what: 'the container holds TCP connections, which CRIU dumps only when it is told to',
      evidence: clipEvidence(connections.map(describe)),
      cure: ['on the node, as root; the connections go on:', addLines(look.options, ['tcp-established'])],
    },
  ];
};

interface HeldSocket {
  readonly holder: HeldDescriptor;
  readonly socket: TcpSocket;
}

function heldSockets(look: ContainerLook): readonly HeldSocket[] {
  const byInode = new Map(look.networks.flatMap(({ tcp }) => tcp.map((socket) => [socket.inode, socket])));
  const held = new Map<string, HeldSocket>();
  for (const holder of heldDescriptors(look)) {
    const inode = socketInode(holder.descriptor.link) ?? '';
    const socket = byInode.get(inode);
    if (socket !== undefined && !held.has(inode)) held.set(inode, { holder, socket });
  }
  return [...held.values()];
}

function describe({ holder, socket }: HeldSocket): string {
  const { local, remote, state, waiting } = socket;
  const which =
    state === TCP_LISTEN ? `${local}, ${waiting} waiting to be accepted` : `${local} to ${remote}`;
  return `${describeHolder(holder)}: ${which}`;
}
