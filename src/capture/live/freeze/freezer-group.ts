/**
 * The control group that a container is frozen by: in version 1 `freezer.state` (kernel
 * Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst), in version 2 `cgroup.freeze`, whose effect `cgroup.events`
 * shows (cgroup-v2.rst). In both, groups below stand still with it, and those that stood of themselves stay so afterwards.
 */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { ExhibitError } from '../../../bytes/exhibit-error.ts';
import { type Freezer, freezerOf } from '../../freezer.ts';
import { readText } from '../look/proc-reader.ts';

export interface FreezerGroup {
  readonly version: 1 | 2;
  readonly folder: string;
}

/** What the kernel says of a group. `freezing`: asked to stand still, and not all of it does. */
export type GroupState = 'running' | 'freezing' | 'frozen' | 'gone';

/** What is written where; the guard is told it so that it knows nothing of versions. */
export interface FreezerWrite {
  readonly file: string;
  readonly text: string;
}

/** Container engines nest their groups a few levels deep; the kernel's default limit is far above. */
const MAX_GROUPS = 4096;

/**
 * The topmost group of a container. `pid` is one of its processes, `id` the runtime's id, without which the group of that
 * process is taken. Throws `FREEZE_REFUSED` where that is no group of its own.
 */
export function findFreezerGroup(pid: number, id: string | undefined, root = '/'): FreezerGroup {
  const text = readText(path.join(root, 'proc', `${pid}`, 'cgroup'));
  if (text === undefined) throw new ExhibitError('CONTAINER_NOT_RUNNING', `process ${pid} has ended`);
  const lines = text.split('\n').flatMap((line) => cutAtContainer(line, id) ?? []);
  const freezers = lines.flatMap((line) => freezerOf(line, root) ?? []).sort((a, b) => a.version - b.version);
  for (const freezer of freezers) {
    const group = existing(freezer);
    if (group !== undefined) return group;
  }
  const where = id === undefined ? 'of its own' : `that has ${id} in its name`;
  const why = `process ${pid} is in no control group ${where} with a freezer that can be seen from here`;
  throw new ExhibitError(
    'FREEZE_REFUSED',
    `${why}: is this root on its node? --no-freeze copies it as it runs`,
  );
}

/** The line of the container's topmost group; undefined for a line of the root, or one that names another container. */
function cutAtContainer(line: string, id: string | undefined): string | undefined {
  const at = line.indexOf('/');
  const folders = line.slice(at + 1).split('/');
  // Seen from a cgroup namespace, groups of others begin with `/..`: their folders are not the ones under our mount.
  if (at < 0 || folders.includes('..') || folders[0] === '') return undefined;
  if (id === undefined) return line;
  const own = folders.findIndex((folder) => folder.includes(id) && !folder.includes('conmon'));
  return own < 0 ? undefined : `${line.slice(0, at)}/${folders.slice(0, own + 1).join('/')}`;
}

function existing(freezer: Freezer): FreezerGroup | undefined {
  if (freezer.version === 1)
    return existsSync(path.join(freezer.folder, 'freezer.state'))
      ? { version: 1, folder: freezer.folder }
      : undefined;
  const folder = freezer.folders.find((each) => existsSync(path.join(each, 'cgroup.freeze')));
  return folder === undefined ? undefined : { version: 2, folder };
}

export function readGroupState({ version, folder }: FreezerGroup): GroupState {
  if (version === 1) {
    const state = readText(path.join(folder, 'freezer.state'))?.trim();
    if (state === undefined) return 'gone';
    return state === 'THAWED' ? 'running' : state === 'FROZEN' ? 'frozen' : 'freezing';
  }
  const events = readText(path.join(folder, 'cgroup.events'));
  if (events === undefined) return 'gone';
  if (/^frozen 1$/m.test(events)) return 'frozen';
  return readText(path.join(folder, 'cgroup.freeze'))?.trim() === '1' ? 'freezing' : 'running';
}

export function freezeWrite({ version, folder }: FreezerGroup): FreezerWrite {
  if (version === 1) return { file: path.join(folder, 'freezer.state'), text: 'FROZEN' };
  return { file: path.join(folder, 'cgroup.freeze'), text: '1' };
}

export function thawWrite({ version, folder }: FreezerGroup): FreezerWrite {
  if (version === 1) return { file: path.join(folder, 'freezer.state'), text: 'THAWED' };
  return { file: path.join(folder, 'cgroup.freeze'), text: '0' };
}

/** All processes of a group and of those below it, in ascending order. */
export function groupProcesses({ folder }: FreezerGroup): readonly number[] {
  const folders = [folder];
  const pids = new Set<number>();
  for (let at = 0; at < folders.length && at < MAX_GROUPS; at++) {
    const each = folders[at] ?? '';
    const text = readText(path.join(each, 'cgroup.procs')) ?? '';
    for (const line of text.split('\n')) if (/^[1-9]\d*$/.test(line)) pids.add(Number(line));
    folders.push(...subfolders(each));
  }
  return [...pids].sort((a, b) => a - b);
}

function subfolders(folder: string): readonly string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => path.join(folder, entry.name));
  } catch {
    // The group is gone, and its processes with it.
    return [];
  }
}
