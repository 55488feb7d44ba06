/**
 * Network namespaces. A pod's belongs to the pod and not to the container: as in CRIU's own dumps, netns-N.img says only that
 * it came in from outside. CRIU's images of addresses and routes are netlink messages, which are written where the kernel could
 * be asked for them; what /proc/net has lies beside the images, as the kernel wrote it.
 */
import { concat } from '../../../bytes/concat.ts';
import { littleEndian } from '../../../criu/encode-wire.ts';
import { imageKinds } from '../../../criu/image-kinds.ts';
import { ADDRESS_MAGIC } from '../../../criu/netlink/addresses.ts';
import { ROUTE_MAGIC } from '../../../criu/netlink/routes.ts';
import { RULE_MAGIC } from '../../../criu/netlink/rules.ts';
import { type LiveImage, listImage } from '../live-image.ts';
import type { GatheredNetlink } from '../look/gather-netlink.ts';
import type { GatheredNetwork, NetworkFile } from '../look/gathered.ts';
import type { NetlinkAnswer } from '../look/netlink.ts';
import { type InternetSocketLine, parseInternetSockets } from '../proc/internet-sockets.ts';
import { parseUnixDiag } from '../proc/socket-diag.ts';
import { namespaceId } from './namespace-files.ts';

/** The key under which runc hands a namespace to CRIU. */
const EXTERNAL_KEY = 'extRootNetNS';

export function networkImages(
  networks: readonly GatheredNetwork[],
  asked: ReadonlyMap<bigint, GatheredNetlink>,
): readonly LiveImage[] {
  return networks.flatMap(({ namespace }) => {
    const id = namespaceId(namespace);
    const message = {
      def_conf: [],
      all_conf: [],
      def_conf4: [],
      all_conf4: [],
      def_conf6: [],
      all_conf6: [],
      nsids: [],
      unix_conf: [],
      ipv4_sysctl: [],
      ext_key: EXTERNAL_KEY,
    };
    const answers = asked.get(namespace);
    const netns = listImage(`netns-${id}.img`, imageKinds.netns, [message]);
    return answers === undefined ? [netns] : [netns, ...routeImages(id, answers)];
  });
}

/** As `ip … save` writes them: a word that says what they are, then the messages. */
function routeImages(id: number, answers: GatheredNetlink): readonly LiveImage[] {
  const image = (name: string, magic: number, messages: NetlinkAnswer): LiveImage => ({
    name: `${name}-${id}.img`,
    bytes: concat([littleEndian(BigInt(magic), 4), ...messages.map(padded)]),
  });
  return [
    image('ifaddr', ADDRESS_MAGIC, answers.addresses),
    image('route', ROUTE_MAGIC, answers.routes),
    image('route6', ROUTE_MAGIC, answers.routes6),
    image('rule', RULE_MAGIC, answers.rules),
  ];
}

/** To a multiple of 4, where the next message begins. */
function padded(message: Uint8Array): Uint8Array {
  const rest = (4 - (message.length % 4)) % 4;
  return rest === 0 ? message : concat([message, new Uint8Array(rest)]);
}

/** A socket with bytes or connections that wait, or packets that were sent again. */
export type SocketQueue = Pick<InternetSocketLine, 'inode' | 'sendQueue' | 'receiveQueue' | 'retransmits'>;

export interface NetworkFacts {
  /** N of netns-N.img. */
  readonly namespace: number;
  readonly queues: readonly SocketQueue[];
  /** Files of /proc/PID/net by name, as the kernel wrote them. */
  readonly files: Readonly<Partial<Record<NetworkFile, string>>>;
}

/** Files that no image stands for. */
const KEPT_FILES: readonly NetworkFile[] = ['dev', 'if_inet6', 'route', 'ipv6_route', 'arp', 'fib_trie'];
/** A node with the routes of a whole network has megabytes of them; a pod some lines. Characters. */
const MAX_FILE_LENGTH = 256 * 1024;
const MAX_QUEUES = 65_536;
/** TCP_LISTEN of include/net/tcp_states.h. */
const LISTENING = 10;

export function networkFacts(
  networks: readonly GatheredNetwork[],
  asked: ReadonlyMap<bigint, GatheredNetlink>,
): readonly NetworkFacts[] {
  return networks.map(({ namespace, files }) => {
    const kept: Partial<Record<NetworkFile, string>> = {};
    for (const name of KEPT_FILES) {
      const text = files[name];
      if (text) kept[name] = text.slice(0, MAX_FILE_LENGTH);
    }
    const queues = [...parseInternetSockets(files), ...unixQueues(asked.get(namespace))]
      .filter(({ sendQueue, receiveQueue, retransmits }) => sendQueue + receiveQueue + retransmits > 0)
      .slice(0, MAX_QUEUES)
      .map(({ inode, sendQueue, receiveQueue, retransmits }) => ({
        inode,
        sendQueue,
        receiveQueue,
        retransmits,
      }));
    return { namespace: namespaceId(namespace), queues, files: kept };
  });
}

/** Of a listening one, sock_diag tells how many connections may wait where it tells how many bytes do of others. */
function unixQueues(answers: GatheredNetlink | undefined): readonly SocketQueue[] {
  return parseUnixDiag(answers?.unix ?? []).map(({ inode, state, sendQueue, receiveQueue }) => ({
    inode,
    sendQueue: state === LISTENING ? 0 : sendQueue,
    receiveQueue,
    retransmits: 0,
  }));
}
