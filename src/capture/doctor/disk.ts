/**
 * Room for checkpoints. One takes three times the container's memory on disk (measured with containerd 2.1: two copies in
 * the runtime's folder, then the archive), and nothing ever deletes an archive.
 */
import path from 'node:path';
import { findOption } from './command-line.ts';
import { findLargestContainer } from './container-memory.ts';
import type { Finding } from './finding.ts';
import type { HostProcess } from './host-process.ts';
import type { NodeFacts } from './node-facts.ts';
import type { DiskSpace, NodeProbe } from './node-probe.ts';

const COPIES = 3;

/** Where less is free than this share, a kubelet evicts pods (its default for nodefs.available). */
const EVICTION_SHARE = 0.1;

/** The folder is listed and each archive looked at; nobody keeps more, and where there are, enough has been seen. */
const MAX_ARCHIVES = 10_000;

export async function checkDisk({ probe, kubelet }: NodeFacts): Promise<readonly Finding[]> {
  const folder = checkpointsFolder(kubelet);
  const space = await nearestSpace(probe, folder);
  if (space === undefined) return [];
  return [await judgeRoom(probe, folder, space), await judgeArchives(probe, folder, space)];
}

/** Where this kubelet puts archives. */
export function checkpointsFolder(kubelet: HostProcess | undefined): string {
  const root = findOption(kubelet?.argv ?? [], ['--root-dir']) ?? '/var/lib/kubelet';
  // A relative one is below the kubelet's working directory, whatever that is: it finds no disk.
  return path.join('/', root, 'checkpoints');
}

/** The kubelet makes its folder at the first checkpoint: until then its parent's disk is the one. */
async function nearestSpace(probe: NodeProbe, folder: string): Promise<DiskSpace | undefined> {
  const space = await probe.space(folder);
  return space !== undefined || folder === '/' ? space : nearestSpace(probe, path.dirname(folder));
}

async function judgeRoom(probe: NodeProbe, folder: string, { free, total }: DiskSpace): Promise<Finding> {
  const about = { id: 'disk-space', title: 'disk space' } as const;
  const memory = await findLargestContainer(probe);
  const need = memory * COPIES;
  const room = `${size(free)} of ${size(total)} free for ${folder}`;
  const evidence =
    memory === 0
      ? `${room}; no container's memory could be seen`
      : `${room}; the largest container holds ${size(memory)}, its checkpoint takes ${size(need)}`;
  const cure = [`df -h ${folder}`, 'make room, or capture smaller containers only'];
  if (free < need) return { ...about, status: 'failure', evidence, cure };
  if (free - need < total * EVICTION_SHARE) {
    const after = `${evidence}: less than 10 % is left then, and the kubelet evicts pods`;
    return { ...about, status: 'warning', evidence: after, cure };
  }
  return { ...about, status: 'ok', evidence, cure: [] };
}

async function judgeArchives(probe: NodeProbe, folder: string, { free, total }: DiskSpace): Promise<Finding> {
  const about = { id: 'old-archives', title: 'archives on this disk' } as const;
  const names = (await probe.list(folder)).filter((name) => /^checkpoint-.*\.tar$/.test(name));
  const files = await Promise.all(
    names.slice(0, MAX_ARCHIVES).map((name) => probe.status(path.join(folder, name))),
  );
  const known = files.filter((file) => file !== undefined);
  const sum = known.reduce((total, file) => total + file.size, 0);
  if (known.length === 0) return { ...about, status: 'ok', evidence: `none in ${folder}`, cure: [] };
  const oldest = new Date(Math.min(...known.map(({ modified }) => modified))).toISOString().slice(0, 10);
  const evidence = `${names.length} in ${folder} take ${size(sum)}, the oldest of ${oldest}; nothing deletes them`;
  if (sum < total * EVICTION_SHARE && sum < free) return { ...about, status: 'ok', evidence, cure: [] };
  const cure = [
    `exhibit list ${folder}    # what they are of`,
    'exhibit collect --all    # fetch them to another machine, then delete here what arrived:',
    `find ${folder} -name 'checkpoint-*.tar' -mtime +30    # those older than 30 days; with -delete it deletes them`,
  ];
  return { ...about, status: 'warning', evidence, cure };
}

export function size(bytes: number): string {
  const mebibytes = bytes / 2 ** 20;
  return mebibytes < 1024 ? `${mebibytes.toFixed(1)} MiB` : `${(mebibytes / 1024).toFixed(1)} GiB`;
}
