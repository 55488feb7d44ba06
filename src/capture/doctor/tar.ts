/**
 * CRIU packs tmpfs mounts with the first `tar` in the PATH of the container runtime, and needs GNU tar's options. k3s
 * and RKE2 put a folder with BusyBox's tar first: "tar: unrecognized option '--no-unquote'".
 */
import path from 'node:path';
import type { Finding } from './finding.ts';
import type { NodeProbe } from './node-probe.ts';

/** The kernel starts programs with this PATH when they were given none (execvp's default is alike). */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export async function checkTar(node: NodeProbe): Promise<Finding> {
  const about = { id: 'tar', title: "tar in the runtime's PATH" } as const;
  const pid = await findContainerd(node);
  if (pid === undefined) {
    return { ...about, status: 'unknown', evidence: 'no process containerd runs here', cure: [] };
  }
  const environment = await node.read(`/proc/${pid}/environ`);
  if (environment === undefined) {
    const evidence = `may not read /proc/${pid}/environ; run as root`;
    return { ...about, status: 'unknown', evidence, cure: [] };
  }
  const folders = /(?:^|\0)PATH=([^\0]*)/.exec(environment)?.[1] ?? DEFAULT_PATH;
  for (const folder of folders.split(':').filter((name) => path.isAbsolute(name))) {
    const file = path.join(folder, 'tar');
    const answer = await node.run(file, ['--version']);
    if (answer !== undefined) return { ...about, ...judge(file, pid, answer.text) };
  }
  const evidence = `containerd (process ${pid}) finds no tar in ${folders}`;
  return { ...about, status: 'failure', evidence, cure: ['apt-get install tar'] };
}

function judge(file: string, pid: string, said: string): Pick<Finding, 'status' | 'evidence' | 'cure'> {
  const first = said.trim().split('\n')[0] ?? '';
  const evidence = `containerd (process ${pid}) finds ${file}: ${first}`;
  if (said.includes('GNU tar')) return { status: 'ok', evidence, cure: [] };
  const place = `'${file.replaceAll("'", "'\\''")}'`;
  const cure = [
    '/usr/bin/tar --version    # must say GNU tar; else install it',
    `mv ${place} ${place}.replaced && ln -s /usr/bin/tar ${place}`,
  ];
  return { status: 'failure', evidence: `${evidence}; captures of containers with a tmpfs fail`, cure };
}

async function findContainerd(node: NodeProbe): Promise<string | undefined> {
  for (const pid of (await node.list('/proc')).filter((name) => /^\d+$/.test(name))) {
    if ((await node.read(`/proc/${pid}/comm`))?.trim() === 'containerd') return pid;
  }
  return undefined;
}
