import { type Access, type AccessOptions, findAccess, podSources } from '../capture/access.ts';
import { type Capturability, type CapturablePod, findCapturability } from '../capture/capturability.ts';
import type { PodSummary } from '../capture/pod.ts';
import { askFirst } from '../capture/pod-source.ts';
import type { RouteNotTaken } from '../capture/route.ts';
import { type AccessFlags, accessOptions, addAccessOptions } from './access-options.ts';
import type { ConfigureCommand } from './command.ts';
import { ExitCode, type Io } from './io.ts';
import { escapeText, toJson } from './terminal/escape.ts';
import { styled } from './terminal/line.ts';
import { startProgress } from './terminal/progress.ts';
import { type Cell, type Column, renderTable } from './terminal/table.ts';

interface PodsOptions extends AccessFlags {
  readonly namespace?: string;
  readonly allNamespaces?: true;
  readonly selector?: string;
  readonly probe: boolean;
  readonly json?: true;
}

const EXAMPLES = `
With a kubeconfig the API server is asked; on a node without one, its own kubelet, or else its container runtime, for
the pods of that node.

CAPTURE says by which way "exhibit capture" would take a container now, or that none is open; what is missing is told
below the table. For it each node is asked once, with a request that captures nothing; --no-probe leaves it out.

Examples:
  exhibit pods -n shop
  exhibit pods -A -l app=web
  exhibit pods -A --json | jq -r '.[] | .node as $n | .containers[] | [$n, .name, .id] | @tsv'`;

export const configure: ConfigureCommand = (command, io, finish) => {
  addAccessOptions(command)
    .option('-n, --namespace <namespace>', "only this namespace (default: the kubeconfig context's)")
    .option('-A, --all-namespaces', 'all namespaces')
    .option('-l, --selector <selector>', 'only pods with these labels, such as app=web,tier!=cache')
    .option('--no-probe', 'do not ask the nodes whether this user may capture')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (options: PodsOptions) => finish(await listPods(options, io)));
};

async function listPods(options: PodsOptions, io: Io): Promise<ExitCode> {
  const access = await findAccess(accessOptions(options, io), io.environment);
  // On a node, "what runs here" is the question; with a kubeconfig, kubectl's default.
  const usual = access.cluster === undefined ? undefined : (access.cluster.namespace ?? 'default');
  const namespace = options.allNamespaces ? undefined : (options.namespace ?? usual);
  const {
    source,
    value: found,
    notes,
  } = await askFirst(podSources(access, options), ({ list }) =>
    list({ namespace, selector: options.selector }),
  );
  for (const note of [...access.notes, ...notes]) io.err(`note: ${escapeText(note)}\n`);
  const pods = options.probe ? await askNodes(found, access, accessOptions(options, io), io) : found;
  if (options.json) await io.out(`${toJson(pods)}\n`);
  else if (pods.length === 0) io.err(`no pods in ${namespace ?? 'any namespace'}\n`);
  else await io.out(podTable(pods, io));
  for (const reason of reasonsAgainst(pods)) io.err(`${escapeText(reason)}\n`);
  io.err(`asked: ${escapeText(source.origin)}\n`);
  return ExitCode.done;
}

async function askNodes(
  pods: readonly PodSummary[],
  access: Access,
  options: AccessOptions,
  io: Io,
): Promise<readonly CapturablePod[]> {
  const progress = startProgress(io);
  try {
    return await findCapturability(pods, access, options, (done) =>
      progress.update(`asking whether you may capture: ${done} of ${pods.length} pods`),
    );
  } finally {
    progress.end();
  }
}

type ListedPod = PodSummary | CapturablePod;
type ListedContainer = ListedPod['containers'][number];

const missingFor = (container: ListedContainer): readonly RouteNotTaken[] =>
  'capture' in container && container.capture !== undefined && 'missing' in container.capture
    ? container.capture.missing
    : [];

/** Each once: what is missing is mostly the same for all containers of a node. */
function reasonsAgainst(pods: readonly ListedPod[]): readonly string[] {
  const reasons = pods.flatMap(({ node, containers }) =>
    containers.flatMap(missingFor).map(({ name, reason }) => {
      const where = node === undefined ? '' : ` on node ${node}`;
      return `no capture via ${name}${where}: ${reason}`;
    }),
  );
  return [...new Set(reasons)];
}

/** Enough of a container's id for every tool that takes a prefix; the JSON has all of it. */
const SHORT_ID = 13;

function podTable(pods: readonly ListedPod[], io: Io): string {
  const isAsked = pods.some(({ containers }) => containers.some((container) => 'capture' in container));
  const columns: readonly Column[] = [
    { title: 'NAMESPACE', overflow: 'cut' },
    { title: 'POD', overflow: 'cut' },
    { title: 'NODE', overflow: 'cut' },
    { title: 'CONTAINER', overflow: 'cut' },
    { title: 'STATE', overflow: 'cut' },
    ...(isAsked ? [{ title: 'CAPTURE' }] : []),
    { title: 'RESTARTS', align: 'right' },
    { title: 'IMAGE', overflow: 'cut' },
    { title: 'CONTAINER ID' },
  ];
  const rows = pods.flatMap((pod) => pod.containers.map((container) => podRow(pod, container)));
  return renderTable(columns, rows, { width: io.columns, color: io.color });
}

function podRow({ namespace, pod, node }: ListedPod, container: ListedContainer): readonly Cell[] {
  const { name, kind, state, reason, restarts, image, id } = container;
  const mark: Cell =
    kind === 'container' || kind === undefined ? name : [name, styled(` (${kind})`, 'structure')];
  const detail = reason === undefined ? state : `${state}: ${reason}`;
  const runs: Cell = state === 'running' ? state : [styled(detail, 'odd')];
  return [
    namespace,
    [styled(pod, 'name')],
    node ?? '',
    mark,
    runs,
    ...('capture' in container ? [captureCell(container.capture)] : []),
    String(restarts),
    image,
    (id ?? '').slice(0, SHORT_ID),
  ];
}

function captureCell(capture: Capturability | undefined): Cell {
  if (capture === undefined) return '';
  return 'via' in capture ? capture.via : [styled('no', 'odd')];
}
