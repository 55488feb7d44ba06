/**
 * Files of the node by the paths that they have there. In a pod in the node's PID namespace, /proc/1/root is the node's whole
 * file system, of which the pod has mounted a part only; a link in it is to be followed within it (as openat2(2)'s
 * RESOLVE_IN_ROOT does, which Node.js does not have). On the node itself it is the root that everybody has.
 */
import { readlinkSync } from 'node:fs';
import path from 'node:path';

/** The root file system of the first process: the node's. */
export const NODE_ROOT = '/proc/1/root';

/** As many as the kernel follows (MAXSYMLINKS of include/linux/namei.h). */
const MAX_LINKS = 40;

/** An absolute path of the node as a path here, links followed; `nodeRoot` is empty where paths are the node's own. */
export function nodePath(nodeRoot: string, file: string): string {
  if (nodeRoot === '') return file;
  const left = file.split('/').reverse();
  let found: readonly string[] = [];
  for (let links = 0; left.length > 0; ) {
    const name = left.pop() ?? '';
    if (name === '' || name === '.') continue;
    const link = name === '..' ? undefined : linkAt(path.join(nodeRoot, ...found, name));
    if (link === undefined || ++links > MAX_LINKS) {
      found = name === '..' ? found.slice(0, -1) : [...found, name];
    } else {
      if (link.startsWith('/')) found = [];
      left.push(...link.split('/').reverse());
    }
  }
  return path.join(nodeRoot, ...found);
}

function linkAt(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch {
    return undefined;
  }
}
