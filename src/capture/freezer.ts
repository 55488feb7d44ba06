/**
 * Whether a container's processes are frozen, from the node's cgroup files. `freezer.state` holds THAWED, FREEZING or
 * FROZEN (cgroup v1, kernel Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst); `cgroup.events` a line
 * `frozen 0|1` (v2, cgroup-v2.rst). The runtime still says RUNNING of a container that a cancelled checkpoint left so.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** `gone`: no process of the container is on this node. `unknown`: its files cannot be read. */
export type FreezerState = 'running' | 'frozen' | 'gone' | 'unknown';

/** Looks for the container on this node. `id` is the runtime's 64 hexadecimal digits. */
export async function readFreezerState(id: string, root = '/'): Promise<FreezerState> {
  const groups = await containerCgroups(id, root);
  if (groups === undefined) return 'unknown';
  if (groups.length === 0) return 'gone';
  const states = await Promise.all(groups.map((group) => cgroupState(group, root)));
  if (states.includes('frozen')) return 'frozen';
  return states.includes('running') ? 'running' : 'unknown';
}

/** The cgroup files of the container's processes, each line as /proc/PID/cgroup has it: `ID:CONTROLLERS:PATH`. */
async function containerCgroups(id: string, root: string): Promise<readonly string[] | undefined> {
  try {
    const entries = await readdir(path.join(root, 'proc'));
    const pids = entries.filter((entry) => /^\d+$/.test(entry));
    const texts = await Promise.all(pids.map((pid) => readText(path.join(root, 'proc', pid, 'cgroup'))));
    const lines = texts.flatMap((text) => text?.split('\n') ?? []);
    return [...new Set(lines.filter((line) => line.includes(id)))];
  } catch {
    return undefined;
  }
}

async function cgroupState(line: string, root: string): Promise<FreezerState> {
  const freezer = freezerOf(line, root);
  if (freezer?.version === 1) {
    const state = await readText(path.join(freezer.folder, 'freezer.state'));
    if (state === undefined) return 'unknown';
    return state.startsWith('THAWED') ? 'running' : 'frozen';
  }
  for (const folder of freezer?.folders ?? []) {
    const frozen = /^frozen ([01])$/m.exec((await readText(path.join(folder, 'cgroup.events'))) ?? '')?.[1];
    if (frozen !== undefined) return frozen === '1' ? 'frozen' : 'running';
  }
  return 'unknown';
}

export type Freezer =
  | { readonly version: 1; readonly folder: string }
  /** On hybrid systems the v2 tree is mounted at `unified`. */
  | { readonly version: 2; readonly folders: readonly string[] };

/** Where the control group of a line of /proc/PID/cgroup is frozen; undefined for another controller's line. */
export function freezerOf(line: string, root: string): Freezer | undefined {
  const [, controllers = '', group = ''] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
  const folder = path.join(root, 'sys/fs/cgroup');
  if (controllers.split(',').includes('freezer'))
    return { version: 1, folder: path.join(folder, 'freezer', group) };
  if (controllers !== '') return undefined;
  return { version: 2, folders: [path.join(folder, group), path.join(folder, 'unified', group)] };
}

/**
 * Lets the processes of a container run, by its control groups alone. What cannot be written is left: the state afterwards
 * tells.
 */
export async function releaseFreezer(id: string, root = '/'): Promise<void> {
  for (const line of (await containerCgroups(id, root)) ?? []) {
    const freezer = freezerOf(line, root);
    if (freezer?.version === 1) await overwrite(path.join(freezer.folder, 'freezer.state'), 'THAWED');
    for (const folder of freezer?.version === 2 ? freezer.folders : []) {
      await overwrite(path.join(folder, 'cgroup.freeze'), '0');
    }
  }
}

/** Never makes a file: those of control groups are there or are not. */
async function overwrite(file: string, text: string): Promise<void> {
  await writeFile(file, text, { flag: 'r+' }).catch(() => undefined);
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return undefined;
  }
}
