/** The nodes of a cluster, as their objects describe them. Source: Kubernetes API reference, Node v1. */
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import type { Endpoint } from '../https-client.ts';
import { callApi, type Json, record, records, text } from './api-client.ts';

export interface ClusterNode {
  readonly name: string;
  /** A node that is not gets no pod to run. */
  readonly ready: boolean;
  /** `HOST:PORT` of its kubelet inside the cluster; undefined where the node has not told. */
  readonly kubelet: string | undefined;
  /** Names and addresses that its kubelet's certificate may be for. */
  readonly names: readonly string[];
  /** `v1.36.3`, `v1.31.5+k3s1`. */
  readonly kubeletVersion: string;
  /** `containerd://2.1.9`, `cri-o://1.33.0`. */
  readonly runtime: string;
  /** `linux`, `windows`. */
  readonly system: string;
}

/** What is known of a node that this user may not look up. */
export type NodeStatus = Pick<ClusterNode, 'name' | 'ready'>;

export const runsLinux = ({ system }: ClusterNode): boolean => system === 'linux';

const PAGE_SIZE = 500;
/** Kubernetes is made for 5,000 nodes: four times that is not real. */
const MAX_PAGES = 40;
const KUBELET_PORT = 10250;

/** RFC 1123 subdomain, as Kubernetes validates names of nodes: it becomes part of a URL's path. */
const NODE_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/** All nodes. Needs nodes: list; a refusal is `API_FORBIDDEN`. */
export async function listNodes(api: Endpoint): Promise<readonly ClusterNode[]> {
  const nodes: ClusterNode[] = [];
  let next: string | undefined = '';
  for (let page = 0; next !== undefined && page < MAX_PAGES; page++) {
    const query = new URLSearchParams({ limit: String(PAGE_SIZE) });
    if (next !== '') query.set('continue', next);
    const path = `/api/v1/nodes?${query}`;
    const list = await callApi(api, { method: 'GET', path, what: 'list nodes' });
    nodes.push(...records(list?.items).flatMap((item) => readNode(item) ?? []));
    next = text(record(list?.metadata).continue);
  }
  return nodes;
}

/**
 * Looks a node up: a pod for one that is not there waits for ever. Throws `NODE_NOT_FOUND`; a user who may not look is
 * believed.
 */
export async function findNode(api: Endpoint, name: string): Promise<NodeStatus> {
  if (!NODE_NAME.test(name)) throw new ExhibitError('NODE_NOT_FOUND', `"${name}" is no name of a node`);
  const path = `/api/v1/nodes/${name}`;
  try {
    const found = await callApi(api, { method: 'GET', path, what: `look up node ${name}` });
    if (found !== undefined) return { name, ready: isReady(found) };
  } catch (error) {
    if (error instanceof ExhibitError && error.code === 'API_FORBIDDEN') return { name, ready: true };
    throw error;
  }
  throw new ExhibitError(
    'NODE_NOT_FOUND',
    `the cluster knows no node ${name}. "kubectl get nodes" lists them.`,
  );
}

/** Reads one Node object; undefined without a name. Other fields that are missing or of the wrong type read as empty. */
function readNode(node: Json): ClusterNode | undefined {
  const { addresses, daemonEndpoints, nodeInfo } = record(node.status);
  const { kubeletVersion, containerRuntimeVersion, operatingSystem } = record(nodeInfo);
  const name = text(record(node.metadata).name) ?? '';
  if (!NODE_NAME.test(name)) return undefined;
  const known = records(addresses);
  const address = text(known.find(({ type }) => type === 'InternalIP')?.address);
  const { Port } = record(record(daemonEndpoints).kubeletEndpoint);
  const port = typeof Port === 'number' ? Port : KUBELET_PORT;
  return {
    name,
    ready: isReady(node),
    kubelet: address && `${address.includes(':') ? `[${address}]` : address}:${port}`,
    names: [name, ...known.map((item) => text(item.address) ?? '')].filter((item) => item !== ''),
    kubeletVersion: text(kubeletVersion) ?? '',
    runtime: text(containerRuntimeVersion) ?? '',
    system: text(operatingSystem) ?? 'linux',
  };
}

function isReady(node: Json): boolean {
  const conditions = records(record(node.status).conditions);
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}
