/** The nodes of a cluster that can have archives. */
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import type { Endpoint } from '../https-client.ts';
import { callApi, type Json, record, records, text } from './api-client.ts';

export interface ClusterNode {
  readonly name: string;
  /** A node that is not gets no pod to run. */
  readonly ready: boolean;
}

const PAGE_SIZE = 500;
/** A cluster has at most 5000 nodes (Kubernetes' own limit). */
const MAX_PAGES = 20;

/** RFC 1123 subdomain, as Kubernetes validates names of nodes: it becomes part of a URL's path. */
const NODE_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/** All nodes that run Linux. */
export async function listNodes(api: Endpoint): Promise<readonly ClusterNode[]> {
  const nodes: ClusterNode[] = [];
  let next: string | undefined = '';
  for (let page = 0; next !== undefined && page < MAX_PAGES; page++) {
    const query = new URLSearchParams({ limit: String(PAGE_SIZE), continue: next });
    const path = `/api/v1/nodes?${query}`;
    const found: Json = (await callApi(api, { method: 'GET', path, what: 'list nodes' })) ?? {};
    nodes.push(...records(found.items).flatMap(readNode));
    next = text(record(found.metadata).continue);
  }
  return nodes;
}

/**
 * Looks a node up: a pod for one that is not there waits for ever. Throws `NODE_NOT_FOUND`; a user who may not look is
 * believed.
 */
export async function findNode(api: Endpoint, name: string): Promise<ClusterNode> {
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

function readNode(node: Json): readonly ClusterNode[] {
  const { name, labels } = record(node.metadata);
  const system = record(labels)['kubernetes.io/os'] ?? 'linux';
  if (typeof name !== 'string' || !NODE_NAME.test(name) || system !== 'linux') return [];
  return [{ name, ready: isReady(node) }];
}

function isReady(node: Json): boolean {
  const conditions = records(record(node.status).conditions);
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}
