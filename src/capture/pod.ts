/**
 * What a responder wants to know of a pod, read from the Pod objects that the API server and the kubelet's /pods give.
 * Source of the fields: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
 * A node under suspicion answers here too: every field is looked at before it is believed.
 */

export type ContainerKind = 'container' | 'init' | 'sidecar' | 'ephemeral';

export interface ContainerSummary {
  readonly name: string;
  /** Undefined where the runtime was asked, which does not know. */
  readonly kind: ContainerKind | undefined;
  readonly image: string;
  /** The image's digest as the runtime knows it. */
  readonly image_id?: string | undefined;
  /** `containerd`, `cri-o`; undefined before the container was made. */
  readonly runtime?: string | undefined;
  /** The runtime's id of the container, 64 hexadecimal digits. */
  readonly id?: string | undefined;
  readonly state: 'running' | 'waiting' | 'terminated' | 'unknown';
  /** Why it waits or ended: `CrashLoopBackOff`, `Completed`. */
  readonly reason?: string | undefined;
  readonly ready: boolean;
  readonly restarts: number;
  /** ISO 8601. */
  readonly started?: string | undefined;
}

export interface PodSummary {
  readonly namespace: string;
  readonly pod: string;
  /** Tells a pod from an earlier one of the same name. */
  readonly uid: string;
  /** Of a static pod's mirror: the UID of the pod itself, by which its node and its archives know it. */
  readonly static_uid?: string | undefined;
  readonly node?: string | undefined;
  /** The node's address as the pod's status has it. */
  readonly node_address?: string | undefined;
  readonly phase: string;
  readonly labels: Readonly<Record<string, string>>;
  /** What `kubectl exec` takes when no container is named. */
  readonly default_container?: string | undefined;
  /** In the order in which they start. */
  readonly containers: readonly ContainerSummary[];
}

type Json = Readonly<Record<string, unknown>>;

/** The kubelet writes it on the object that shows a static pod in the API (kubelet/types: ConfigMirrorAnnotationKey). */
const MIRROR = 'kubernetes.io/config.mirror';
const DEFAULT_CONTAINER = 'kubectl.kubernetes.io/default-container';

/** A cluster has at most 110 pods a node by default; a pod of more containers than this is not believed. */
const MAX_CONTAINERS = 1000;

/** Reads one Pod object. Fields that are missing or of the wrong type read as empty. */
export function summarizePod(value: unknown): PodSummary {
  const { metadata, spec, status } = record(value);
  const meta = record(metadata);
  const { nodeName, containers, initContainers, ephemeralContainers } = record(spec);
  const state = record(status);
  return {
    namespace: text(meta.namespace) ?? '',
    pod: text(meta.name) ?? '',
    uid: text(meta.uid) ?? '',
    static_uid: texts(meta.annotations)[MIRROR],
    node: text(nodeName),
    node_address: text(state.hostIP),
    phase: text(state.phase) ?? 'Unknown',
    labels: texts(meta.labels),
    default_container: texts(meta.annotations)[DEFAULT_CONTAINER],
    containers: [
      ...summarize(initContainers, state.initContainerStatuses, initKind),
      ...summarize(containers, state.containerStatuses, () => 'container'),
      ...summarize(ephemeralContainers, state.ephemeralContainerStatuses, () => 'ephemeral'),
    ],
  };
}

/** An init container that is to be restarted goes on beside the others: a sidecar (since 1.28). */
function initKind(container: Json): ContainerKind {
  return container.restartPolicy === 'Always' ? 'sidecar' : 'init';
}

function summarize(
  specs: unknown,
  statuses: unknown,
  kindOf: (spec: Json) => ContainerKind,
): ContainerSummary[] {
  const statusByName = new Map(list(statuses).map((status) => [text(status.name), status]));
  return list(specs).map((spec) => {
    const name = text(spec.name) ?? '';
    const status = statusByName.get(name) ?? {};
    const [runtime, id] = splitContainerId(text(status.containerID));
    return {
      name,
      kind: kindOf(spec),
      image: text(spec.image) ?? '',
      image_id: text(status.imageID),
      runtime,
      id,
      ...stateOf(record(status.state)),
      ready: status.ready === true,
      restarts: typeof status.restartCount === 'number' ? status.restartCount : 0,
    };
  });
}

function stateOf(state: Json): Pick<ContainerSummary, 'state' | 'reason' | 'started'> {
  for (const name of ['running', 'terminated', 'waiting'] as const) {
    if (state[name] === undefined) continue;
    const detail = record(state[name]);
    return { state: name, reason: text(detail.reason), started: text(detail.startedAt) };
  }
  return { state: 'unknown', reason: undefined, started: undefined };
}

/** `containerd://0123…` → runtime and id. */
function splitContainerId(id: string | undefined): readonly [string | undefined, string | undefined] {
  const [, runtime, digits] = /^([\w.-]+):\/\/([0-9a-f]{12,64})$/.exec(id ?? '') ?? [];
  return [runtime, digits];
}

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function list(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.slice(0, MAX_CONTAINERS).map(record) : [];
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function texts(value: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(record(value)).filter(([, item]) => typeof item === 'string');
  return Object.fromEntries(entries) as Readonly<Record<string, string>>;
}
