/** The nodes of a cluster, as their objects describe them. Source: Kubernetes API reference, Node v1. */
import { callApi, type Json, record, records, text } from '../../collect/api-client.ts';
import type { Endpoint } from '../../https-client.ts';

export interface ClusterNode {
  readonly name: string;
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

/** Reads one Node object; undefined without a name. Other fields that are missing or of the wrong type read as empty. */
function readNode({ metadata, status }: Json): ClusterNode | undefined {
  const { addresses, daemonEndpoints, nodeInfo } = record(status);
  const { kubeletVersion, containerRuntimeVersion, operatingSystem } = record(nodeInfo);
  const name = text(record(metadata).name) ?? '';
  if (!NODE_NAME.test(name)) return undefined;
  const known = records(addresses);
  const address = text(known.find(({ type }) => type === 'InternalIP')?.address);
  const { Port } = record(record(daemonEndpoints).kubeletEndpoint);
  const port = typeof Port === 'number' ? Port : KUBELET_PORT;
  return {
    name,
    kubelet: address && `${address.includes(':') ? `[${address}]` : address}:${port}`,
    names: [name, ...known.map((item) => text(item.address) ?? '')].filter((item) => item !== ''),
    kubeletVersion: text(kubeletVersion) ?? '',
    runtime: text(containerRuntimeVersion) ?? '',
    system: text(operatingSystem) ?? 'linux',
  };
}
