/** Which ways to a container there are for this user, in the order in which they are tried, and why not the others. */
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { KubeletCredentials } from './credentials.ts';
import type { ContainerRuntime } from './cri/runtime.ts';
import type { ClusterAccess } from './kubeconfig.ts';
import { NODE_LAYOUTS } from './node-layouts.ts';
import {
  type CaptureRoute,
  POD_ROUTES,
  type PodRouteName,
  type RouteName,
  type RouteNotTaken,
} from './route.ts';

/** What the user says about the way. */
export interface RouteWish {
  readonly via?: PodRouteName | undefined;
  /** `--node ADDRESS[:PORT]`. */
  readonly node?: string | undefined;
  /** `--fingerprint`: of a kubelet's certificate. */
  readonly fingerprint?: string | undefined;
  /** `--runtime-endpoint unix:///PATH`. */
  readonly runtimeEndpoint?: string | undefined;
  /** Of a privileged pod: true where it may be made unasked, when a node cannot checkpoint; false: not even with --via node. */
  readonly mayMakePod?: boolean | undefined;
}

/** What is within this user's reach. */
export interface Reach {
  /** Credentials that the user named. */
  readonly given: KubeletCredentials | undefined;
  /** Credentials that lie on this node. */
  readonly found: KubeletCredentials | undefined;
  readonly cluster: Pick<ClusterAccess, 'origin' | 'credentials'> | undefined;
  /** This node's runtime, or why it cannot be asked. */
  readonly runtime: ContainerRuntime | ExhibitError;
  /** Whether this user may read the memory of others' processes on this machine. */
  readonly isRoot: boolean;
}

export interface Way {
  readonly name: PodRouteName;
  /** Why it can be gone, for the user. */
  readonly reason: string;
}

export interface RouteChoice {
  /** At least one. */
  readonly ways: readonly Way[];
  readonly notTaken: readonly RouteNotTaken[];
}

/** Why an open way is not gone while one before it is, for the user. */
export const whyLater = ({ name, makesPod }: Pick<CaptureRoute, 'name' | 'makesPod'>): string =>
  makesPod ? WHY_POD_LATER : WHY_LATER[name];

const WHY_POD_LATER =
  'only if the node cannot checkpoint, or CRIU refuses the container: then a privileged pod on the node captures without CRIU; --no-pod forbids it';

const WHY_LATER: Readonly<Record<RouteName, string>> = {
  kubelet: 'only if those before it are refused',
  cri: 'only if those before it are refused: it takes root on the node, and the cluster neither allows nor records it',
  proxy: 'only if those before it are refused: it takes nodes/proxy, which is as good as root on the node',
  node: 'only if those before it are refused, or CRIU is known to refuse the container: nothing can be restored from its archive',
  podman: 'it was not asked for',
};

/**
 * What was asked for is the only way; options that belong to one way ask for it. Throws `NO_ROUTE`, or what keeps the
 * asked-for one from being gone.
 */
export function chooseWays(wish: RouteWish, reach: Reach): RouteChoice {
  const asked = askedFor(wish, reach);
  const mayMakePod =
    asked?.name === 'node' ? wish.mayMakePod !== false : asked === undefined && wish.mayMakePod === true;
  const offers = POD_ROUTES.map((name) => ({
    name,
    ...OFFERS[name](reach, asked?.name === name, mayMakePod),
  }));
  if (asked !== undefined) return askedOnly(asked, offers);
  const ways = offers.filter(({ isOpen }) => isOpen);
  if (ways.length === 0)
    throw noRoute('neither credentials for a kubelet nor a kubeconfig are given or found');
  return {
    ways: ways.map(({ name, reason }) => ({ name, reason })),
    notTaken: offers.filter(({ isOpen }) => !isOpen).map(({ name, reason }) => ({ name, reason })),
  };
}

interface Offer {
  readonly isOpen: boolean;
  /** To go this way, or not to. */
  readonly reason: string;
  readonly error?: ExhibitError;
}

