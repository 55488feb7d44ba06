/** Where lists of pods come from: the API server, or on a node without a kubeconfig the kubelet itself. */
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { explainApiAnswer } from './api-answer.ts';
import { apiPath } from './cluster/api-client.ts';
import { type Endpoint, type HttpAnswer, send } from './https-client.ts';
import { explainKubeletAnswer } from './kubelet-answer.ts';
import { parseLabelSelector } from './label-selector.ts';
import { type PodSummary, summarizePod } from './pod.ts';

export interface PodFilter {
  /** Undefined: all namespaces. */
  readonly namespace?: string | undefined;
  /** As kubectl's `-l`. */
  readonly selector?: string | undefined;
}

export interface PodSource {
  /** For the user: who is asked. */
  readonly origin: string;
  list(filter: PodFilter): Promise<readonly PodSummary[]>;
  /** Undefined when there is no such pod. */
  get(namespace: string, pod: string): Promise<PodSummary | undefined>;
}

export interface SourceAnswer<T> {
  readonly source: PodSource;
  readonly value: T;
  /** Why those before it did not answer. */
  readonly notes: readonly string[];
}

/** Asks one source after the other until one answers. Rejects with what the first said when none does. */
export async function askFirst<T>(
  sources: readonly PodSource[],
  ask: (source: PodSource) => Promise<T>,
): Promise<SourceAnswer<T>> {
  const failures: ExhibitError[] = [];
  for (const source of sources) {
    try {
      const value = await ask(source);
      return { source, value, notes: failures.map(({ message }) => message) };
    } catch (error) {
      if (!(error instanceof ExhibitError)) throw error;
      failures.push(error);
    }
  }
  throw (
    failures[0] ?? new ExhibitError('NO_ROUTE', 'pods can be asked of an API server, a kubelet or a runtime')
  );
}

/** A list of 500 pods, the API server's page, is some 5 MiB; a kubelet's whole list stays below that. */
const MAX_LIST_BYTES = 64 * 1024 * 1024;
const PAGE_SIZE = 500;
/** A cluster has at most 150,000 pods (Kubernetes' own limit): more pages than that are not real. */
const MAX_PAGES = 400;
/** A list that says nothing for this long does not come. */
const IDLE_SECONDS = 60;

const get = (endpoint: Endpoint, path: string): Promise<HttpAnswer> =>
  send(endpoint, { method: 'GET', path, idleLimit: IDLE_SECONDS, answerLimit: MAX_LIST_BYTES });

/** The API server's list: of the whole cluster. */
export function apiPodSource(api: Endpoint, origin: string): PodSource {
  return {
    origin,
    list: (filter) => listFromApi(api, filter),
    get: async (namespace, pod) => {
      const answer = await get(api, apiPath(api, `/api/v1/namespaces/${namespace}/pods/${pod}`));
      if (answer.status === 404) return undefined;
      if (answer.status !== 200) throw explainApiAnswer(answer, `look up pod ${namespace}/${pod}`);
      return summarizePod(parseJson(answer.body));
    },
  };
}

async function listFromApi(api: Endpoint, filter: PodFilter): Promise<readonly PodSummary[]> {
  const folder = filter.namespace === undefined ? '' : `/namespaces/${encodeURIComponent(filter.namespace)}`;
  const pods: PodSummary[] = [];
  let next: string | undefined = '';
  for (let page = 0; next !== undefined && page < MAX_PAGES; page++) {
    const query = new URLSearchParams({ limit: String(PAGE_SIZE) });
    if (filter.selector !== undefined) query.set('labelSelector', filter.selector);
    if (next !== '') query.set('continue', next);
    const answer = await get(api, apiPath(api, `/api/v1${folder}/pods?${query}`));
    if (answer.status !== 200) throw explainApiAnswer(answer, 'list pods');
    const { items, metadata } = parseJson(answer.body) as PodList;
    pods.push(...(Array.isArray(items) ? items.map(summarizePod) : []));
    next = metadata?.continue || undefined;
  }
  return pods;
}

interface PodList {
  readonly items?: unknown;
  readonly metadata?: { readonly continue?: string };
}

/**
 * The kubelet's own list: of its node. It needs nodes/pods: get (from Kubernetes 1.33 on) or nodes/proxy: get, which the
 * API server's client certificate has and a node's own lacks.
 */
export function kubeletPodSource(kubelet: Endpoint, origin: string): PodSource {
  const list = async (filter: PodFilter): Promise<readonly PodSummary[]> => {
    const selects = parseLabelSelector(filter.selector ?? '');
    const answer = await get(kubelet, '/pods');
    if (answer.status !== 200) {
      throw explainKubeletAnswer(answer, { namespace: '', pod: '', container: '' });
    }
    const { items } = parseJson(answer.body) as PodList;
    const pods = Array.isArray(items) ? items.map(summarizePod) : [];
    return pods.filter(
      ({ namespace, labels }) => (filter.namespace ?? namespace) === namespace && selects(labels),
    );
  };
  return {
    origin,
    list,
    get: async (namespace, pod) => (await list({ namespace })).find((item) => item.pod === pod),
  };
}

function parseJson(body: string): object {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Told below, with what is not JSON as well.
  }
  throw new ExhibitError('API_FAILED', 'the answer to the request for pods is not JSON');
}
