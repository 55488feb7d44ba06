/** The container runtime that runs on this node, as /proc shows it. */
import type { NodeProbe } from './node-probe.ts';

export interface RuntimeProcess {
  readonly name: 'containerd' | 'crio';
  readonly pid: string;
}

const NAMES: readonly string[] = ['containerd', 'crio'] satisfies readonly RuntimeProcess['name'][];

/**
 * The first by number; undefined where none runs here, or this user may not see. A process in a container can call
 * itself containerd, and its PATH would be believed and its programs be run: only one counts that has the root
 * filesystem of the node's first process.
 */
export async function findRuntime(node: NodeProbe): Promise<RuntimeProcess | undefined> {
  for (const pid of (await node.list('/proc')).filter((name) => /^\d+$/.test(name))) {
    // k3s' and RKE2's containerd is a process of that name too.
    const name = (await node.read(`/proc/${pid}/comm`))?.trim();
    if (isRuntime(name) && (await node.isSame('/proc/1/root/', `/proc/${pid}/root/`))) return { name, pid };
  }
  return undefined;
}

const isRuntime = (name: string | undefined): name is RuntimeProcess['name'] =>
  name !== undefined && NAMES.includes(name);
