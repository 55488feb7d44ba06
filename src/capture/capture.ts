/** One capture: take it by the first way that is not refused, does the container still run, what came of it. */
import type { CaptureRecord, RecordedCompanion } from '../archive/capture-record.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { CapturePlan } from './capture-plan.ts';
import { dumpLogErrors, explainDumpLog } from './dump-log.ts';
import { waitForDumper } from './dumper.ts';
import { readFreezerState } from './freezer.ts';
import { type ArchiveReceipt, findDumpLog, receiveArchive } from './node-files.ts';
import type { CaptureRoute, RouteName, RouteNotTaken, TakeWatch } from './route.ts';
import { whyLater } from './route-choice.ts';
import { checkRunning, type RunCheck, type Sighting, thawCommands } from './run-check.ts';
import { formatTarget } from './target.ts';
import { thawContainer } from './thaw.ts';
import type { UploadOutcome } from './upload/upload-archive.ts';
import {
  allRefused,
  isForWantOfCriu,
  nextWay,
  type Refusal,
  type StateBetween,
  toNotTaken,
  waysAfter,
} from './way-after.ts';

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
  /** With `--upload`: where it is stored, or why it is not. */
  readonly upload?: UploadOutcome | undefined;
  readonly container_afterwards: RunCheck;
  /** With `--both`: the capture by CRIU that followed, or why there is none. */
  readonly companion?: Companion | undefined;
  /** Only of a capture without CRIU. */
  readonly live?: LiveOutcome | undefined;
  readonly notes: readonly string[];
}

export type Companion =
  /** The seconds from the moment at which the container ran again to the beginning of this one. */
  | { readonly seconds_later: number; readonly report: CaptureReport }
  | { readonly failed: string; readonly help: readonly string[] };

/** What a capture without CRIU tells of itself; the archive's exhibit-capture.json tells more. */
export interface LiveOutcome {
  readonly restorable: false;
  readonly consistency: CaptureRecord['consistency'];
  /** How long it stood still; absent where it did not, or stood still already. */
  readonly seconds_frozen?: number | undefined;
  /** It stood still before, and still does. */
  readonly frozen_before?: boolean | undefined;
  /** Ranges of memory that could not be read. */
  readonly unreadable_ranges: number;
  /** What was not read, and why. */
  readonly gaps: readonly string[];
}

/** Hears of a way that was refused, which one is tried next, and what is known of the container. */
export type OnRefused = (refused: RouteNotTaken, next: CaptureRoute, state: StateBetween) => void;

/**
 * Takes the checkpoint and looks at what came of it. Never gives up once it has begun: keep the process alive until it
 * resolves. Rejects with cause and cure, and with the state in which the container was left.
 */
export async function takeCheckpoint(
  plan: CapturePlan,
  onRefused?: OnRefused,
  watch: Omit<TakeWatch, 'onRecord' | 'onUpload'> = {},
): Promise<CaptureReport> {
  const before = await sight(plan, { podUid: plan.pod?.uid, status: plan.container });
  const started = new Date();
  let record: CaptureRecord | undefined;
  let upload: UploadOutcome | undefined;
  const whole = {
    ...watch,
    onRecord: (told: CaptureRecord) => (record = told),
    onUpload: (told: UploadOutcome) => (upload = told),
  };
  const { path, route, notTaken } = await takeByFirst(plan, whole, onRefused).catch(
    async (error: unknown) => {
      throw await explainFailure(error, plan, before, started);
    },
  );
  const seconds = (Date.now() - started.getTime()) / 1000;
  // The archive is hashed while the look waits for what the kubelet may notice.
  const [container_afterwards, archive] = await Promise.all([
    checkAfterwards(plan, before),
    receiveArchive(path, started),
  ]);
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
    archive: storedOnly(archive, upload),
    upload,
    container_afterwards,
    live: record && outcomeOf(record),
    notes: plan.notes,
  };
}

/** What is in a store and not here is where it is stored. */
function storedOnly(archive: ArchiveReceipt, upload: UploadOutcome | undefined): ArchiveReceipt {
  if (archive.here || upload === undefined || upload.failed !== undefined) return archive;
  return { path: upload.to, here: false, size: upload.size, sha256: upload.sha256 };
}

