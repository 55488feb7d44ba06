/** The ways that are open to this user, made ready for one container. */
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { Access, AccessOptions } from './access.ts';
import { criRoute } from './cri/cri-route.ts';
import { findRunning } from './cri/runtime-pods.ts';
import { kubeletEndpoint, kubeletRoute } from './kubelet-route.ts';
import { type LiveWish, liveRoute } from './live/live-route.ts';
import { findMembers } from './live/members.ts';
import { type PodWish, podRoute } from './live/pod/pod-route.ts';
import type { PodSummary } from './pod.ts';
import { proxyRoute } from './proxy-route.ts';
import type { CaptureRoute, PodRouteName, RouteNotTaken } from './route.ts';
import { NEEDS_POD } from './route-choice.ts';
import type { ContainerTarget } from './target.ts';

export interface PodRouteOptions extends AccessOptions {
  readonly target: ContainerTarget;
  readonly timeoutSeconds: number;
  readonly pod: PodSummary | undefined;
  readonly containerId: string | undefined;
  /** What is wished of a capture without CRIU. */
  readonly live?: LiveWish | undefined;
  /** What is wished of the pod by which that is done from elsewhere; absent where none may be made. */
  readonly helper?: PodWish | undefined;
}

export interface BuiltRoutes {
  readonly routes: readonly CaptureRoute[];
  readonly notTaken: readonly RouteNotTaken[];
  /** As the runtime of this machine knows it. */
  readonly containerId: string | undefined;
}

/**
 * Where another way is behind it, a kubelet that does not answer is given up after this: TCP has asked three times by then
 * (after 0, 1 and 3 seconds), and firewalls before port 10250 often drop without a word.
 */
const HASTY_CONNECT_SECONDS = 5;

/** In their order; none where no open way leads to this container. */
export async function buildRoutes(access: Access, options: PodRouteOptions): Promise<BuiltRoutes> {
  const routes: CaptureRoute[] = [];
  const closed: RouteNotTaken[] = [];
  const idHere = await findHere(access, options);
  // From the last to the first: a way is to know whether another one is behind it.
  for (const { name, reason } of [...access.ways].reverse()) {
    const route = BUILDERS[name](access, options, { reason, idHere, isLast: routes.length === 0 });
    if (typeof route === 'string') closed.unshift({ name, reason: route });
    else routes.unshift(route);
  }
  const containerId = idHere instanceof ExhibitError ? undefined : idHere;
  return { routes, notTaken: [...access.notTaken, ...closed], containerId };
}

/** The container's id where it runs on this machine, and what keeps the runtime from saying so. */
type IdHere = string | ExhibitError | undefined;

async function findHere({ runtime, ways }: Access, options: PodRouteOptions): Promise<IdHere> {
  const isAsked = ways.some(({ name }) => name === 'cri' || name === 'node');
  if (runtime === undefined || !isAsked) return undefined;
  try {
    return (await findRunning(runtime, options.target, options.containerId))?.id;
  } catch (error) {
    if (error instanceof ExhibitError) return error;
    throw error;
  }
}

interface BuildDetails {
  readonly reason: string;
  readonly idHere: IdHere;
  /** No other way is behind this one. */
  readonly isLast: boolean;
}

/** A route, or why this one does not lead to the container. */
type Build = (access: Access, options: PodRouteOptions, details: BuildDetails) => CaptureRoute | string;

const BUILDERS: Readonly<Record<PodRouteName, Build>> = {
  kubelet: ({ kubelet, cluster, trust }, options, { reason, isLast }) => {
    const { pod, target, timeoutSeconds, node } = options;
    if (kubelet === undefined) return 'there are no credentials for a kubelet';
    // Without a kubeconfig the pod came from this node.
    const address = node ?? (cluster === undefined ? undefined : pod?.node_address);
    const where = { address, names: [pod?.node, pod?.node_address] };
    const connectSeconds = isLast ? undefined : HASTY_CONNECT_SECONDS;
    const endpoint = { ...kubeletEndpoint(kubelet, where, trust), connectSeconds };
    return kubeletRoute(endpoint, { target, reason, timeoutSeconds });
  },
  cri: ({ runtime }, { target, timeoutSeconds }, { reason, idHere }) => {
    if (runtime === undefined) return 'the runtime of this machine cannot be asked';
    if (idHere instanceof ExhibitError) return idHere.message;
    if (idHere === undefined) return `it does not run in ${runtime.name} on this machine`;
    return criRoute(runtime, { target, containerId: idHere, reason, timeoutSeconds });
  },
  proxy: ({ cluster }, { target, pod, timeoutSeconds }, { reason }) => {
    if (cluster === undefined) return 'there is no kubeconfig';
    if (pod?.node === undefined) return 'it needs the name of the node, which is unknown';
    return proxyRoute(cluster.api, { target, node: pod.node, reason, timeoutSeconds });
  },
  node: (access, options, details) =>
    liveHere(access, options, details) ?? liveElsewhere(access, options, details),
};

/** Undefined where this machine is not the container's node, or a pod was asked for. */
function liveHere(
  { runtime }: Access,
  { target, pod, containerId, live, helper }: PodRouteOptions,
  { reason, idHere }: BuildDetails,
): CaptureRoute | undefined {
  const id = typeof idHere === 'string' ? idHere : containerId;
  const isHere = process.getuid?.() === 0 && id !== undefined && findMembers(id).length > 0;
  if (!isHere || helper?.isAsked === true) return undefined;
  return liveRoute({ id, target, podUid: pod?.uid, runtime, reason, wish: live });
}

function liveElsewhere(
  { cluster }: Access,
  { target, pod, live, helper, via, mayMakePod }: PodRouteOptions,
  { reason }: BuildDetails,
): CaptureRoute | string {
  if (cluster === undefined) return 'it does not run on this machine, as far as can be seen here';
  const isAsked = via === 'node';
  if (helper === undefined || !(mayMakePod ?? isAsked))
    return `it does not run on this machine; ${NEEDS_POD}`;
  if (pod?.node === undefined) return 'it needs the name of the node, which is unknown';
  const why = isAsked ? reason : `a pod on the node does it (${cluster.origin})`;
  return podRoute(cluster.api, { target, node: pod.node, reason: why, wish: helper, live });
}
