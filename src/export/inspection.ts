import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { Checkpoint, Engine, Process } from '../checkpoint/checkpoint.ts';
import { inspectCapture } from './inspection-capture.ts';
import { inspectFiles, inspectSockets } from './inspection-descriptors.ts';
import { inspectControlGroupSets, inspectIpc, inspectNetwork, inspectSeccomp } from './inspection-kernel.ts';
import { readLogTail } from './inspection-log.ts';
import { growTrees, inspectTree, type ProcessTree, walkTree } from './inspection-processes.ts';
import type { InspectedMetadata, Inspection } from './inspection-shape.ts';

export type * from './inspection-shape.ts';

/** The parts that can be asked for; what identifies the container is always there. */
export const INSPECTION_PARTS = [
  'stats',
  'metadata',
  'processes',
  'commands',
  'environment',
  'files',
  'sockets',
  'mounts',
  'threads',
  'credentials',
  'namespaces',
  'maps',
  'rootfs',
  'held',
  'log',
  'timers',
  'registers',
  'cgroups',
  'ipc',
  'seccomp',
  'network',
] as const;
export type InspectionPart = (typeof INSPECTION_PARTS)[number];

export interface InspectionSelection {
  readonly parts: ReadonlySet<InspectionPart>;
  /** Only this process and those below it. */
  readonly pid?: number | undefined;
}

/** checkpointctl's names of the engines. */
const ENGINE_NAMES: Readonly<Record<Engine, string>> = {
  containerd: 'containerd',
  'cri-o': 'CRI-O',
  podman: 'Podman',
  unknown: 'unknown',
};

/**
 * Reads the selected parts of a checkpoint into one object: what `exhibit inspect` prints as a tree or as JSON.
 * Errors: `NO_SUCH_PROCESS` when `selection.pid` is not in the archive. Damage is in `notes`, never an error.
 */
export async function inspectCheckpoint(
  checkpoint: Checkpoint,
  selection: InspectionSelection,
): Promise<Inspection> {
  const { parts } = selection;
  const [first, ...others] = await selectTrees(checkpoint, selection);
  const all = [first, ...others].flatMap((tree) => (tree ? [...walkTree(tree)] : []));
  const statistics = parts.has('stats') ? await checkpoint.statistics() : undefined;
  const details = {
    commandLines: parts.has('commands'),
    environment: parts.has('environment'),
    threads: parts.has('threads'),
    credentials: parts.has('credentials'),
    namespaces: parts.has('namespaces'),
    maps: parts.has('maps'),
    timers: parts.has('timers'),
    registers: parts.has('registers'),
  };
  const inspection: Omit<Inspection, 'notes'> = {
    ...identify(checkpoint),
    ...(statistics && {
      statistics: {
        freezing_time: statistics.freezingTime,
        frozen_time: statistics.frozenTime,
        memdump_time: statistics.memdumpTime,
        memwrite_time: statistics.memwriteTime,
        pages_scanned: statistics.pagesScanned,
        pages_written: statistics.pagesWritten,
      },
    }),
    ...(parts.has('metadata') && { metadata: inspectMetadata(checkpoint) }),
    ...(parts.has('processes') && first && { process_tree: await inspectTree(first, details) }),
    ...(parts.has('processes') &&
      others.length > 0 && {
        other_process_trees: await inOrder(others, (tree) => inspectTree(tree, details)),
      }),
    ...(parts.has('files') && {
      file_descriptors: await inOrder(all, async ({ process }) => ({
        pid: process.pid,
        open_files: await inspectFiles(process),
      })),
    }),
    ...(parts.has('sockets') && {
      sockets: (
        await inOrder(all, async ({ process }) => ({
          pid: process.pid,
          open_sockets: await inspectSockets(process),
        }))
      ).filter(({ open_sockets }) => open_sockets.length > 0),
    }),
    ...(parts.has('mounts') && { mounts: await checkpoint.mounts() }),
    ...(parts.has('rootfs') && { rootfs_changes: await checkpoint.rootfsChanges() }),
    ...(parts.has('held') && {
      held_files: (await checkpoint.heldFiles()).map(({ path, kind, size, mode, entry }) => ({
        path,
        kind,
        size,
        mode,
        entry,
      })),
    }),
  };
  const kernel = await inspectKernel(
    checkpoint,
    parts,
    all.map(({ process }) => process),
  );
  const log = parts.has('log') ? await readLogTail(checkpoint.archive) : undefined;
  return { ...inspection, ...(log && { container_log: log }), ...kernel, notes: checkpoint.notes() };
}

