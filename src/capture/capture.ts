/** One capture from the first look to the last: who, by which way, take it, does it still run, what came of it. */
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { type Access, type AccessOptions, podSource } from './access.ts';
import { chooseContainer } from './container-choice.ts';
import { dumpLogErrors, explainDumpLog } from './dump-log.ts';
import { readFreezerState } from './freezer.ts';
import { kubeletEndpoint, kubeletRoute } from './kubelet-route.ts';
import { findContainerId } from './node-container.ts';
import { type ArchiveReceipt, findDumpLog, receiveArchive } from './node-files.ts';
import type { ContainerSummary, PodSummary } from './pod.ts';
import type { PodSource } from './pod-source.ts';
import { proxyRoute } from './proxy-route.ts';
import { type CaptureRoute, DEFAULT_TIMEOUT_SECONDS, type RouteName } from './route.ts';
import { checkRunning, type RunCheck, type Sighting, thawCommands } from './run-check.ts';
import { type CaptureTarget, type ContainerTarget, formatTarget } from './target.ts';

export interface CaptureOptions extends AccessOptions {
  readonly timeoutSeconds?: number | undefined;
}

/** All that is known before anything is touched. */
export interface CapturePlan {
  readonly target: ContainerTarget;
  readonly route: CaptureRoute;
  readonly pods: PodSource;
  /** Undefined where this user may capture but not list pods. */
  readonly pod: PodSummary | undefined;
  readonly container: ContainerSummary | undefined;
  /** The runtime's id of the container: from its pod, or found on this node. */
  readonly containerId: string | undefined;
  readonly notes: readonly string[];
}

/** What `exhibit capture --json` prints. */
export interface CaptureReport {
  readonly namespace: string;
  readonly pod: string;
  readonly pod_uid?: string | undefined;
  readonly container: string;
  readonly container_id?: string | undefined;
  readonly node?: string | undefined;
  readonly route: {
    readonly name: RouteName;
    readonly reason: string;
    readonly endpoint: string;
    readonly trust: string;
  };
  /** ISO 8601, by this machine's clock. */
  readonly started: string;
  /** From the request to the answer; the container was frozen for most of it. */
  readonly seconds: number;
  readonly archive: ArchiveReceipt;
  readonly container_afterwards: RunCheck;
  readonly notes: readonly string[];
}

/** Chooses container and route. Nothing is changed. Throws what `findAccess`, pods and containers give reason to. */
export async function planCapture(
  wanted: CaptureTarget,
  access: Access,
  options: CaptureOptions,
): Promise<CapturePlan> {
  const notes = [...access.notes];
  const pods = podSource(access, options);
  const pod = await lookUp(wanted, pods).catch((error: unknown) => {
    if (!(error instanceof ExhibitError) || wanted.container === undefined || !isDispensable(error, access))
      throw error;
    notes.push(`pods cannot be looked up: ${error.message}`);
    return undefined;
  });
  const container = pod && chooseContainer(pod, wanted.container);
  const name = container?.name ?? wanted.container ?? '';
  const target = { namespace: wanted.namespace, pod: wanted.pod, container: name };
  const containerId = container?.id ?? (await findContainerId(target));
  return { target, route: buildRoute(access, options, pod), pods, pod, container, containerId, notes };
}

/** A user may be allowed to capture and not to list pods, or reach the kubelet and not the API server. */
function isDispensable({ code }: ExhibitError, { via, cluster }: Access): boolean {
  if (code === 'POD_NOT_FOUND') return false;
  return code === 'KUBELET_FORBIDDEN' || (via === 'kubelet' && cluster !== undefined);
}

async function lookUp({ namespace, pod }: CaptureTarget, pods: PodSource): Promise<PodSummary> {
  const found = await pods.get(namespace, pod);
  if (found !== undefined) return found;
  const advice = '"exhibit pods -A" lists the pods.';
  throw new ExhibitError('POD_NOT_FOUND', `${pods.origin} knows no pod ${namespace}/${pod}. ${advice}`);
}

function buildRoute(access: Access, options: CaptureOptions, pod: PodSummary | undefined): CaptureRoute {
  const { reason, cluster, kubelet, trust, via } = access;
  const timeoutSeconds = options.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS;
  if (via === 'proxy' && cluster !== undefined) {
    if (pod?.node === undefined) {
      throw new ExhibitError(
        'NO_ROUTE',
        'the way through the API server needs the name of the node, which is unknown',
      );
    }
    return proxyRoute(cluster.api, { node: pod.node, reason, timeoutSeconds });
  }
  if (kubelet === undefined) throw new ExhibitError('NO_ROUTE', 'there are no credentials for a kubelet');
  // Without a kubeconfig the pod came from the kubelet of this node.
  const address = options.node ?? (cluster === undefined ? undefined : pod?.node_address);
  const where = { address, names: [pod?.node, pod?.node_address] };
  const endpoint = kubeletEndpoint(kubelet, where, trust);
  return kubeletRoute(endpoint, { reason, timeoutSeconds });
}

