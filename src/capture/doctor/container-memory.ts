import { listProcesses } from './host-process.ts';
import type { NodeProbe } from './node-probe.ts';

/**
 * Bytes that the processes of the largest container on this node hold in memory of their own or shared without a file:
 * what a checkpoint of it writes. 0 where no container is to be seen. Its control group names a container by its id, in
 * cgroup v1 and v2.
 */
export async function findLargestContainer(probe: NodeProbe): Promise<number> {
  const containers = new Map<string, number>();
  for (const pid of await listProcesses(probe)) {
    const id = /[0-9a-f]{64}/.exec((await probe.read(`/proc/${pid}/cgroup`)) ?? '')?.[0];
    if (id === undefined) continue;
    const status = (await probe.read(`/proc/${pid}/status`)) ?? '';
    const kibibytes = [...status.matchAll(/^Rss(?:Anon|Shmem):\s*(\d{1,15}) kB$/gm)];
    const bytes = kibibytes.reduce((sum, [, number]) => sum + Number(number) * 1024, 0);
    containers.set(id, (containers.get(id) ?? 0) + bytes);
  }
  return Math.max(0, ...containers.values());
}