/**
 * Both captures: the one without CRIU first, which is quick, and CRIU's as soon as the container runs again. That CRIU's fails
 * is no failure of the first. Throws `NO_ROUTE` where either way is not open.
 */
export async function takeBoth(
  plan: CapturePlan,
  onRefused?: OnRefused,
  watch: Pick<TakeWatch, 'signal' | 'onStage'> = {},
): Promise<CaptureReport> {
  const own = plan.routes.filter(({ name, makesPod }) => name === 'node' && !makesPod);
  const criu = plan.routes.filter(({ name }) => name !== 'node');
  const [[first], [second, ...others]] = [own, criu];
  if (first === undefined || second === undefined) throw notBoth(plan);
  let companion: Companion | undefined;
  const onThawed = async (since: number): Promise<RecordedCompanion | undefined> => {
    watch.onStage?.('it runs again: CRIU captures it now');
    const seconds_later = (Date.now() - since) / 1000;
    try {
      const report = await takeCheckpoint({ ...plan, routes: [second, ...others], notTaken: [] }, onRefused);
      companion = { seconds_later, report };
      return { archive: report.archive.path, route: report.route.name, seconds_later };
    } catch (error) {
      if (!(error instanceof ExhibitError)) throw error;
      companion = { failed: error.message, help: error.help };
      return undefined;
    }
  };
  const report = await takeCheckpoint({ ...plan, routes: [first] }, onRefused, { ...watch, onThawed });
  return { ...report, companion };
}

function notBoth({ notTaken }: CapturePlan): ExhibitError {
  const help = notTaken.map(({ name, reason }) => `${name}: ${reason}`);
  const message = "both captures take root on the container's node, and a way to CRIU besides:";
  return new ExhibitError('NO_ROUTE', message, { help });
}

function outcomeOf({ consistency, standstill, unreadable, gaps }: CaptureRecord): LiveOutcome {
  const frozen = standstill && Number(BigInt(standstill.until) - BigInt(standstill.from)) / 1e9;
  return {
    restorable: false,
    consistency,
    seconds_frozen: standstill?.before === true ? undefined : frozen,
    frozen_before: standstill?.before,
    unreadable_ranges: unreadable.length,
    gaps,
  };
}

interface Taken {
  readonly path: string;
  readonly route: CaptureRoute;
  readonly notTaken: readonly RouteNotTaken[];
}

/** The next way is tried only where the one before did not touch the container, or CRIU gave it back running. */
async function takeByFirst(plan: CapturePlan, watch: TakeWatch, onRefused?: OnRefused): Promise<Taken> {
  const refusals: Refusal[] = [];
  let left: readonly CaptureRoute[] = plan.routes;
  for (;;) {
    const route = nextWay(left, refusals);
    if (route === undefined) throw allRefused(refusals);
    const later = left.slice(left.indexOf(route) + 1);
    try {
      const path = await route.take(watch);
      const notGone = later.map((way) => ({ name: way.name, reason: whyLater(way) }));
      return { path, route, notTaken: [...plan.notTaken, ...refusals.map(toNotTaken), ...notGone] };
    } catch (error) {
      if (!(error instanceof ExhibitError)) throw error;
      const refusal = { route, error };
      const { ways, state } = await waysAfter([...refusals, refusal], later, plan.containerId);
      refusals.push(refusal);
      left = ways;
      const next = nextWay(left, refusals);
      if (next !== undefined) onRefused?.(toNotTaken(refusal), next, state);
    }
  }
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
  const help = [...error.help, ...reasons, ...state, ...withoutCriuHelp(error, plan)];
  return new ExhibitError(error.code, `${formatTarget(plan.target)}: ${error.message}`, {
    help,
    cause: error,
  });
}

/** What captures a container of a pod nevertheless, where the ways that were gone lead to CRIU. */
function withoutCriuHelp({ code }: ExhibitError, { target }: CapturePlan): readonly string[] {
  if (!isForWantOfCriu(code) || target.pod === undefined) return [];
  return [
    `without CRIU, as root on its node: exhibit capture ${formatTarget(target)} --via node`,
    `from elsewhere, by a pod: exhibit capture ${formatTarget(target)} --via node --image IMAGE`,
    'IMAGE is one of exhibit that the node has or can pull: "npm run image" makes it',
  ];
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
