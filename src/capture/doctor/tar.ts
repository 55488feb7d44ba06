/**
 * CRIU packs tmpfs mounts with the first `tar` in the PATH of the container runtime, and needs GNU tar's options. k3s
 * and RKE2 put a folder with BusyBox's tar first: "tar: unrecognized option '--no-unquote'".
 */
import path from 'node:path';
import { changeCommands } from './change.ts';
import type { Finding } from './finding.ts';
import type { NodeProbe } from './node-probe.ts';
import { findRuntime } from './runtime-process.ts';

/** The kernel starts programs with this PATH when they were given none (execvp's default is alike). */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export async function checkTar(node: NodeProbe): Promise<Finding> {
  const about = { id: 'tar', title: "tar in the runtime's PATH" } as const;
  const runtime = await findRuntime(node);
  if (runtime === undefined) {
    return { ...about, status: 'unknown', evidence: 'neither containerd nor CRI-O runs here', cure: [] };
  }
  const { name, pid } = runtime;
  const environment = await node.read(`/proc/${pid}/environ`);
  if (environment === undefined) {
    const evidence = `may not read /proc/${pid}/environ; run as root`;
    return { ...about, status: 'unknown', evidence, cure: [] };
  }
  const folders = (/(?:^|\0)PATH=([^\0]*)/.exec(environment)?.[1] ?? DEFAULT_PATH).split(':');
  const first = await findTar(node, folders, () => true);
  if (first === undefined) {
    const evidence = `${name} (process ${pid}) finds no tar in ${folders.join(':')}`;
    return { ...about, status: 'failure', evidence, cure: ['apt-get install tar'] };
  }
  const evidence = `${name} (process ${pid}) finds ${first.file}: ${first.said}`;
  if (isGnu(first)) return { ...about, status: 'ok', evidence, cure: [] };
  const gnu = await findTar(node, [...folders, ...DEFAULT_PATH.split(':')], isGnu);
  return {
    ...about,
    ...cureOf(first.file, gnu?.file),
    status: 'failure',
    evidence: `${evidence}; ${TROUBLE}`,
  };
}

const TROUBLE = 'captures of containers with a tmpfs fail';

interface Tar {
  readonly file: string;
  /** The first line of its version. */
  readonly said: string;
}

const isGnu = ({ said }: Tar): boolean => said.includes('GNU tar');

/** The first tar in these folders that is wanted. */
async function findTar(
  node: NodeProbe,
  folders: readonly string[],
  isWanted: (tar: Tar) => boolean,
): Promise<Tar | undefined> {
  for (const folder of folders.filter((name) => path.isAbsolute(name))) {
    const file = path.join(folder, 'tar');
    const answer = await node.run(file, ['--version']);
    if (answer === undefined) continue;
    const tar = { file, said: answer.text.trim().split('\n')[0] ?? '' };
    if (isWanted(tar)) return tar;
  }
  return undefined;
}

function cureOf(place: string, gnu: string | undefined): Pick<Finding, 'cure' | 'fix'> {
  if (gnu === undefined) return { cure: ['apt-get install tar    # GNU tar; then look again'] };
  const change = { kind: 'link', path: place, target: gnu } as const;
  return { cure: changeCommands(change), fix: [change] };
}
