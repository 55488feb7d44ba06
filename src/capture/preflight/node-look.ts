/**
 * The node as the container's runtime sees it: its monitor (containerd's shim, conmon) is the parent of the container's
 * first process, and has the runtime's environment and file system. So the look is right in a container with the node's
 * processes too, whose own files are not the node's.
 */
import path from 'node:path';
import { readNames, readStart } from './bounded-read.ts';
import type { ProcessLook } from './process-look.ts';

export interface NodeLook {
  /** The node's root folder, to be read through. */
  readonly root: string;
  /** The process that runs the runtime, as evidence names it; undefined where it cannot be seen. */
  readonly monitor: string | undefined;
  /** Where the runtime looks for programs. */
  readonly searchPath: readonly string[];
}

const MAX_ENVIRONMENT_BYTES = 256 * 1024;
const MAX_NAME_BYTES = 64;

/** The process of a container whose parent is none of the container. */
export function firstProcess(processes: readonly ProcessLook[]): ProcessLook | undefined {
  const pids = new Set(processes.map(({ pid }) => pid));
  return processes.find(({ parent }) => !pids.has(parent));
}

export async function lookAtNode(processes: readonly ProcessLook[], root = '/'): Promise<NodeLook> {
  const pid = firstProcess(processes)?.parent ?? 0;
  const folder = path.join(root, 'proc', `${pid}`);
  const environment = await readStart(path.join(folder, 'environ'), MAX_ENVIRONMENT_BYTES);
  // A process of another PID namespace has the number 0, and nobody else's files may be read but by root.
  if (environment === undefined || (await readNames(path.join(folder, 'root'))) === undefined) {
    return { root, monitor: undefined, searchPath: [] };
  }
  const name = (await readStart(path.join(folder, 'comm'), MAX_NAME_BYTES))?.trim() ?? '';
  const places = /(?:^|\0)PATH=([^\0]*)/.exec(environment)?.[1] ?? '';
  return {
    root: path.join(folder, 'root'),
    monitor: `process ${pid} (${name})`,
    searchPath: places.split(':').filter((place) => path.isAbsolute(place)),
  };
}
