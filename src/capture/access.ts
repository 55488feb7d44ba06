/** What this user can reach: the API server by a kubeconfig, kubelets by credentials; and which way a capture takes. */
import { ExhibitError } from '../bytes/exhibit-error.ts';
import {
  findNodeCredentials,
  type GivenCredentials,
  type KubeletCredentials,
  readGivenAuthority,
  readGivenCredentials,
} from './credentials.ts';
import { type ClusterAccess, type KubeconfigOptions, openKubeconfig } from './kubeconfig.ts';
import { kubeletEndpoint } from './kubelet-route.ts';
import { NODE_LAYOUTS } from './node-layouts.ts';
import { apiPodSource, kubeletPodSource, type PodSource } from './pod-source.ts';
import type { RouteName } from './route.ts';
import { ServerTrust, type TrustOptions } from './server-trust.ts';

export interface AccessOptions extends KubeconfigOptions, GivenCredentials, TrustOptions {
  readonly via?: RouteName | undefined;
  /** `--node ADDRESS[:PORT]`. */
  readonly node?: string | undefined;
}

export interface Access {
  readonly cluster: ClusterAccess | undefined;
  /** Undefined where the only way is through the API server. */
  readonly kubelet: KubeletCredentials | undefined;
  /** What is believed of kubelets that no CA vouches for. */
  readonly trust: ServerTrust;
  readonly via: RouteName;
  /** Why that way, for the user. */
  readonly reason: string;
  /** What did not work on the way here and is not needed. */
  readonly notes: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Looks at the options, then at this machine, and chooses the way. Throws `NO_ROUTE` when there is none. */
export async function findAccess(options: AccessOptions, environment: Environment): Promise<Access> {
  const given = await readGivenCredentials(options);
  const found = given === undefined ? await findNodeCredentials() : undefined;
  const wantsCluster = options.kubeconfig !== undefined || options.context !== undefined;
  const notes: string[] = [];
  const cluster = await openKubeconfig(options, environment).catch((error: unknown) => {
    const isNeeded = wantsCluster || options.via === 'proxy' || (given ?? found) === undefined;
    if (isNeeded || !(error instanceof ExhibitError)) throw error;
    notes.push(error.message);
    return undefined;
  });
  const own = given ?? found?.credentials;
  const { via, reason } = chooseRoute(options, { given, found: wantsCluster ? undefined : own, cluster });
  const identity = own ?? (via === 'kubelet' ? cluster?.credentials : undefined);
  const kubelet = identity && { ...identity, ca: await authorities(options, identity, cluster) };
  if (via === 'kubelet' && kubelet === undefined)
    throw noRoute('no credentials for a kubelet are given or found');
  if (via === 'proxy' && cluster === undefined)
    throw noRoute('the way through the API server needs a kubeconfig');
  return { cluster, kubelet, trust: new ServerTrust(options), via, reason, notes };
}

interface Candidates {
  readonly given: KubeletCredentials | undefined;
  readonly found: KubeletCredentials | undefined;
  readonly cluster: ClusterAccess | undefined;
}

function chooseRoute(
  { via, node }: AccessOptions,
  { given, found, cluster }: Candidates,
): { readonly via: RouteName; readonly reason: string } {
  const origin = given ?? found ?? cluster?.credentials;
  const as = origin === undefined ? '' : `, as ${origin.origin}`;
  if (via === 'proxy') return { via, reason: '--via proxy was asked for' };
  if (via === 'kubelet') return { via, reason: `--via kubelet was asked for${as}` };
  if (given !== undefined) return { via: 'kubelet', reason: `credentials for the kubelet were given${as}` };
  if (node !== undefined && origin !== undefined) return { via: 'kubelet', reason: `--node was given${as}` };
  if (found !== undefined)
    return { via: 'kubelet', reason: `credentials for the kubelet lie on this node: ${found.origin}` };
  if (cluster !== undefined) {
    return {
      via: 'proxy',
      reason: `there is a kubeconfig (${cluster.origin}) and no credentials for a kubelet`,
    };
  }
  throw noRoute('neither credentials for a kubelet nor a kubeconfig are given or found');
}

/** All that may vouch for a kubelet: what was named, else what came with the credentials, this node's and the cluster's. */
async function authorities(
  options: AccessOptions,
  identity: KubeletCredentials,
  cluster: ClusterAccess | undefined,
): Promise<readonly string[] | undefined> {
  const named = await readGivenAuthority(options);
  if (named !== undefined) return named;
  const onNode = (await findNodeCredentials())?.credentials.ca;
  const all = [identity.ca, onNode, cluster?.credentials.ca].flatMap((list) => list ?? []);
  return all.length === 0 ? undefined : [...new Set(all)];
}

function noRoute(why: string): ExhibitError {
  const places = NODE_LAYOUTS.flatMap(({ certificates }) => certificates.map(({ cert }) => cert));
  return new ExhibitError('NO_ROUTE', `there is no way to the container: ${why}. What is needed is one of:`, {
    help: [
      'a kubeconfig: --kubeconfig FILE, KUBECONFIG or ~/.kube/config',
      'a client certificate: --cert FILE --key FILE (and --cacert FILE)',
      'a bearer token: --token-file FILE',
      'a root shell on a node of k3s, RKE2 or kubeadm, where one of these can be read:',
      ...places.map((place) => `  ${place}`),
    ],
  });
}

/** Who is asked for pods: the API server where there is a kubeconfig, else this node's (or the named) kubelet. */
export function podSource(access: Access, options: AccessOptions): PodSource {
  const { cluster, kubelet, trust } = access;
  if (cluster !== undefined) return apiPodSource(cluster.api, `the API server ${cluster.api.url.origin}`);
  if (kubelet === undefined) throw noRoute('pods can be asked of an API server or of a kubelet');
  const endpoint = kubeletEndpoint(kubelet, { address: options.node }, trust);
  return kubeletPodSource(endpoint, `the kubelet ${endpoint.url.origin}, as ${kubelet.origin}`);
}