const open = (reason: string): Offer => ({ isOpen: true, reason });
const closed = (reason: string, error = noRoute(reason)): Offer => ({ isOpen: false, reason, error });

type OfferOf = (reach: Reach, isAsked: boolean, mayMakePod: boolean) => Offer;

const OFFERS: Readonly<Record<PodRouteName, OfferOf>> = {
  kubelet: ({ given, found, cluster }, isAsked) => {
    if (given !== undefined) return open(`as ${given.origin}`);
    if (found !== undefined) return open(`credentials for the kubelet lie on this node: ${found.origin}`);
    if (cluster === undefined) return closed('no credentials for a kubelet are given or found');
    if (isAsked || cluster.credentials.cert !== undefined) return open(`as ${cluster.credentials.origin}`);
    // A node under suspicion could keep it and use it.
    return closed("the kubeconfig's token is not shown to a node; --via kubelet does it nevertheless");
  },
  cri: ({ runtime }) =>
    runtime instanceof ExhibitError
      ? closed(runtime.message, runtime)
      : open(`the runtime of this machine, ${runtime.name}, can be asked`),
  proxy: ({ cluster }) =>
    cluster === undefined
      ? closed('the way through the API server needs a kubeconfig')
      : open(`there is a kubeconfig (${cluster.origin})`),
  node: ({ isRoot, cluster }, _isAsked, mayMakePod) => {
    if (isRoot) return open('this is root, and the node shows its processes');
    if (cluster === undefined) return closed("it takes root on the container's node", notRoot());
    return mayMakePod ? open(`a pod on the node does it (${cluster.origin})`) : closed(NEEDS_POD);
  },
};

/** Why a capture without CRIU is closed where no pod may be made for it. */
export const NEEDS_POD =
  'from elsewhere it takes a privileged pod on the node, which --via node makes, and --no-pod forbids';

const notRoot = (): ExhibitError =>
  new ExhibitError(
    'NOT_ROOT',
    "a capture without CRIU reads other users' memory: run it as root on the container's node",
  );

interface Asked {
  readonly name: PodRouteName;
  readonly why: string;
}

function askedFor(
  { via, node, fingerprint, runtimeEndpoint }: RouteWish,
  { given, found, cluster }: Reach,
): Asked | undefined {
  if (via !== undefined) return { name: via, why: `--via ${via} was asked for` };
  if (given !== undefined) return { name: 'kubelet', why: 'credentials for the kubelet were given' };
  if (node !== undefined && (found ?? cluster) !== undefined)
    return { name: 'kubelet', why: '--node was given' };
  if (fingerprint !== undefined) return { name: 'kubelet', why: '--fingerprint was given' };
  if (runtimeEndpoint !== undefined) return { name: 'cri', why: '--runtime-endpoint was given' };
  return undefined;
}

function askedOnly(
  { name, why }: Asked,
  offers: readonly (Offer & { readonly name: PodRouteName })[],
): RouteChoice {
  const offer = offers.find((candidate) => candidate.name === name);
  if (offer?.isOpen !== true) throw offer?.error ?? noRoute(why);
  const others = offers.filter((candidate) => candidate.name !== name);
  return {
    ways: [{ name, reason: `${why}; ${offer.reason}` }],
    notTaken: others.map((other) => ({ name: other.name, reason: why })),
  };
}

function noRoute(why: string): ExhibitError {
  const places = NODE_LAYOUTS.flatMap(({ certificates }) => certificates.map(({ cert }) => cert));
  return new ExhibitError('NO_ROUTE', `there is no way to the container: ${why}. What is needed is one of:`, {
    help: [
      'a kubeconfig: --kubeconfig FILE, KUBECONFIG or ~/.kube/config',
      'a client certificate: --cert FILE --key FILE (and --cacert FILE)',
      'a bearer token: --token-file FILE',
      'a root shell on the node, where its runtime can be asked (--runtime-endpoint), or one of these be read:',
      ...places.map((place) => `  ${place}`),
    ],
  });
}
