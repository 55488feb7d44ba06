import path from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { findAccess } from '../capture/access.ts';
import { type CaptureReport, takeCheckpoint } from '../capture/capture.ts';
import { withCaptureLock } from '../capture/capture-lock.ts';
import { type CapturePlan, planCapture } from '../capture/capture-plan.ts';
import { readFreezerState } from '../capture/freezer.ts';
import { type HeldResult, holdSignals } from '../capture/held-signals.ts';
import { parsePodmanName } from '../capture/podman/podman-container.ts';
import { COMPRESSIONS, type Compression, planPodmanCapture } from '../capture/podman/podman-plan.ts';
import { refusal, runPreflight } from '../capture/preflight/preflight.ts';
import { MAX_TIMEOUT_SECONDS, POD_ROUTES, type RouteName } from '../capture/route.ts';
import { formatTarget } from '../capture/target.ts';
import { thawContainer } from '../capture/thaw.ts';
import { type AccessFlags, accessOptions, addAccessOptions } from './access-options.ts';
import type { ConfigureCommand } from './command.ts';
import { ExitCode, type Io } from './io.ts';
import { asArgument, readTarget } from './target-argument.ts';
import { toJson } from './terminal/escape.ts';
import { planLines, refusedLines, reportLines, tellSignal, watchCapture } from './views/capture.ts';
import { warningLines } from './views/preflight.ts';

interface CaptureCommandOptions extends AccessFlags {
  readonly namespace?: string;
  readonly container?: string;
  readonly via?: RouteName;
  readonly outputDir?: string;
  readonly compress?: Compression;
  readonly timeout?: number;
  readonly preflight: boolean;
  readonly thaw?: true;
  readonly inspect: boolean;
  readonly json?: true;
}

const EXAMPLES = `
The container goes on running; it stands still while it is captured. A capture that has begun is never cancelled,
because that can leave the container frozen: Ctrl-C waits for its end. On the container's node it is first looked for
what CRIU refuses, and the capture ends before anything is touched if that is found ("exhibit preflight" says what).

Ways (--via). Without it they are tried in this order, and the next one only if the one before was refused or not
reached before the container was touched; what was not gone is told, with the reason:
  kubelet   straight to the node's kubelet, port 10250; needs nodes/checkpoint: create and no more. With the credentials
            that are given, that lie on this node (k3s, RKE2, kubeadm), or the kubeconfig's client certificate
  cri       the container runtime's socket on this node; needs root here, and no kubelet or API server
  proxy     through the API server, with a kubeconfig; needs nodes/proxy: create, and nodes/checkpoint: create for the
            API server's own client to the kubelets
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
  exhibit capture shop/web --json --no-inspect | jq -r .archive.path`;

const TARGET =
  "NAMESPACE/POD[/CONTAINER], POD or pod/POD; with --via podman a container's name or id, as podman ps shows it";

export const configure: ConfigureCommand = (command, io, finish) => {
  addAccessOptions(command.argument('<container>', TARGET))
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
    .option('-o, --output-dir <folder>', 'with podman: where the archive goes (default: here)')
    .addOption(
      new Option('--compress <how>', 'with podman: how the archive is compressed (default: none)').choices(
        COMPRESSIONS,
      ),
    )
    .option('--no-inspect', 'do not show what was captured')
    .option('--json', 'print a report as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (pod: string, options: CaptureCommandOptions) => {
      finish(await capture(pod, options, command, io));
    });
};

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (/^\d{1,6}$/.test(text) && seconds > 0 && seconds <= MAX_TIMEOUT_SECONDS) return seconds;
  throw new InvalidArgumentError(`It must be whole seconds, at most ${MAX_TIMEOUT_SECONDS}.`);
}

async function capture(
  text: string,
  options: CaptureCommandOptions,
  command: Command,
  io: Io,
): Promise<ExitCode> {
  const planned = await (options.via === 'podman' ? planPodman : planPod)(text, options, command, io);
  const plan = { ...planned, thaw: options.thaw === true };
  io.err(planLines(plan));
  const take = async (): Promise<HeldResult<CaptureReport>> => {
    // Within the lock: a container that another capture of ours holds still is none that stands still.
    if (options.thaw) await thawBefore(plan, io);
    if (options.preflight) await ensureCapturable(plan, io);
    return takeHeld(plan, io);
  };
  const { value: report, signals } = await withCaptureLock(plan.target, take, {
    onWait: (pid) =>
      io.err(`exhibit (process ${pid}) is capturing this container already: waiting for it to end\n`),
  });
  if (options.json) await io.out(`${toJson(report)}\n`);
  else await io.out(reportLines(report));
  const ran = report.container_afterwards.verdict;
  const code = ran === 'frozen' || ran === 'ended' ? ExitCode.damaged : ExitCode.done;
  const showsIt = options.inspect && !options.json && report.archive.here && signals === 0;
  if (!showsIt) return code;
  return worst(code, await inspect(report, io));
}

/** Tells what may go wrong; throws `CAPTURE_WOULD_FAIL` while nothing has been touched. */
async function ensureCapturable({ target, containerId, preflight }: CapturePlan, io: Io): Promise<void> {
  const report = await runPreflight(target, containerId, preflight);
  io.err(warningLines(report));
  const error = refusal(report);
  if (error !== undefined) throw error;
}

/** Whoever says --thaw wants it to run, whoever made it stand still. */
async function thawBefore({ target, containerId }: CapturePlan, io: Io): Promise<void> {
  if (containerId === undefined || (await readFreezerState(containerId)) !== 'frozen') return;
  const { by } = await thawContainer(containerId);
  io.err(`note: ${formatTarget(target)} stood still before the capture and was thawed (${by})\n`);
}

async function planPod(
  text: string,
  options: CaptureCommandOptions,
  command: Command,
  io: Io,
): Promise<CapturePlan> {
  if (options.outputDir !== undefined || options.compress !== undefined) {
    command.error(
      'error: --output-dir and --compress need --via podman: a node has its own folder for archives',
    );
  }
  const { via, timeout } = options;
  // Before anything is looked up: a name that cannot be read is a usage error.
  readTarget(text, options, undefined, command);
  const podOptions = { ...accessOptions(options, io), via: via === 'podman' ? undefined : via };
  const access = await findAccess(podOptions, io.environment);
  const target = readTarget(text, options, access.cluster?.namespace, command);
  return planCapture(target, access, { ...podOptions, timeoutSeconds: timeout });
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

async function takeHeld(plan: CapturePlan, io: Io): Promise<HeldResult<CaptureReport>> {
  const watch = watchCapture(plan, io);
  try {
    return await holdSignals(
      () =>
        takeCheckpoint(plan, (refused, next) => {
          watch.pause();
          io.err(refusedLines(refused, next));
        }),
      (count) => {
        watch.pause();
        io.err(tellSignal(count, plan, process.pid));
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
