/** What is to be captured, and the ways to it: all that is known before anything is touched. */
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { type Access, type AccessOptions, podSources } from './access.ts';
import { chooseContainer } from './container-choice.ts';
import type { LiveWish } from './live/live-route.ts';
import type { PodWish } from './live/pod/pod-route.ts';
import { findContainerId } from './node-container.ts';
import type { ContainerSummary, PodSummary } from './pod.ts';
import { type BuiltRoutes, buildRoutes } from './pod-routes.ts';
import { askFirst, type PodSource } from './pod-source.ts';
import type { LookOptions } from './preflight/container-look.ts';
import { type CaptureRoute, DEFAULT_TIMEOUT_SECONDS, type RouteNotTaken } from './route.ts';
import type { Sighting } from './run-check.ts';
import { type CaptureSubject, type CaptureTarget, type ContainerTarget, formatTarget } from './target.ts';

export interface CaptureOptions extends AccessOptions {
  readonly timeoutSeconds?: number | undefined;
  /** What is wished of a capture without CRIU. */
  readonly live?: LiveWish | undefined;
  /** And of the pod by which it is done from elsewhere. */
  readonly helper?: PodWish | undefined;
}

export interface CapturePlan {
  readonly target: CaptureSubject;
  /** In the order in which they are tried, until one begins; at least one. */
  readonly routes: readonly [CaptureRoute, ...CaptureRoute[]];
  readonly notTaken: readonly RouteNotTaken[];
  /** Undefined where this user may capture but not list pods. */
  readonly pod: PodSummary | undefined;
  readonly container: ContainerSummary | undefined;
  /** The runtime's id of the container: from its pod, or found on this node. */
  readonly containerId: string | undefined;
  /** Where CRIU's log of a failure is, if not in the usual places. */
  readonly dumpLog?: string | undefined;
  /** What is special about this way for a look beforehand. */
  readonly preflight?: LookOptions | undefined;
  /** Let the container run afterwards if it stands still. */
  readonly thaw?: boolean | undefined;
  readonly notes: readonly string[];
  /** The pod and the container as they are now. */
  readonly look: () => Promise<Pick<Sighting, 'podUid' | 'status'>>;
}

/** Chooses container and ways. Nothing is changed. Throws what pods, containers and ways give reason to. */
export async function planCapture(
  wanted: CaptureTarget,
  access: Access,
  options: CaptureOptions,
): Promise<CapturePlan> {
  const { source, pod, notes } = await findPod(wanted, access, options);
  const container = pod && chooseContainer(pod, wanted.container);
  const target = { ...wanted, container: container?.name ?? wanted.container ?? '' };
  const containerId = container?.id ?? (await findContainerId(target));
  const timeoutSeconds = options.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS;
  const built = await buildRoutes(access, { ...options, timeoutSeconds, target, pod, containerId });
  return {
    target,
    routes: atLeastOne(built, target),
    notTaken: built.notTaken,
    pod,
    container,
    containerId: containerId ?? built.containerId,
    notes: [...access.notes, ...notes, ...aboutStatic(pod)],
    look: () => look(target, source),
  };
}

function atLeastOne({ routes, notTaken }: BuiltRoutes, target: ContainerTarget): CapturePlan['routes'] {
  const [first, ...others] = routes;
  if (first !== undefined) return [first, ...others];
  const help = notTaken.map(({ name, reason }) => `${name}: ${reason}`);
  throw new ExhibitError('NO_ROUTE', `there is no way to ${formatTarget(target)}:`, { help });
}

interface FoundPod {
  readonly source?: PodSource;
  readonly pod?: PodSummary;
  readonly notes: readonly string[];
}

async function findPod(wanted: CaptureTarget, access: Access, options: CaptureOptions): Promise<FoundPod> {
  const ask = ({ get }: PodSource) => get(wanted.namespace, wanted.pod);
  try {
    const { source, value, notes } = await askFirst(podSources(access, options), ask);
    return { source, pod: value ?? noPod(wanted, source), notes: notes.map(cannotLookUp) };
  } catch (error) {
    if (!(error instanceof ExhibitError) || wanted.container === undefined) throw error;
    if (!isDispensable(error, access, options)) throw error;
    return { notes: [cannotLookUp(error.message)] };
  }
}

const cannotLookUp = (why: string): string => `pods cannot be looked up: ${why}`;

function aboutStatic(pod: PodSummary | undefined): readonly string[] {
  if (pod?.static_uid === undefined) return [];
  return [`a static pod: its node and the archive know it by the UID ${pod.static_uid}`];
}

/** A user may be allowed to capture and not to list pods, or reach the kubelet and not the API server. */
function isDispensable(
  { code }: ExhibitError,
  { ways, cluster }: Access,
  { helper }: CaptureOptions,
): boolean {
  if (code === 'POD_NOT_FOUND') return false;
  // The node's own files tell which container it is; a pod that is made for it has to be told its node.
  if (ways.every(({ name }) => name === 'node')) return helper?.isAsked !== true;
  return code === 'KUBELET_FORBIDDEN' || (ways[0]?.name !== 'proxy' && cluster !== undefined);
}

function noPod({ namespace, pod }: CaptureTarget, { origin }: PodSource): never {
  const advice = '"exhibit pods -A" lists the pods.';
  throw new ExhibitError('POD_NOT_FOUND', `${origin} knows no pod ${namespace}/${pod}. ${advice}`);
}

async function look(
  { namespace, pod, container }: ContainerTarget,
  source: PodSource | undefined,
): Promise<Pick<Sighting, 'podUid' | 'status'>> {
  const now = await source?.get(namespace, pod).catch(() => undefined);
  return { podUid: now?.uid, status: now?.containers.find(({ name }) => name === container) };
}
