/** Pods as the node's runtime knows them, for a node whose kubelet is down or may not be asked. */

import { parseLabelSelector } from '../label-selector.ts';
import type { ContainerSummary, PodSummary } from '../pod.ts';
import type { PodFilter, PodSource } from '../pod-source.ts';
import type { ContainerTarget } from '../target.ts';
import type { ContainerRuntime, Labels, RuntimeContainer, RuntimePod } from './runtime.ts';

/** The labels by which the kubelet marks what it has the runtime make (pkg/kubelet/types/labels.go). */
const POD_LABELS = {
  namespace: 'io.kubernetes.pod.namespace',
  pod: 'io.kubernetes.pod.name',
  container: 'io.kubernetes.container.name',
} as const;

const OWN_LABEL = /^io\.kubernetes\.pod\.(namespace|name|uid)$/;

/** The pods of this node. Their labels are there, their node's name and the kinds of their containers are not. */
export function runtimePodSource(runtime: ContainerRuntime): PodSource {
  const list = async (labels: Labels): Promise<readonly PodSummary[]> =>
    summarize(await runtime.pods(labels), await runtime.containers(labels), runtime.name);
  return {
    origin: `the container runtime ${runtime.name} at ${runtime.socket}`,
    list: async ({ namespace, selector }: PodFilter) => {
      const selects = parseLabelSelector(selector ?? '');
      const pods = await list(namespace === undefined ? {} : { [POD_LABELS.namespace]: namespace });
      return pods.filter(({ labels }) => selects(labels));
    },
    get: async (namespace, pod) =>
      (await list({ [POD_LABELS.namespace]: namespace, [POD_LABELS.pod]: pod }))[0],
  };
}

/**
 * The container where it runs in this runtime. An id that is known decides: the names may be those of another
 * cluster's pod.
 */
export async function findRunning(
  runtime: ContainerRuntime,
  { namespace, pod, container }: ContainerTarget,
  id: string | undefined,
): Promise<RuntimeContainer | undefined> {
  const named = await runtime.containers({
    [POD_LABELS.namespace]: namespace,
    [POD_LABELS.pod]: pod,
    [POD_LABELS.container]: container,
  });
  return named.find((candidate) => candidate.state === 'running' && candidate.id === (id ?? candidate.id));
}

/**
 * One pod per name: a restarted pod leaves its earlier sandbox behind, and so does an earlier pod of that name. The one
 * that is ready counts, else the newest.
 */
function summarize(
  pods: readonly RuntimePod[],
  containers: readonly RuntimeContainer[],
  runtime: string,
): readonly PodSummary[] {
  const current = new Map<string, RuntimePod>();
  for (const pod of pods) {
    const key = `${pod.namespace}/${pod.name}`;
    const other = current.get(key);
    if (other === undefined || isNewer(pod, other)) current.set(key, pod);
  }
  return [...current.values()].map((pod) => {
    const own = containers.filter(({ podId }) => podId === pod.id);
    return summarizePod(pod, own, runtime);
  });
}

function isNewer(one: RuntimePod, other: RuntimePod): boolean {
  return one.isReady === other.isReady ? one.created > other.created : one.isReady;
}

function summarizePod(pod: RuntimePod, all: readonly RuntimeContainer[], runtime: string): PodSummary {
  const latest = new Map<string, RuntimeContainer>();
  for (const container of [...all].sort((a, b) => a.attempt - b.attempt))
    latest.set(container.name, container);
  const containers = [...latest.values()].sort((a, b) => (a.created < b.created ? -1 : 1));
  return {
    namespace: pod.namespace,
    pod: pod.name,
    uid: pod.uid,
    phase: pod.isReady ? 'Running' : 'Unknown',
    labels: Object.fromEntries(Object.entries(pod.labels).filter(([key]) => !OWN_LABEL.test(key))),
    containers: containers.map((container) => summarizeContainer(container, runtime)),
  };
}

const STATES = { created: 'waiting', running: 'running', exited: 'terminated', unknown: 'unknown' } as const;

function summarizeContainer(container: RuntimeContainer, runtime: string): ContainerSummary {
  const { name, image, imageRef, id, state, attempt } = container;
  const isRunning = state === 'running';
  return {
    name,
    kind: undefined,
    image,
    image_id: imageRef,
    runtime,
    id,
    state: STATES[state],
    // Readiness is the kubelet's word: here it is taken for running.
    ready: isRunning,
    restarts: attempt,
  };
}
