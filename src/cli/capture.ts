import path from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { findAccess } from '../capture/access.ts';
import { type CaptureReport, takeBoth, takeCheckpoint } from '../capture/capture.ts';
import { withCaptureLock } from '../capture/capture-lock.ts';
import { type CapturePlan, planCapture } from '../capture/capture-plan.ts';
import { readFreezerState } from '../capture/freezer.ts';
import { type HeldResult, holdSignals } from '../capture/held-signals.ts';
import { whyWithoutCriu } from '../capture/live/live-choice.ts';
import { checkMember, isContainerId, planLiveCapture } from '../capture/live/live-plan.ts';
import type { LiveWish } from '../capture/live/live-route.ts';
import { parsePodmanName } from '../capture/podman/podman-container.ts';
import { COMPRESSIONS, type Compression, planPodmanCapture } from '../capture/podman/podman-plan.ts';
import { refusal, runPreflight } from '../capture/preflight/preflight.ts';
import { MAX_TIMEOUT_SECONDS, POD_ROUTES, type RouteName } from '../capture/route.ts';
import { formatTarget } from '../capture/target.ts';
import { thawContainer } from '../capture/thaw.ts';
import type { UploadWish } from '../capture/upload/upload-archive.ts';
import { withoutCriu } from '../capture/without-criu.ts';
import { type AccessFlags, accessOptions, addAccessOptions } from './access-options.ts';
import type { ConfigureCommand } from './command.ts';
import { ExitCode, type Io } from './io.ts';
import { addPodOptions, type PodFlags, podWish } from './pod-options.ts';
import { asArgument, readTarget } from './target-argument.ts';
import { toJson } from './terminal/escape.ts';
import { addUploadOptions, type UploadFlags, uploadWish } from './upload-options.ts';
import {
  insteadLines,
  planLines,
  refusedLines,
  reportLines,
  tellSignal,
  watchCapture,
} from './views/capture.ts';
import { warningLines } from './views/preflight.ts';

interface CaptureCommandOptions extends AccessFlags, PodFlags, UploadFlags {
  readonly namespace?: string;
  readonly container?: string;
  readonly via?: RouteName;
  readonly outputDir?: string;
  readonly compress?: Compression;
  readonly pid?: number;
  readonly freeze: boolean;
  readonly maxFreeze?: number;
  readonly allPages?: true;
  readonly both?: true;
  readonly timeout?: number;
  readonly preflight: boolean;
  readonly thaw?: true;
  readonly inspect: boolean;
  readonly json?: true;
}

