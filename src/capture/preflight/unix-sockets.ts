/**
 * Unix sockets of the container whose other end is outside of it. The kernel tells pairs over netlink only, but an
 * accepted socket lives in the network namespace of the one who connected (net/unix/af_unix.c, unix_stream_connect): a
 * connected socket of the namespace that nobody in the pod holds is the far end of one that somebody in it holds.
 * ext-unix-sk lets CRIU pass datagram sockets; a stream is passed when its own inode is named (measured with CRIU 4.2.1).
 */
import { type Check, describeHolder, heldDescriptors } from './container-look.ts';
import { addLines } from './criu-options.ts';
import { foreignSockets, type NetworkLook, socketInode, type UnixSocket } from './network-look.ts';
import { clipEvidence } from './obstacle.ts';

const CONNECTED = 3;

export const checkUnixSockets: Check = async (look, root) => {
  const holders = heldDescriptors(look);
  const held = new Map(holders.map((holder) => [socketInode(holder.descriptor.link), holder]));
  const own = new Set(look.processes.map(({ pid }) => pid));
  const allowed = new Set(look.options.values.get('external') ?? []);
  // On the node's own network the far ends are held there too, and nothing tells them apart.
  for (const network of look.networks.filter(({ isNodes }) => !isNodes)) {
    const connected = network.unix.filter(({ state }) => state === CONNECTED);
    const nameless = connected.filter((socket) => held.has(socket.inode) && socket.path === undefined);
    const suspects = nameless.filter(({ inode }) => !allowed.has(nameOf(inode)));
    if (suspects.length === 0) continue;
    const outside = await farEnds(network, connected, held, own, root);
    if (outside.length === 0) continue;
    const names = outside.map((socket) => socket.path ?? `socket ${socket.inode}`);
    const lines = suspects.map(({ inode }) => `external ${nameOf(inode)}`);
    return [
      {
        id: 'unix-socket',
        // A container of the same pod may be the one that is connected, and others of its sockets may be pairs.
        certainty: 'likely',
        what: `a process is connected to a unix socket outside of the container: ${[...new Set(names)].slice(0, 3).join(', ')}`,
        evidence: clipEvidence(suspects.map(({ inode }) => describe(inode, held))),
        cure: [
          'on the node, as root; the numbers are those of the connections that are open now:',
          addLines(look.options, ['ext-unix-sk', ...lines]),
        ],
      },
    ];
  }
  return [];
};

/** As CRIU's option `external` names a socket. */
const nameOf = (inode: string): string => `unix[${inode}]`;

type Holders = ReadonlyMap<string | undefined, ReturnType<typeof heldDescriptors>[number]>;

async function farEnds(
  { namespace }: NetworkLook,
  connected: readonly UnixSocket[],
  held: Holders,
  own: ReadonlySet<number>,
  root: string,
): Promise<readonly UnixSocket[]> {
  const unheld = connected.filter(({ inode }) => !held.has(inode));
  if (unheld.length === 0) return [];
  const others = await foreignSockets(namespace, own, root);
  return unheld.filter(({ inode }) => !others.has(inode));
}

function describe(inode: string, held: Holders): string {
  const holder = held.get(inode);
  return `${holder === undefined ? 'a process' : describeHolder(holder)}: socket ${inode}`;
}
