/**
 * Whether kubelets take checkpoints, as they themselves answer. They are asked to checkpoint a pod that cannot exist: its
 * name has capitals, which no pod's has. A kubelet that takes checkpoints does not know the pod; one whose feature gate
 * ContainerCheckpoint is off does not know the path; and nothing is captured.
 */
import { forEachConcurrently } from '../../../bytes/concurrency.ts';
import { ExhibitError } from '../../../bytes/exhibit-error.ts';
import type { ClusterNode } from '../../cluster/nodes.ts';
import { type Endpoint, send } from '../../https-client.ts';
import { explainKubeletAnswer } from '../../kubelet-answer.ts';
import { explainProxied, nodeProxyPath } from '../../proxy-route.ts';
import { checkpointPath, PROBE } from '../../route.ts';

export interface GateAnswer {
  /** `denied`: the kubelet refuses whoever asked it, and says no more. `unknown`: it could not be asked. */
  readonly state: 'on' | 'off' | 'denied' | 'unknown';
  readonly way: 'proxy' | 'kubelet';
  /** What was answered, as cause and cure. */
  readonly error: ExhibitError;
}

export interface NodeGate {
  readonly node: string;
  /** One for each way that was tried; the last says most. */
  readonly answers: readonly GateAnswer[];
}

export interface KubeletWays {
  /** Through the API server; undefined where this user may not. */
  readonly proxy: Endpoint | undefined;
  /** A node's kubelet, as this user. */
  readonly kubelet: ((node: ClusterNode) => Endpoint | undefined) | undefined;
}

const NOBODY = { namespace: 'default', pod: 'EXHIBIT-DOCTOR', container: 'none' } as const;

/** So many kubelets are asked at a time: each is a connection. */
const MAX_AT_ONCE = 8;
/** Where so many nodes cannot be reached from here, none can: each would take its 20 seconds to say so. */
const MAX_UNREACHABLE = 8;

/** Asks each node's kubelet. `onProgress` gets how many have been asked. */
export async function askGates(
  nodes: readonly ClusterNode[],
  ways: KubeletWays,
  onProgress: (done: number) => void,
): Promise<readonly NodeGate[]> {
  const gates = new Map<ClusterNode, NodeGate>();
  let unreachable = 0;
  await forEachConcurrently(nodes, MAX_AT_ONCE, async (node) => {
    const answers = await askGate(node, ways, unreachable < MAX_UNREACHABLE);
    if (answers.at(-1)?.error.code === 'CONNECTION_FAILED') unreachable++;
    gates.set(node, { node: node.name, answers });
    onProgress(gates.size);
  });
  return nodes.flatMap((node) => gates.get(node) ?? []);
}

async function askGate(
  node: ClusterNode,
  { proxy, kubelet }: KubeletWays,
  isReachable: boolean,
): Promise<readonly GateAnswer[]> {
  const answers: GateAnswer[] = [];
  if (proxy !== undefined) {
    answers.push(await askOne(proxy, nodeProxyPath(proxy, node.name), 'proxy'));
  }
  const isTold = answers.some(({ state }) => state === 'on' || state === 'off');
  const endpoint = isTold ? undefined : endpointOf(node, kubelet);
  if (endpoint !== undefined) answers.push(isReachable ? await askOne(endpoint, '', 'kubelet') : NOT_TRIED);
  return answers;
}

const NOT_TRIED: GateAnswer = {
  state: 'unknown',
  way: 'kubelet',
  error: new ExhibitError(
    'CONNECTION_FAILED',
    'not tried, since too many other nodes cannot be reached from here',
  ),
};

function endpointOf(node: ClusterNode, kubelet: KubeletWays['kubelet']): Endpoint | undefined {
  try {
    return kubelet?.(node);
  } catch {
    // A node may tell an address that is none.
    return undefined;
  }
}

async function askOne(endpoint: Endpoint, base: string, way: GateAnswer['way']): Promise<GateAnswer> {
  const error = await refusalOf(endpoint, base, way);
  return { state: STATES[error.code] ?? 'unknown', way, error };
}

const STATES: Readonly<Partial<Record<ExhibitError['code'], GateAnswer['state']>>> = {
  POD_NOT_FOUND: 'on',
  CHECKPOINT_DISABLED: 'off',
  KUBELET_FORBIDDEN: 'denied',
};

async function refusalOf(endpoint: Endpoint, base: string, way: GateAnswer['way']): Promise<ExhibitError> {
  try {
    const path = `${base}${checkpointPath(NOBODY, PROBE.idleLimit)}`;
    const answer = await send(endpoint, { ...PROBE, path });
    return way === 'proxy'
      ? explainProxied(answer, 'reach the kubelet through the API server', NOBODY)
      : explainKubeletAnswer(answer, NOBODY);
  } catch (error) {
    if (error instanceof ExhibitError) return error;
    throw error;
  }
}
