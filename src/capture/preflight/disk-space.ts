/**
 * A checkpoint needs about three times the container's memory on disk (measured with containerd 2.1): CRIU's images and
 * the runtime's copy of them below the runtime's folder, the archive in the kubelet's (Podman: in the one that was named). The disk of a node that runs full
 * disturbs every pod on it.
 */
import { stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Check, ContainerLook } from './container-look.ts';
import type { Obstacle } from './obstacle.ts';

interface Place {
  readonly folder: string;
  /** How often the container's memory is written here. */
  readonly copies: number;
}

/** The folders of the runtimes; the first that is there is taken: containerd's in k3s and RKE2, its own, CRI-O's. */
const RUNTIME_FOLDERS: readonly Place[] = [
  { folder: '/var/lib/rancher/k3s/agent/containerd', copies: 2 },
  { folder: '/var/lib/rancher/rke2/agent/containerd', copies: 2 },
  { folder: '/var/lib/containerd', copies: 2 },
  { folder: '/var/lib/containers', copies: 2 },
];

export const checkDiskSpace: Check = async (look) => {
  const obstacles: Obstacle[] = [];
  for (const { folders, copies, free } of await disks(look)) {
    // Memory that processes share is counted once for each: it is no proof that the disk is too small.
    const least = sum(look, ({ privateBytes }) => privateBytes) * copies;
    const most = least + sum(look, ({ sharedBytes }) => sharedBytes) * copies;
    if (free >= most) continue;
    obstacles.push({
      id: 'disk-space',
      certainty: free < least ? 'refusal' : 'likely',
      what:
        `the disk of ${folders.join(' and ')} has ${mebibytes(free)} MiB free, ` +
        `and this checkpoint writes about ${mebibytes(most)} MiB there`,
      evidence: [`memory of the container: ${mebibytes(most / copies)} MiB, written ${copies} times`],
      cure: [
        `make room on the node: df ${folders[0]}`,
        `archives of earlier captures are never deleted by themselves; they lie in ${look.archiveFolder}`,
      ],
    });
  }
  return obstacles;
};

interface Disk {
  readonly folders: readonly string[];
  readonly copies: number;
  /** Bytes. */
  readonly free: number;
}

/** Folders on one disk share its room. */
async function disks({ archiveFolder, node: { root } }: ContainerLook): Promise<readonly Disk[]> {
  const byDevice = new Map<number, Disk>();
  const runtime = await firstThere(RUNTIME_FOLDERS, root);
  for (const { folder, copies } of [{ folder: archiveFolder, copies: 1 }, ...runtime]) {
    const there = await nearestFolder(folder, root);
    const [status, space] = await Promise.all([stat(there), statfs(there)]);
    const known = byDevice.get(status.dev);
    byDevice.set(status.dev, {
      folders: [...(known?.folders ?? []), folder],
      copies: (known?.copies ?? 0) + copies,
      free: space.bavail * space.bsize,
    });
  }
  return [...byDevice.values()];
}

async function firstThere(places: readonly Place[], root: string): Promise<readonly Place[]> {
  for (const place of places) {
    if (await stat(path.join(root, place.folder)).catch(() => undefined)) return [place];
  }
  return [];
}

/** The kubelet makes its folder at the first checkpoint: until then its parent's disk is the one. */
async function nearestFolder(folder: string, root: string): Promise<string> {
  const full = path.join(root, folder);
  if ((await stat(full).catch(() => undefined)) || folder === '/') return full;
  return nearestFolder(path.dirname(folder), root);
}

type Memory = Pick<ContainerLook['processes'][number], 'privateBytes' | 'sharedBytes'>;

const sum = ({ processes }: ContainerLook, bytesOf: (memory: Memory) => number): number =>
  processes.reduce((total, process) => total + bytesOf(process), 0);

const mebibytes = (bytes: number): number => Math.ceil(bytes / 2 ** 20);
