/** One capture: take it by the first way that is not refused, does the container still run, what came of it. */
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { CapturePlan } from './capture-plan.ts';
import { dumpLogErrors, explainDumpLog } from './dump-log.ts';
import { waitForDumper } from './dumper.ts';
import { readFreezerState } from './freezer.ts';
import { type ArchiveReceipt, findDumpLog, receiveArchive } from './node-files.ts';
import { type CaptureRoute, isBeforeAnything, type RouteName, type RouteNotTaken } from './route.ts';
import { WHY_LATER } from './route-choice.ts';
import { checkRunning, type RunCheck, type Sighting, thawCommands } from './run-check.ts';
import { formatTarget } from './target.ts';
import { thawContainer } from './thaw.ts';

/** What `exhibit capture --json` prints. */
export interface CaptureReport {
  /** Absent for a container that belongs to no pod. */
  readonly namespace?: string | undefined;
  readonly pod?: string | undefined;
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
  readonly routes_not_taken: readonly RouteNotTaken[];
  /** ISO 8601, by this machine's clock. */
  readonly started: string;
  /** From the request to the answer; the container was frozen for most of it. */
  readonly seconds: number;
  readonly archive: ArchiveReceipt;
  readonly container_afterwards: RunCheck;
  readonly notes: readonly string[];
}

/** Hears of a way that was refused before anything had begun, and which one is tried next. */
export type OnRefused = (refused: RouteNotTaken, next: CaptureRoute) => void;

/**
 * Takes the checkpoint and looks at what came of it. Never gives up once it has begun: keep the process alive until it
 * resolves. Rejects with cause and cure, and with the state in which the container was left.
 */
export async function takeCheckpoint(plan: CapturePlan, onRefused?: OnRefused): Promise<CaptureReport> {
  const before = await sight(plan, { podUid: plan.pod?.uid, status: plan.container });
  const started = new Date();
  const { path, route, notTaken } = await takeByFirst(plan, onRefused).catch(async (error: unknown) => {
    throw await explainFailure(error, plan, before, started);
  });
  const seconds = (Date.now() - started.getTime()) / 1000;
  const container_afterwards = await checkAfterwards(plan, before);
  const { name, reason, endpoint, trust } = route;
  return {
    ...plan.target,
    pod_uid: plan.pod?.uid,
    container_id: plan.containerId,
    node: plan.pod?.node,
    route: { name, reason, endpoint, trust },
    routes_not_taken: notTaken,
    started: started.toISOString(),
    seconds,
    archive: await receiveArchive(path, started),
    container_afterwards,
    notes: plan.notes,
  };
}

interface Taken {
  readonly path: string;
  readonly route: CaptureRoute;
  readonly notTaken: readonly RouteNotTaken[];
}

/** The next way is tried only where the one before did not touch the container. */
async function takeByFirst({ routes, notTaken }: CapturePlan, onRefused?: OnRefused): Promise<Taken> {
  const refusals: { readonly route: CaptureRoute; readonly error: ExhibitError }[] = [];
  for (const [index, route] of routes.entries()) {
    try {
      const path = await route.take();
      const refused = refusals.map(refusal);
      const later = routes.slice(index + 1).map(({ name }) => ({ name, reason: WHY_LATER[name] }));
      return { path, route, notTaken: [...notTaken, ...refused, ...later] };
    } catch (error) {
      if (!(error instanceof ExhibitError) || !isBeforeAnything(error.code)) throw error;
      refusals.push({ route, error });
      const next = routes[index + 1];
      if (next !== undefined) onRefused?.(refusal({ route, error }), next);
    }
  }
  throw allRefused(refusals.map(({ error }) => error));
}

const refusal = ({ route, error }: { readonly route: CaptureRoute; readonly error: ExhibitError }) => ({
  name: route.name,
  reason: error.message,
});

/** The first way is the one to mend; what the others lack may be easier to come by. */
function allRefused([first, ...others]: readonly ExhibitError[]): unknown {
  if (first === undefined || others.length === 0) return first;
  const help = [
    ...first.help,
    ...others.flatMap(({ message, help }) => [`the next way: ${message}`, ...help]),
  ];
  return new ExhibitError(first.code, first.message, { help, cause: first });
}

async function sight(
  { containerId }: CapturePlan,
  seen: Pick<Sighting, 'podUid' | 'status'>,
): Promise<Sighting> {
  return { ...seen, freezer: containerId === undefined ? undefined : await readFreezerState(containerId) };
}

/** A process that the capture ended is gone at once; the kubelet needs a second or two to notice (its PLEG's period). */
const SETTLE_MILLISECONDS = { onThisNode: 300, elsewhere: 2000 } as const;

async function lookAgain(plan: CapturePlan, before: Sighting): Promise<Sighting> {
  const isHere = before.freezer === 'running' || before.freezer === 'frozen';
  await pause(isHere ? SETTLE_MILLISECONDS.onThisNode : SETTLE_MILLISECONDS.elsewhere);
  return sight(plan, await plan.look());
}

/** Whether it runs; with `--thaw`, once it has been thawed where it does not. */
async function checkAfterwards(plan: CapturePlan, before: Sighting): Promise<RunCheck> {
  if (plan.containerId !== undefined) await waitForDumper(plan.containerId);
  const check = checkRunning(plan.containerId, before, await lookAgain(plan, before));
  if (check.verdict !== 'frozen' || !plan.thaw || plan.containerId === undefined) return check;
  try {
    const { by } = await thawContainer(plan.containerId);
    const again = checkRunning(plan.containerId, before, await lookAgain(plan, before));
    return { ...again, detail: `it stood still and was thawed (${by}); ${again.detail}` };
  } catch (error) {
    if (!(error instanceof ExhibitError)) throw error;
    return { ...check, help: [`--thaw did not help: ${error.message}`, ...check.help] };
  }
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
  const log = id === undefined ? undefined : await findDumpLog(id, started, plan.dumpLog);
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
  const { verdict, detail, help } = await checkAfterwards(plan, before);
  if (verdict === 'running') return [`the container runs: ${detail}`];
  if (verdict === 'unknown')
    return [`whether the container runs is unknown: ${detail}`, ...thawCommands(plan.containerId)];
  return [`THE CONTAINER IS ${verdict === 'frozen' ? 'FROZEN' : 'NOT RUNNING'}: ${detail}`, ...help];
}

/** How an archive that is not here gets here. */
export function fetchHint({ node, archive }: CaptureReport): readonly string[] {
  const path = `'${archive.path.replaceAll("'", "'\\''")}'`;
  const host = node ?? 'NODE';
  return [
    `the archive is on node ${host}, readable by root there; bring it here with a kubeconfig, or by hand:`,
    `exhibit collect --node ${host} --path ${path}`,
    `ssh root@${host} cat ${path} > checkpoint.tar`,
  ];
}
