/** What several checks need to know of a node, looked up once. */
import { DEFAULT_FOLDERS, findProcess, type HostProcess } from './host-process.ts';
import type { NodeProbe } from './node-probe.ts';
import { findOciRuntimes, type OciRuntime } from './oci-programs.ts';
import { findInstallCommand, type InstallCommand } from './packages.ts';

export interface NodeFacts {
  readonly probe: NodeProbe;
  /** containerd or CRI-O; k3s' and RKE2's containerd is a process of that name too. */
  readonly runtime: HostProcess | undefined;
  /** The kubelet, or k3s, which is its own kubelet. */
  readonly kubelet: HostProcess | undefined;
  /** Where the runtime finds programs; this shell's usual folders where that cannot be known. */
  readonly folders: readonly string[];
  /** Whose folders those are, for an evidence. */
  readonly foldersOf: string;
  readonly ociRuntimes: readonly OciRuntime[];
  readonly installCommand: InstallCommand;
}

/** A kubelet of its own comes before k3s, which has one within. */
const KUBELETS = [['kubelet'], ['k3s-server', 'k3s-agent', 'k3s']] as const;

export async function gatherFacts(probe: NodeProbe): Promise<NodeFacts> {
  const runtime = await findRuntime(probe);
  let kubelet: HostProcess | undefined;
  for (const names of KUBELETS) kubelet ??= await findProcess(probe, names);
  const folders = runtime?.folders ?? DEFAULT_FOLDERS;
  return {
    probe,
    runtime,
    kubelet,
    folders,
    foldersOf: runtime?.folders
      ? `${runtime.name} (process ${runtime.pid})`
      : 'a program with the default PATH',
    ociRuntimes: await findOciRuntimes(probe, runtime, folders),
    installCommand: await findInstallCommand(probe),
  };
}

export const findRuntime = (probe: NodeProbe): Promise<HostProcess | undefined> =>
  findProcess(probe, ['containerd', 'crio']);

/** Why something of the node could not be looked at: for evidences. */
export const withheld = ({ isRoot }: NodeProbe): string => (isRoot ? '' : '; run as root to be sure');
