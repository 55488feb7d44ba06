/**
 * Network namespaces: netns-NS.img says whose it is, netdev-NS.img has the devices; addresses, routes, rules, connections
 * and firewall rules are raw images in the forms of `ip`, the kernel and iptables. A pod's namespace belongs to the pod
 * and not to the container: then only netns-NS.img is there, with the name under which it was handed in.
 */
import { imageKinds } from '../criu/image-kinds.ts';
import type { NetlinkFields } from '../criu/netlink/attributes.ts';
import { readNetworkDump } from '../criu/netlink/network-dump.ts';
import type { ImageSet } from './image-set.ts';

export interface NetworkNamespace {
  readonly id: number;
  /** Set where the namespace came in from outside and was not dumped. */
  readonly externalKey: string | undefined;
  readonly devices: readonly NetworkDevice[];
  /** Messages as `exhibit decode` prints them. */
  readonly addresses: readonly NetlinkFields[];
  readonly routes: readonly NetlinkFields[];
  readonly rules: readonly NetlinkFields[];
  readonly connections: readonly NetlinkFields[];
  readonly expectedConnections: readonly NetlinkFields[];
  readonly firewalls: readonly Firewall[];
}

export interface NetworkDevice {
  readonly index: number;
  readonly name: string;
  /** CRIU's word: `LOOPBACK`, `VETH`, `BRIDGE`… */
  readonly type: string;
  readonly mtu: number;
  /** IFF_* bits. */
  readonly flags: number;
  /** `02:00:00:00:00:01`; undefined for a device without one. */
  readonly hardwareAddress: string | undefined;
}

export interface Firewall {
  readonly kind: 'iptables' | 'ip6tables' | 'nftables';
  /** As the tool printed it; control characters and bytes that are no UTF-8 too. */
  readonly lines: readonly string[];
}

/** Messages kept of one image: a busy proxy has tens of thousands of connections. */
const MAX_MESSAGES = 262_144;

/** Text read of one firewall: the rules of a large cluster's node are some 10 MiB. */
const MAX_TEXT = 32 * 1024 * 1024;

const NAMESPACE_IMAGE =
  /^(?:netns|netdev|ifaddr|route6?|rule|netns-ct|netns-exp|ip6?tables|nftables)-(\d{1,10})\.img$/;

/** Every network namespace of which the archive has an image, by id. */
export async function readNetworks(images: ImageSet): Promise<readonly NetworkNamespace[]> {
  const ids = new Set<number>();
  for (const name of images.names()) {
    const id = NAMESPACE_IMAGE.exec(name)?.[1];
    if (id !== undefined) ids.add(Number(id));
  }
  const namespaces: NetworkNamespace[] = [];
  for (const id of [...ids].sort((a, b) => a - b)) namespaces.push(await readNetwork(id, images));
  return namespaces;
}

async function readNetwork(id: number, images: ImageSet): Promise<NetworkNamespace> {
  const netns = await images.readOne(`netns-${id}.img`, imageKinds.netns);
  const dump = (name: string, kind: string): Promise<readonly NetlinkFields[]> =>
    readDump(`${name}-${id}.img`, kind, images);
  const firewalls: Firewall[] = [];
  for (const kind of ['iptables', 'ip6tables', 'nftables'] as const) {
    const lines = await readText(`${kind}-${id}.img`, images);
    if (lines.length > 0) firewalls.push({ kind, lines });
  }
  return {
    id,
    externalKey: netns?.message.ext_key || undefined,
    devices: await readDevices(`netdev-${id}.img`, images),
    addresses: await dump('ifaddr', 'IFADDR'),
    routes: [...(await dump('route', 'ROUTE')), ...(await dump('route6', 'ROUTE6'))],
    rules: await dump('rule', 'RULE'),
    connections: await dump('netns-ct', 'NETNF_CT'),
    expectedConnections: await dump('netns-exp', 'NETNF_EXP'),
    firewalls,
  };
}

async function readDevices(name: string, images: ImageSet): Promise<readonly NetworkDevice[]> {
  const entries = await images.read(name, imageKinds.netdev);
  return entries.map(({ message }) => ({
    index: message.ifindex,
    name: message.name,
    type: String(message.type),
    mtu: message.mtu,
    flags: message.flags,
    hardwareAddress: message.address && hardwareAddress(message.address),
  }));
}

const hardwareAddress = (bytes: Uint8Array): string =>
  Array.from(bytes.subarray(0, 32), (byte) => byte.toString(16).padStart(2, '0')).join(':');

async function readDump(name: string, kind: string, images: ImageSet): Promise<readonly NetlinkFields[]> {
  const source = images.source(name);
  if (source === undefined) return [];
  const path = images.pathOf(name);
  const messages: NetlinkFields[] = [];
  const notes: Parameters<typeof readNetworkDump>[3] = [];
  for await (const message of readNetworkDump(path, kind, source, notes)) {
    if (messages.length === MAX_MESSAGES) {
      images.notes.warn(`more than ${MAX_MESSAGES} messages; the rest is not told`, path);
      break;
    }
    messages.push(message);
  }
  images.notes.add(...notes);
  return messages;
}

async function readText(name: string, images: ImageSet): Promise<readonly string[]> {
  const source = images.source(name);
  if (source === undefined || source.size === 0) return [];
  if (source.size > MAX_TEXT) {
    images.notes.warn(`longer than ${MAX_TEXT} bytes; the rest is not told`, images.pathOf(name));
  }
  const text = new TextDecoder().decode(await source.read(0, Math.min(source.size, MAX_TEXT)));
  return text.replace(/\n$/, '').split('\n');
}
