/** Which containers this user can capture now, and by which way. Nothing is touched to find out. */
import { forEachConcurrently } from '../bytes/concurrency.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { Access, AccessOptions } from './access.ts';
import type { ContainerSummary, PodSummary } from './pod.ts';
import { buildRoutes } from './pod-routes.ts';
import { type CaptureRoute, DEFAULT_TIMEOUT_SECONDS, type RouteName, type RouteNotTaken } from './route.ts';

/** The first open way, or why there is none. */
export type Capturability = { readonly via: RouteName } | { readonly missing: readonly RouteNotTaken[] };

export interface CapturableContainer extends ContainerSummary {
  /** Undefined for a container that does not run: there is nothing to capture. */
  readonly capture: Capturability | undefined;
}

export interface CapturablePod extends PodSummary {
  readonly containers: readonly CapturableContainer[];
}

/** Nodes that are asked at once: a cluster's are many, and one that is silent takes 20 seconds. */
const CONCURRENCY = 8;

/** Asks each node once, by each way until one is open. `onPod` hears how many of the pods are done. */
export async function findCapturability(
  pods: readonly PodSummary[],
  access: Access,
  options: AccessOptions,
  onPod?: (done: number) => void,
): Promise<readonly CapturablePod[]> {
  const probes = new Map<string, Promise<string | undefined>>();
  const results: CapturablePod[] = [];
  let done = 0;
  await forEachConcurrently(pods.entries(), CONCURRENCY, async ([index, pod]) => {
    const containers: CapturableContainer[] = [];
    for (const container of pod.containers) {
      const isRunning = container.state === 'running';
      const capture = isRunning ? await findWay(pod, container, { access, options, probes }) : undefined;
      containers.push({ ...container, capture });
    }
    results[index] = { ...pod, containers };
    onPod?.(++done);
  });
  return results;
}

interface Search {
  readonly access: Access;
  readonly options: AccessOptions;
  /** What was found out by the address that was asked. */
  readonly probes: Map<string, Promise<string | undefined>>;
}

async function findWay(
  pod: PodSummary,
  container: ContainerSummary,
  { access, options, probes }: Search,
): Promise<Capturability> {
  const target = { namespace: pod.namespace, pod: pod.pod, container: container.name };
  const details = { target, pod, containerId: container.id, timeoutSeconds: DEFAULT_TIMEOUT_SECONDS };
  const { routes, notTaken } = await buildRoutes(access, { ...options, ...details });
  const missing: RouteNotTaken[] = [];
  for (const route of routes) {
    const key = `${route.name} ${route.endpoint}`;
    const probe = probes.get(key) ?? reasonAgainst(route);
    probes.set(key, probe);
    const reason = await probe;
    if (reason === undefined) return { via: route.name };
    missing.push({ name: route.name, reason });
  }
  return { missing: [...missing, ...notTaken] };
}

async function reasonAgainst(route: CaptureRoute): Promise<string | undefined> {
  try {
    await route.probe();
    return undefined;
  } catch (error) {
    if (error instanceof ExhibitError) return error.message;
    throw error;
  }
}