type KernelParts = Pick<
  Inspection,
  'control_group_sets' | 'control_groups' | 'ipc_namespaces' | 'seccomp_filters' | 'network_namespaces'
>;

async function inspectKernel(
  { kernel }: Checkpoint,
  parts: ReadonlySet<InspectionPart>,
  processes: readonly Process[],
): Promise<KernelParts> {
  const groups = parts.has('cgroups') ? await kernel.controlGroups() : undefined;
  return {
    ...(groups && {
      control_group_sets: inspectControlGroupSets(groups, processes),
      control_groups: groups.groups,
    }),
    ...(parts.has('ipc') && { ipc_namespaces: (await kernel.ipc()).map(inspectIpc) }),
    ...(parts.has('seccomp') && {
      seccomp_filters: inspectSeccomp(await kernel.seccompFilters(), processes),
    }),
    ...(parts.has('network') && { network_namespaces: (await kernel.networks()).map(inspectNetwork) }),
  };
}

/** One after the other: each reads the archive, and the order of notes stays the order of reading. */
async function inOrder<From, To>(
  items: readonly From[],
  convert: (item: From) => Promise<To>,
): Promise<To[]> {
  const converted: To[] = [];
  for (const item of items) converted.push(await convert(item));
  return converted;
}

const NEEDS_PROCESSES: readonly InspectionPart[] = ['processes', 'files', 'sockets', 'cgroups', 'seccomp'];

async function selectTrees(
  checkpoint: Checkpoint,
  { parts, pid }: InspectionSelection,
): Promise<readonly ProcessTree[]> {
  if (pid === undefined && !NEEDS_PROCESSES.some((part) => parts.has(part))) return [];
  const trees = growTrees(await checkpoint.processes());
  if (pid === undefined) return trees;
  for (const tree of trees) {
    for (const node of walkTree(tree)) {
      if (node.process.pid === pid) return [node];
    }
  }
  throw new ExhibitError(
    'NO_SUCH_PROCESS',
    `no process ${pid} in ${checkpoint.name}; \`exhibit inspect --ps-tree\` lists those that are there`,
  );
}

/** What identifies the container, without reading any CRIU image. */
function identify(checkpoint: Checkpoint): Omit<Inspection, 'notes'> {
  const { container, pod, archive, sizes, capture } = checkpoint;
  const { created, checkpointed, imageId, hostname, ip, mac } = container;
  return {
    archive: checkpoint.name,
    archive_size: archive.storedSize,
    compression: archive.compression,
    container_name: container.name ?? '',
    image: container.image ?? '',
    ...(imageId !== undefined && { image_id: imageId }),
    id: container.id ?? '',
    runtime: container.runtime ?? '',
    created: created === undefined ? '' : toSeconds(created),
    ...(created !== undefined && { created_at: created }),
    ...(checkpointed !== undefined && {
      checkpointed: toSeconds(checkpointed),
      checkpointed_at: checkpointed,
    }),
    engine: ENGINE_NAMES[checkpoint.engine],
    ...(pod && {
      pod: { name: pod.name, namespace: pod.namespace, ...(pod.uid !== undefined && { uid: pod.uid }) },
    }),
    ...(hostname !== undefined && { hostname }),
    ...(ip !== undefined && { ip }),
    ...(mac !== undefined && { mac }),
    checkpoint_size: {
      total_size: sizes.total,
      memory_pages_size: sizes.memoryPages,
      root_fs_diff_size: sizes.rootfsDiff,
    },
    ...(capture && { capture: inspectCapture(capture) }),
  };
}

/** Go's RFC 3339 format, which checkpointctl uses: the fraction is left out, the zone stays. */
const toSeconds = (time: string): string => time.replace(/(T\d\d:\d\d:\d\d)\.\d+/, '$1');

function inspectMetadata({ pod, container }: Checkpoint): InspectedMetadata {
  const hasAnnotations = Object.keys(container.annotations).length > 0;
  return {
    ...(pod && { pod_name: pod.name, kubernetes_namespace: pod.namespace }),
    ...(hasAnnotations && { annotations: container.annotations }),
  };
}