const EXAMPLES = `
The container goes on running; it stands still while it is captured. A capture by CRIU that has begun is never cancelled,
because that can leave the container frozen: Ctrl-C waits for its end. One without CRIU ends at once, and leaves nothing.
On the container's node it is first looked for what CRIU refuses ("exhibit preflight" says what): root there captures
without CRIU then, and says why; others end before anything is touched.

Ways (--via). Without it they are tried in this order, and the next one only if the one before was refused or not
reached before the container was touched; what was not gone is told, with the reason:
  kubelet   straight to the node's kubelet, port 10250; needs nodes/checkpoint: create and no more. With the credentials
            that are given, that lie on this node (k3s, RKE2, kubeadm), or the kubeconfig's client certificate
  cri       the container runtime's socket on this node; needs root here, and no kubelet or API server
  proxy     through the API server, with a kubeconfig; needs nodes/proxy: create, and nodes/checkpoint: create for the
            API server's own client to the kubelets
  node      without CRIU and without a runtime, on the container's node as root: its processes are frozen, read through
            /proc and thawed. It captures what CRIU refuses, and stands still for less long; nothing can be restored from it.
            From elsewhere, with a kubeconfig, a privileged pod on the node does it. Without --via such a pod is made only
            once the node has said that it cannot checkpoint, or CRIU has refused the container: never for a right that is
            missing, and never with --no-pod
  podman    a container of Podman on this machine, by name or id; as root. Only when asked for
Times: nothing of exhibit's ever runs out while a checkpoint is being taken. The kubelet gives the runtime an hour; with
--timeout more or less, but never less than two minutes. containerd leaves a container paused whose checkpoint ran out of
time: do not be sparing, and use --thaw. The API server does not end such a request by its --request-timeout; a load
balancer in front of it may end a connection on which nothing is said: for large containers go to the node.

--cert, --token, --token-file, --node and --fingerprint ask for kubelet, --runtime-endpoint for cri.

Examples:
  exhibit capture shop/web                                 on the node, or with a kubeconfig
  exhibit capture shop/web/sidecar
  exhibit capture -n shop pod/web -c sidecar
  exhibit capture shop/web --thaw                          on the node; never leaves it standing still
  exhibit capture shop/web --node 10.0.0.7 --cert admin.crt --key admin.key --cacert ca.crt
  exhibit capture shop/web --via kubelet --token-file token --cacert ca.crt
  exhibit capture shop/web --via cri                       on the node, with its kubelet stopped
  exhibit capture web --via podman -o evidence/            a Podman container
  exhibit capture shop/web --via node                      on the node, without CRIU
  exhibit capture --via node --pid 4711 -o evidence/       whatever container process 4711 is in
  exhibit capture --via node 5a1e0c3b9f27                  a container of any runtime by its id
  exhibit capture shop/web --both                          on the node: two archives, seconds apart
  exhibit capture shop/web --via node --max-freeze 2s      not to stand still for longer than that
  exhibit capture shop/web --via node --helper-namespace exhibit -o case-7    from elsewhere, by a pod on its node
  exhibit capture shop/web --via node --upload @url.txt    straight from the node to a store, by a presigned URL
  exhibit capture shop/web --no-pod                        from elsewhere; makes nothing on the node
  exhibit capture shop/web --json --no-inspect | jq -r .archive.path`;

const TARGET =
  "NAMESPACE/POD[/CONTAINER], POD or pod/POD; with --via podman a container's name or id, as podman ps shows it; with --via node also its id";

export const configure: ConfigureCommand = (command, io, finish) => {
  addUploadOptions(addPodOptions(addAccessOptions(command.argument('[container]', TARGET))))
    .option('-n, --namespace <namespace>', 'namespace of the pod')
    .option('-c, --container <container>', 'container of the pod (default: its only one)')
    .addOption(new Option('--via <way>', 'how the container is reached').choices([...POD_ROUTES, 'podman']))
    .option(
      '--timeout <seconds>',
      'how long the kubelet lets the runtime work (default: an hour)',
      parseSeconds,
    )
    .option('--no-preflight', 'try even what CRIU is known to refuse')
    .option('--thaw', 'on its node: let the container run if it stands still, before and after the capture')
    .option('--pid <pid>', 'with node: a process of the container, as the node counts', parsePid)
    .option(
      '--no-freeze',
      'with node: let it run while it is read; parts of the archive can then contradict each other',
    )
    .option(
      '--max-freeze <time>',
      'with node: how long it may stand still, as 2s or 500ms (default: 20s)',
      parseDuration,
    )
    .option('--both', 'without CRIU first, then by CRIU: two archives of nearly one moment')
    .option('--all-pages', 'with node: unchanged pages of mapped files too')
    .option(
      '-o, --output-dir <folder>',
      "with podman and node: where the archive goes (default: here; node: the kubelet's folder)",
    )
    .addOption(
      new Option('--compress <how>', 'with podman: how the archive is compressed (default: none)').choices(
        COMPRESSIONS,
      ),
    )
    .option('--no-inspect', 'do not show what was captured')
    .option('--json', 'print a report as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (pod: string | undefined, options: CaptureCommandOptions) => {
      finish(await capture(pod, options, command, io));
    });
};

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (/^\d{1,6}$/.test(text) && seconds > 0 && seconds <= MAX_TIMEOUT_SECONDS) return seconds;
  throw new InvalidArgumentError(`It must be whole seconds, at most ${MAX_TIMEOUT_SECONDS}.`);
}

