import { findAccess, podSources } from '../capture/access.ts';
import type { ContainerSummary, PodSummary } from '../capture/pod.ts';
import { askFirst } from '../capture/pod-source.ts';
import { type AccessFlags, accessOptions, addAccessOptions } from './access-options.ts';
import type { ConfigureCommand } from './command.ts';
import { ExitCode, type Io } from './io.ts';
import { escapeText, toJson } from './terminal/escape.ts';
import { styled } from './terminal/line.ts';
import { type Cell, renderTable } from './terminal/table.ts';

interface PodsOptions extends AccessFlags {
  readonly namespace?: string;
  readonly allNamespaces?: true;
  readonly selector?: string;
  readonly json?: true;
}

const EXAMPLES = `
With a kubeconfig the API server is asked; on a node without one, its own kubelet, or else its container runtime, for
the pods of that node.

Examples:
  exhibit pods -n shop
  exhibit pods -A -l app=web
  exhibit pods -A --json | jq -r '.[] | .node as $n | .containers[] | [$n, .name, .id] | @tsv'`;

export const configure: ConfigureCommand = (command, io, finish) => {
  addAccessOptions(command)
    .option('-n, --namespace <namespace>', "only this namespace (default: the kubeconfig context's)")
    .option('-A, --all-namespaces', 'all namespaces')
    .option('-l, --selector <selector>', 'only pods with these labels, such as app=web,tier!=cache')
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
    value: pods,
    notes,
  } = await askFirst(podSources(access, options), ({ list }) =>
    list({ namespace, selector: options.selector }),
  );
  for (const note of [...access.notes, ...notes]) io.err(`note: ${escapeText(note)}\n`);
  if (options.json) await io.out(`${toJson(pods)}\n`);
  else if (pods.length === 0) io.err(`no pods in ${namespace ?? 'any namespace'}\n`);
  else await io.out(podTable(pods, io));
  io.err(`asked: ${escapeText(source.origin)}\n`);
  return ExitCode.done;
}

/** Enough of a container's id for every tool that takes a prefix; the JSON has all of it. */
const SHORT_ID = 13;

function podTable(pods: readonly PodSummary[], io: Io): string {
  const columns = [
    { title: 'NAMESPACE', overflow: 'cut' },
    { title: 'POD', overflow: 'cut' },
    { title: 'NODE', overflow: 'cut' },
    { title: 'CONTAINER', overflow: 'cut' },
    { title: 'STATE', overflow: 'cut' },
    { title: 'RESTARTS', align: 'right' },
    { title: 'IMAGE', overflow: 'cut' },
    { title: 'CONTAINER ID' },
  ] as const;
  const rows = pods.flatMap((pod) => pod.containers.map((container) => podRow(pod, container)));
  return renderTable(columns, rows, { width: io.columns, color: io.color });
}

function podRow({ namespace, pod, node }: PodSummary, container: ContainerSummary): readonly Cell[] {
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
    String(restarts),
    image,
    (id ?? '').slice(0, SHORT_ID),
  ];
}
