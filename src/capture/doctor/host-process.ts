/** Kubelet and container runtime as /proc shows them: what they are, how they were started, where they find programs. */
import path from 'node:path';
import type { NodeProbe, ProgramAnswer } from './node-probe.ts';

export interface HostProcess {
  /** As the kernel calls it: the program's name, unless it gave itself another. */
  readonly name: string;
  readonly pid: string;
  readonly argv: readonly string[];
  /** Where it finds programs. Undefined where this user may not read its environment. */
  readonly folders: readonly string[] | undefined;
}

/** The kernel starts programs with this PATH when they were given none (execvp's default is alike). */
export const DEFAULT_FOLDERS = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
] as const;

/**
 * The first process by one of these names; undefined where none runs, or this user may not see. A process in a container
 * can call itself containerd, and its PATH would be believed and its programs be run: only one counts that has the root
 * filesystem of the node's first process.
 */
export async function findProcess(
  node: NodeProbe,
  names: readonly string[],
): Promise<HostProcess | undefined> {
  for (const pid of await listProcesses(node)) {
    const name = (await node.read(`/proc/${pid}/comm`))?.trim();
    if (name === undefined || !names.includes(name)) continue;
    if (!(await node.isSame('/proc/1/root/', `/proc/${pid}/root/`))) continue;
    const argv = (await node.read(`/proc/${pid}/cmdline`))?.split('\0').slice(0, -1) ?? [];
    return { name, pid, argv, folders: await readFolders(node, pid) };
  }
  return undefined;
}

/** The numbers of all processes that are to be seen. */
export async function listProcesses(node: NodeProbe): Promise<readonly string[]> {
  return (await node.list('/proc')).filter((name) => /^\d+$/.test(name));
}

async function readFolders(node: NodeProbe, pid: string): Promise<readonly string[] | undefined> {
  const environment = await node.read(`/proc/${pid}/environ`);
  if (environment === undefined) return undefined;
  const text = /(?:^|\0)PATH=([^\0]*)/.exec(environment)?.[1];
  // A relative folder is one of the runtime's working directory, which is not ours.
  return text?.split(':').filter((folder) => path.isAbsolute(folder)) ?? DEFAULT_FOLDERS;
}

/**
 * What the program of a running process says when asked for its version. One file can be many programs (k3s is its own
 * containerd), told apart by the name they are called by.
 */
export function askVersion(node: NodeProbe, { pid, argv }: HostProcess): Promise<ProgramAnswer | undefined> {
  return node.run(`/proc/${pid}/exe`, ['--version'], argv[0]);
}

export interface FoundProgram {
  readonly file: string;
  /** What it said of its version. */
  readonly said: string;
}

/** The first program of that name in these folders that runs and is wanted. */
export async function findProgram(
  node: NodeProbe,
  name: string,
  folders: readonly string[],
  isWanted: (program: FoundProgram) => boolean = () => true,
): Promise<FoundProgram | undefined> {
  for (const folder of folders) {
    const file = path.join(folder, name);
    const answer = await node.run(file, ['--version']);
    if (answer !== undefined && isWanted({ file, said: answer.text })) return { file, said: answer.text };
  }
  return undefined;
}
