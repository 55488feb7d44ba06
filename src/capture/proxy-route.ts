/**
 * The way through the API server: its node proxy passes the request on to the kubelet as the API server's own client.
 * So the caller needs nodes/proxy: create, and the API server's client nodes/checkpoint: create.
 */
import type { ExhibitError } from '../bytes/exhibit-error.ts';
import { explainApiAnswer, statusMessage } from './api-answer.ts';
import { apiPath } from './cluster/api-client.ts';
import { type Endpoint, type HttpAnswer, send } from './https-client.ts';
import { archivePath, explainKubeletAnswer } from './kubelet-answer.ts';
import { type CaptureRoute, checkpointPath, isAllowed, MAX_ANSWER_BYTES, NOBODY, PROBE } from './route.ts';
import type { ContainerTarget } from './target.ts';

export interface ProxyOptions {
  readonly target: ContainerTarget;
  /** The node's name in the cluster. */
  readonly node: string;
  readonly reason: string;
  readonly timeoutSeconds: number;
}

export function proxyRoute(
  api: Endpoint,
  { target, node, reason, timeoutSeconds }: ProxyOptions,
): CaptureRoute {
  const base = nodeProxyPath(api, node);
  const what = `reach the kubelet of node ${node} through the API server`;
  return {
    name: 'proxy',
    reason,
    endpoint: `${api.url.origin}${base}`,
    trust:
      api.options.rejectUnauthorized === false || api.url.protocol === 'http:'
        ? "the API server's certificate was NOT verified (the kubeconfig says so)"
        : "the API server's certificate was verified",
    take: async () => {
      const path = `${base}${checkpointPath(target, timeoutSeconds)}`;
      const answer = await send(api, { method: 'POST', path, answerLimit: MAX_ANSWER_BYTES });
      if (answer.status === 200) return archivePath(answer.body);
      throw explainProxied(answer, what, target);
    },
    probe: async () => {
      const answer = await send(api, { ...PROBE, path: `${base}${checkpointPath(NOBODY, timeoutSeconds)}` });
      if (!isAllowed(answer)) throw explainProxied(answer, what, target);
    },
  };
}

/** What the kubelet of a node is asked through lies below this path. */
export const nodeProxyPath = (api: Endpoint, node: string): string =>
  apiPath(api, `/api/v1/nodes/${encodeURIComponent(node)}/proxy`);

/**
 * The API server's own refusals are Status objects; the kubelet's, passed through, are plain text. `what` completes
 * "cannot …" for the former.
 */
export function explainProxied(answer: HttpAnswer, what: string, target: ContainerTarget): ExhibitError {
  const isFromApi = answer.status === 401 || statusMessage(answer.body) !== undefined;
  return isFromApi ? explainApiAnswer(answer, what) : explainKubeletAnswer(answer, target);
}
