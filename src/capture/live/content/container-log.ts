/**
 * container.log: what the container has written to its output, as the kubelet keeps it in
 * /var/log/pods/NAMESPACE_POD_UID/CONTAINER/N.log, the newest N (pkg/kubelet/kuberuntime/helpers.go).
 */
import type { ContentItem } from './content-item.ts';
import { nodePath } from './node-path.ts';
import { fileChunks, OpenFolder } from './open-folder.ts';

/** The kubelet rotates at 10 MiB by default; an administrator may have set more. */
const MAX_BYTES = 1024 ** 3;
const FOLDER = '/var/log/pods';

export interface LogOwner {
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
  readonly container: string;
}

/** The item; undefined with a gap where there is no such log. `nodeRoot` is where the node's root filesystem is. */
export function containerLog(owner: LogOwner, gaps: string[], nodeRoot = ''): ContentItem | undefined {
  const folder = openLogs(owner, nodeRoot);
  const name = folder?.names().filter(isLog).sort(byAttempt).at(-1);
  const descriptor = name === undefined ? undefined : folder?.file(name);
  folder?.close();
  if (descriptor === undefined) {
    gaps.push(`the container's log was not found below ${FOLDER}`);
    return undefined;
  }
  return { path: 'container.log', chunks: () => fileChunks(descriptor, MAX_BYTES) };
}

function openLogs({ namespace, pod, uid, container }: LogOwner, nodeRoot: string): OpenFolder | undefined {
  try {
    const logs = OpenFolder.open(nodePath(nodeRoot, FOLDER));
    const folder = logs.folder(`${namespace}_${pod}_${uid}`);
    const own = folder?.folder(container);
    folder?.close();
    logs.close();
    return own;
  } catch {
    return undefined;
  }
}

const isLog = (name: string): boolean => /^\d{1,9}\.log$/.test(name);
const byAttempt = (a: string, b: string): number => Number.parseInt(a, 10) - Number.parseInt(b, 10);