/** The kernel's largest number of a process has seven digits. */
function parsePid(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be the number of a process.');
}

const MAX_FREEZE_SECONDS = 3600;

/** Milliseconds. */
function parseDuration(text: string): number {
  const [, digits, unit] = /^(\d{1,7})(ms|s)$/.exec(text) ?? [];
  const milliseconds = Number(digits) * (unit === 's' ? 1000 : 1);
  if (milliseconds > 0 && milliseconds <= MAX_FREEZE_SECONDS * 1000) return milliseconds;
  throw new InvalidArgumentError(`It must be a time as 2s or 500ms, at most ${MAX_FREEZE_SECONDS}s.`);
}

async function capture(
  text: string | undefined,
  options: CaptureCommandOptions,
  command: Command,
  io: Io,
): Promise<ExitCode> {
  const planned = await planOf(text, options, command, io);
  const plan = { ...planned, thaw: options.thaw === true };
  io.err(planLines(plan));
  const take = async (): Promise<HeldResult<CaptureReport>> => {
    // Within the lock: a container that another capture of ours holds still is none that stands still.
    if (options.thaw) await thawBefore(plan, io);
    if (options.both) return takeHeld(plan, true, io);
    return takeHeld(options.preflight ? await lookBefore(plan, options, io) : plan, false, io);
  };
  const { value: report, signals } = await withCaptureLock(plan.target, take, {
    onWait: (pid) =>
      io.err(`exhibit (process ${pid}) is capturing this container already: waiting for it to end\n`),
  });
  if (options.json) await io.out(`${toJson(report)}\n`);
  else await io.out(reportLines(report));
  const ran = report.container_afterwards.verdict;
  const isHalf =
    (report.companion !== undefined && 'failed' in report.companion) || report.upload?.failed !== undefined;
  const code = ran === 'frozen' || ran === 'ended' || isHalf ? ExitCode.damaged : ExitCode.done;
  const showsIt = options.inspect && !options.json && report.archive.here && signals === 0;
  if (!showsIt) return code;
  return worst(code, await inspect(report, io));
}

/**
 * Looks for what CRIU refuses, and tells what may go wrong. Returns the plan to go by: the way without CRIU where that is open
 * and CRIU is not to be asked. Throws `CAPTURE_WOULD_FAIL` where it is not open, while nothing has been touched.
 */
async function lookBefore(
  plan: CapturePlan,
  { maxFreeze }: CaptureCommandOptions,
  io: Io,
): Promise<CapturePlan> {
  // What CRIU refuses is no matter to a capture without it.
  if (plan.routes[0].name === 'node') return plan;
  const report = await runPreflight(plan.target, plan.containerId, plan.preflight);
  io.err(warningLines(report));
  const why = whyWithoutCriu(report, maxFreeze);
  const instead = why === undefined ? undefined : withoutCriu(plan, why);
  if (instead !== undefined) {
    io.err(insteadLines(instead));
    return instead;
  }
  const error = refusal(report);
  if (error !== undefined) throw error;
  return plan;
}

/** Whoever says --thaw wants it to run, whoever made it stand still. */
async function thawBefore({ target, containerId }: CapturePlan, io: Io): Promise<void> {
  if (containerId === undefined || (await readFreezerState(containerId)) !== 'frozen') return;
  const { by } = await thawContainer(containerId);
  io.err(`note: ${formatTarget(target)} stood still before the capture and was thawed (${by})\n`);
}

