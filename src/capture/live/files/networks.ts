/**
 * Network namespaces. A pod's belongs to the pod and not to the container: as in CRIU's own dumps, netns-N.img says only that
 * it came in from outside. CRIU's images of addresses and routes are netlink messages, which /proc/net does not have; so what
 * it has lies beside the images, as the kernel wrote it.
 */
import { imageKinds } from '../../../criu/image-kinds.ts';
import { type LiveImage, listImage } from '../live-image.ts';
import type { GatheredNetwork, NetworkFile } from '../look/gathered.ts';
import { type InternetSocketLine, parseInternetSockets } from '../proc/internet-sockets.ts';
import { namespaceId } from './namespace-files.ts';

/** The key under which runc hands a namespace to CRIU. */
const EXTERNAL_KEY = 'extRootNetNS';

export function networkImages(networks: readonly GatheredNetwork[]): readonly LiveImage[] {
  return networks.map(({ namespace }) => {
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
    return listImage(`netns-${namespaceId(namespace)}.img`, imageKinds.netns, [message]);
  });
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

export function networkFacts(networks: readonly GatheredNetwork[]): readonly NetworkFacts[] {
  return networks.map(({ namespace, files }) => {
    const kept: Partial<Record<NetworkFile, string>> = {};
    for (const name of KEPT_FILES) {
      const text = files[name];
      if (text) kept[name] = text.slice(0, MAX_FILE_LENGTH);
    }
    const queues = parseInternetSockets(files)
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
