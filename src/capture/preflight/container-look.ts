import { type FreezerState, readFreezerState } from '../freezer.ts';
import { type CriuOptions, readCriuOptions } from './criu-options.ts';
import { lookAtNetworks, type NetworkLook } from './network-look.ts';
import { lookAtNode, type NodeLook } from './node-look.ts';
import type { Obstacle } from './obstacle.ts';
import { type Descriptor, lookAtProcesses, type ProcessLook } from './process-look.ts';

/** A running container as its node shows it, before anything is touched. All that the checks judge. */
export interface ContainerLook {
  /** The runtime's id. */
  readonly id: string;
  readonly processes: readonly ProcessLook[];
  readonly node: NodeLook;
  readonly networks: readonly NetworkLook[];
  readonly options: CriuOptions;
  readonly freezer: FreezerState;
  /** Where the archive is written, on the node. */
  readonly archiveFolder: string;
  /** What was not looked at, and why. */
  readonly gaps: readonly string[];
}

/** One thing to look for. `root` is the folder whose `proc` shows the container's processes. */
export type Check = (look: ContainerLook, root: string) => readonly Obstacle[] | Promise<readonly Obstacle[]>;

/** What differs from a capture through the kubelet. */
export interface LookOptions {
  /** CRIU's options that whoever takes the checkpoint passes by itself, by name. */
  readonly given?: readonly string[] | undefined;
  /** Default: the kubelet's. */
  readonly archiveFolder?: string | undefined;
  /** The folder that holds the node's `proc`. */
  readonly root?: string | undefined;
}

const KUBELET_FOLDER = '/var/lib/kubelet/checkpoints';

/** Looks at container `id`, which has no processes where this machine is not its node. */
export async function lookAtContainer(id: string, options: LookOptions = {}): Promise<ContainerLook> {
  const { root = '/', given, archiveFolder = KUBELET_FOLDER } = options;
  const { processes, gaps } = await lookAtProcesses(id, root);
  const node = await lookAtNode(processes, root);
  return {
    id,
    processes,
    node,
    networks: await lookAtNetworks(processes, root),
    options: await readCriuOptions(id, node.root, given),
    freezer: await readFreezerState(id, root),
    archiveFolder,
    gaps,
  };
}

/** A descriptor with the process that holds it. */
export interface HeldDescriptor {
  readonly process: ProcessLook;
  readonly descriptor: Descriptor;
}

/** The descriptors of all processes. */
export function heldDescriptors({ processes }: ContainerLook): readonly HeldDescriptor[] {
  return processes.flatMap((process) => process.descriptors.map((descriptor) => ({ process, descriptor })));
}

/** `process 7 (nginx), descriptor 3`, as evidence names it. */
export function describeHolder({ process, descriptor }: HeldDescriptor): string {
  return `process ${process.pid} (${process.name}), descriptor ${descriptor.fd}`;
}