async function planOf(
  text: string | undefined,
  options: CaptureCommandOptions,
  command: Command,
  io: Io,
): Promise<CapturePlan> {
  const { via, pid, both } = options;
  if (both && (via !== undefined || pid !== undefined))
    command.error('error: --both goes two ways: without --via and --pid');
  if (pid !== undefined && via !== 'node') command.error('error: --pid needs --via node');
  if (options.upload !== undefined && via !== 'node')
    command.error(
      'error: --upload needs --via node: what CRIU writes is on the node, from where collect brings it',
    );
  const upload = await uploadWish(options, command, io);
  if (text === undefined && pid !== undefined)
    return planLiveCapture({ pid }, wishOf(options, upload, io), '--pid was given');
  if (text === undefined) command.error("error: missing required argument 'container'");
  if (via === 'podman') return planPodman(text, options, command, io);
  const plan =
    via === 'node' && isContainerId(text)
      ? planLiveCapture({ id: text }, wishOf(options, upload, io), '--via node was asked for')
      : await planPod(text, options, upload, command, io);
  if (pid !== undefined) checkMember(pid, plan);
  return plan;
}

/** `upload` is read once: its URL may come from a file. */
const wishOf = (
  { freeze, allPages, maxFreeze, outputDir }: CaptureCommandOptions,
  upload: UploadWish | undefined,
  io: Io,
): LiveWish => ({
  freeze,
  allPages,
  maxFreeze,
  upload,
  folder: outputDir === undefined ? undefined : path.resolve(io.workingDirectory, outputDir),
});

async function planPod(
  text: string,
  options: CaptureCommandOptions,
  upload: UploadWish | undefined,
  command: Command,
  io: Io,
): Promise<CapturePlan> {
  const isElsewhere = options.outputDir !== undefined && options.via !== 'node';
  if (isElsewhere || options.compress !== undefined) {
    command.error(
      'error: --compress needs --via podman, --output-dir that or --via node: a node has its own folder for archives',
    );
  }
  const { via, timeout, pod } = options;
  // Before anything is looked up: a name that cannot be read is a usage error.
  readTarget(text, options, undefined, command);
  const podOptions = {
    ...accessOptions(options, io),
    via: via === 'podman' ? undefined : via,
    mayMakePod: pod,
  };
  const access = await findAccess(podOptions, io.environment);
  const target = readTarget(text, options, access.cluster?.namespace, command);
  return planCapture(target, access, {
    ...podOptions,
    timeoutSeconds: timeout,
    live: wishOf(options, upload, io),
    helper: podWish(options, access.cluster?.namespace, io),
  });
}

async function planPodman(
  text: string,
  { outputDir = '.', compress, namespace, container, timeout }: CaptureCommandOptions,
  command: Command,
  io: Io,
): Promise<CapturePlan> {
  if (namespace !== undefined || container !== undefined || timeout !== undefined) {
    command.error(
      'error: --namespace, --container and --timeout are for containers of pods, not for --via podman',
    );
  }
  const name = asArgument(command, () => parsePodmanName(text));
  const folder = path.resolve(io.workingDirectory, outputDir);
  return planPodmanCapture(name, { folder, compression: compress });
}

async function takeHeld(plan: CapturePlan, isBoth: boolean, io: Io): Promise<HeldResult<CaptureReport>> {
  const watch = watchCapture(plan, io);
  const ending = new AbortController();
  let name: RouteName = isBoth ? 'node' : plan.routes[0].name;
  try {
    return await holdSignals(
      () =>
        (isBoth ? takeBoth : takeCheckpoint)(
          plan,
          (refused, next, state) => {
            name = next.name;
            watch.pause();
            if (name === 'node') watch.stage('without CRIU');
            io.err(refusedLines(refused, next, state));
          },
          { signal: ending.signal, onStage: watch.stage, onNote: watch.note },
        ),
      (count, signal) => {
        watch.pause();
        if (name !== 'node') return io.err(tellSignal(count, plan, process.pid));
        io.err(`${signal}: ending; the container is let run, and nothing of the archive is kept …\n`);
        ending.abort(new ExhibitError('CAPTURE_INTERRUPTED', `ended by ${signal}`));
      },
    );
  } finally {
    watch.end();
  }
}

async function inspect(report: CaptureReport, io: Io): Promise<ExitCode> {
  const { printInspection } = await import('./inspect.ts');
  await io.out('\n');
  return printInspection(report.archive.path, io);
}

const worst = (a: ExitCode, b: ExitCode): ExitCode => (a === ExitCode.done ? b : a);