/**
 * Takes the checkpoint and looks at what came of it. Never gives up once it has begun: keep the process alive until it
 * resolves. Rejects with cause and cure, and with the state in which the container was left.
 */
export async function takeCheckpoint(plan: CapturePlan): Promise<CaptureReport> {
  const before = await look(plan, plan.container);
  const started = new Date();
  const path = await plan.route.checkpoint(plan.target).catch(async (error: unknown) => {
    throw await explainFailure(error, plan, before, started);
  });
  const seconds = (Date.now() - started.getTime()) / 1000;
  const container_afterwards = checkRunning(plan.containerId, before, await lookAgain(plan, before));
  const { name, reason, endpoint, trust } = plan.route;
  return {
    ...plan.target,
    pod_uid: plan.pod?.uid,
    container_id: plan.containerId,
    node: plan.pod?.node,
    route: { name, reason, endpoint, trust },
    started: started.toISOString(),
    seconds,
    archive: await receiveArchive(path, started),
    container_afterwards,
    notes: plan.notes,
  };
}

async function look({ containerId }: CapturePlan, status: ContainerSummary | undefined): Promise<Sighting> {
  return { status, freezer: containerId === undefined ? undefined : await readFreezerState(containerId) };
}

/** A process that the capture ended is gone at once; the kubelet needs a second or two to notice (its PLEG's period). */
const SETTLE_MILLISECONDS = { onThisNode: 300, elsewhere: 2000 } as const;

async function lookAgain(plan: CapturePlan, before: Sighting): Promise<Sighting> {
  const isHere = before.freezer === 'running' || before.freezer === 'frozen';
  await pause(isHere ? SETTLE_MILLISECONDS.onThisNode : SETTLE_MILLISECONDS.elsewhere);
  const { namespace, pod, container } = plan.target;
  const isComparable = plan.pod !== undefined;
  const now = isComparable ? await plan.pods.get(namespace, pod).catch(() => undefined) : undefined;
  return look(
    plan,
    now?.containers.find(({ name }) => name === container),
  );
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The failure with what the node's own files add to it: CRIU's reason, and whether the container stands still. */
async function explainFailure(
  error: unknown,
  plan: CapturePlan,
  before: Sighting,
  started: Date,
): Promise<unknown> {
  if (!(error instanceof ExhibitError)) return error;
  const reasons = error.code === 'CHECKPOINT_FAILED' ? await reasonsInLog(plan, error, before, started) : [];
  const state = LEAVES_DOUBT.has(error.code) ? await stateAfterFailure(plan, before) : [];
  const help = [...error.help, ...reasons, ...state];
  return new ExhibitError(error.code, `${formatTarget(plan.target)}: ${error.message}`, {
    help,
    cause: error,
  });
}

/** After these the container may stand still or be gone; after the others nothing was touched. */
const LEAVES_DOUBT: ReadonlySet<string> = new Set([
  'CAPTURE_CONNECTION_LOST',
  'CHECKPOINT_FAILED',
  'CHECKPOINT_TIMED_OUT',
  'CHECKPOINT_IN_PROGRESS',
]);

async function reasonsInLog(
  plan: CapturePlan,
  error: ExhibitError,
  before: Sighting,
  started: Date,
): Promise<readonly string[]> {
  // Without a look at the pod, the runtime's own text names the container.
  const id = plan.containerId ?? /\b[0-9a-f]{64}\b/.exec(error.message)?.[0];
  const log = id === undefined ? undefined : await findDumpLog(id, started);
  if (log === undefined) {
    // On the container's own node, no log means that it was not CRIU that failed.
    if (before.freezer === 'running') return [];
    const where = `/run/containerd/io.containerd.runtime.v2.task/k8s.io/${id ?? 'CONTAINER_ID'}/criu-dump.log`;
    return [`the reason is in CRIU's log on the node: ${where} (k3s: below /run/k3s/containerd)`];
  }
  const known = explainDumpLog(log.text);
  if (known.length === 0) return [...dumpLogErrors(log.text), `the whole log: ${log.path}`];
  return known.flatMap(({ cause, cure, line }) => [`cause: ${cause}`, `cure:  ${cure}`, `CRIU:  ${line}`]);
}

async function stateAfterFailure(plan: CapturePlan, before: Sighting): Promise<readonly string[]> {
  const { verdict, detail, help } = checkRunning(plan.containerId, before, await lookAgain(plan, before));
  if (verdict === 'running') return [`the container runs: ${detail}`];
  if (verdict === 'unknown')
    return [`whether the container runs is unknown: ${detail}`, ...thawCommands(plan.containerId)];
  return [`THE CONTAINER IS ${verdict === 'frozen' ? 'FROZEN' : 'NOT RUNNING'}: ${detail}`, ...help];
}

/** Where an archive that is not here can be fetched from. */
export function fetchHint({ node, archive }: CaptureReport): readonly string[] {
  const host = node ?? 'NODE';
  return [
    `the archive is on node ${host}, readable by root there; bring it here, for example:`,
    `ssh root@${host} cat '${archive.path.replaceAll("'", "'\\''")}' > checkpoint.tar`,
    `then: exhibit inspect checkpoint.tar`,
  ];
}
