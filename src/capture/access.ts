/** What this user can reach: the API server by a kubeconfig, kubelets by credentials, this node's runtime as root. */
import { ExhibitError } from '../bytes/exhibit-error.ts';
import {
  findNodeCredentials,
  type GivenCredentials,
  type KubeletCredentials,
  readGivenAuthority,
  readGivenCredentials,
} from './credentials.ts';
import type { ContainerRuntime } from './cri/runtime.ts';
import { runtimePodSource } from './cri/runtime-pods.ts';
import { findRuntime } from './cri/runtime-socket.ts';
import { type ClusterAccess, type KubeconfigOptions, openKubeconfig } from './kubeconfig.ts';
import { kubeletEndpoint } from './kubelet-route.ts';
import { apiPodSource, kubeletPodSource, type PodSource } from './pod-source.ts';
import type { RouteNotTaken } from './route.ts';
import { chooseWays, type RouteWish, type Way } from './route-choice.ts';
import { ServerTrust, type TrustOptions } from './server-trust.ts';

export interface AccessOptions extends KubeconfigOptions, GivenCredentials, RouteWish, TrustOptions {}

export interface Access {
  readonly cluster: ClusterAccess | undefined;
  /** Undefined where no way leads to a kubelet. */
  readonly kubelet: KubeletCredentials | undefined;
  /** What is believed of kubelets that no CA vouches for. */
  readonly trust: ServerTrust;
  /** This machine's; undefined where it is not there, or may not be asked. */
  readonly runtime: ContainerRuntime | undefined;
  /** To be tried in this order; at least one. */
  readonly ways: readonly Way[];
  readonly notTaken: readonly RouteNotTaken[];
  /** What did not work on the way here and is not needed. */
  readonly notes: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Looks at the options, then at this machine, and chooses the ways. Throws `NO_ROUTE` when there is none. */
export async function findAccess(options: AccessOptions, environment: Environment): Promise<Access> {
  const given = await readGivenCredentials(options);
  const found = given === undefined ? await findNodeCredentials() : undefined;
  const runtime = await findRuntimeOf(options, environment);
  const isElsewhere = given === undefined && found === undefined && runtime instanceof ExhibitError;
  const { cluster, notes } = await findCluster(options, environment, isElsewhere);
  const ofNode = isClusterNamed(options) ? undefined : found?.credentials;
  const isRoot = process.getuid?.() === 0;
  const { ways, notTaken } = chooseWays(options, { given, found: ofNode, cluster, runtime, isRoot });
  const identity = given ?? ofNode ?? cluster?.credentials;
  const leadsToKubelet = ways.some(({ name }) => name === 'kubelet');
  return {
    cluster,
    kubelet:
      leadsToKubelet && identity !== undefined
        ? { ...identity, ca: await authorities(options, identity, cluster) }
        : undefined,
    trust: new ServerTrust(options),
    runtime: runtime instanceof ExhibitError ? undefined : runtime,
    ways,
    notTaken,
    notes,
  };
}

/** A cluster that is named may be another than this node's. */
const isClusterNamed = ({ kubeconfig, context }: AccessOptions): boolean =>
  kubeconfig !== undefined || context !== undefined;

/** crictl's variable names it as well. A refusal is a value: the way is not open, and another may be. */
async function findRuntimeOf(
  { runtimeEndpoint, via }: AccessOptions,
  environment: Environment,
): Promise<ContainerRuntime | ExhibitError> {
  const variable = environment.CONTAINER_RUNTIME_ENDPOINT;
  try {
    return await findRuntime(runtimeEndpoint ?? (variable === '' ? undefined : variable));
  } catch (error) {
    const isFatal = runtimeEndpoint !== undefined || via === 'cri';
    if (isFatal || !(error instanceof ExhibitError)) throw error;
    return error;
  }
}

async function findCluster(
  options: AccessOptions,
  environment: Environment,
  isElsewhere: boolean,
): Promise<Pick<Access, 'cluster' | 'notes'>> {
  try {
    return { cluster: await openKubeconfig(options, environment), notes: [] };
  } catch (error) {
    const isNeeded =
      isClusterNamed(options) || options.via === 'proxy' || (isElsewhere && options.via !== 'node');
    if (isNeeded || !(error instanceof ExhibitError)) throw error;
    return { cluster: undefined, notes: [error.message] };
  }
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

/**
 * Who can be asked for pods, the one that knows most first: the API server knows the whole cluster, a kubelet and a
 * runtime their node. A cluster that is named is asked alone: this node may be another's.
 */
export function podSources(access: Access, options: AccessOptions): readonly PodSource[] {
  const { cluster, kubelet, trust, runtime, ways } = access;
  const fromRuntime = runtime === undefined ? [] : [runtimePodSource(runtime)];
  if (ways[0]?.name === 'cri' && ways.length === 1) return fromRuntime;
  const fromApi =
    cluster === undefined ? [] : [apiPodSource(cluster.api, `the API server ${cluster.api.url.origin}`)];
  if (isClusterNamed(options)) return fromApi;
  // Which of the cluster's kubelets to ask with a kubeconfig's credentials, only --node says.
  const isUnplaced = options.node === undefined && kubelet?.origin === cluster?.credentials.origin;
  const fromKubelet = kubelet === undefined || isUnplaced ? [] : [kubeletPods(kubelet, options, trust)];
  return [...fromApi, ...fromKubelet, ...fromRuntime];
}

function kubeletPods(kubelet: KubeletCredentials, { node }: AccessOptions, trust: ServerTrust): PodSource {
  const endpoint = kubeletEndpoint(kubelet, { address: node }, trust);
  return kubeletPodSource(endpoint, `the kubelet ${endpoint.url.origin}, as ${kubelet.origin}`);
}
