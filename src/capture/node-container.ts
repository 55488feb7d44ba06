/**
 * A container's id on this node without anybody's leave to list pods: containerd keeps a folder per running container
 * with its OCI config.json, whose annotations name the pod (containerd pkg/cri/annotations).
 */
import { open, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { ContainerTarget } from './target.ts';

/** containerd's own place, and that of k3s and RKE2. */
const TASK_FOLDERS = [
  'run/containerd/io.containerd.runtime.v2.task/k8s.io',
  'run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io',
] as const;

/** A config.json of hundreds of mounts has some 200 KiB; environments count too. */
const MAX_CONFIG_BYTES = 8 * 1024 * 1024;

/** The id of the running container; undefined where it does not run here or may not be looked up. */
export async function findContainerId(target: ContainerTarget, root = '/'): Promise<string | undefined> {
  for (const folder of TASK_FOLDERS) {
    const place = path.join(root, folder);
    const ids = await readdir(place).catch(() => []);
    for (const id of ids.filter((name) => /^[0-9a-f]{64}$/.test(name))) {
      const annotations = await readAnnotations(path.join(place, id, 'config.json')).catch(() => undefined);
      if (annotations !== undefined && isTarget(annotations, target)) return id;
    }
  }
  return undefined;
}

type Annotations = Readonly<Record<string, unknown>>;

function isTarget(annotations: Annotations, { namespace, pod, container }: ContainerTarget): boolean {
  return (
    annotations['io.kubernetes.cri.sandbox-namespace'] === namespace &&
    annotations['io.kubernetes.cri.sandbox-name'] === pod &&
    annotations['io.kubernetes.cri.container-name'] === container
  );
}

async function readAnnotations(file: string): Promise<Annotations | undefined> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    if (size > MAX_CONFIG_BYTES) return undefined;
    const config = JSON.parse(await handle.readFile('utf8')) as { annotations?: Annotations | null };
    return config.annotations ?? undefined;
  } finally {
    await handle.close();
  }
}
