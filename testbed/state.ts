import { type Dirent, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { identify, isAlive, output, type ProcessIdentity, parseIdentity } from './process.ts';

/** Where running nodes are written down, so that a later command finds them. Emptied by a restart. */
const STATE_ROOT = '/run/exhibit-testbed';
/** Under each of the host's cgroup hierarchies: parent of all that nodes make. */
const CGROUP_ROOT = 'exhibit-testbed';

/** One sandbox, by its files; it may be starting, running or dead. */
export interface NodeState {
  readonly id: string;
  readonly folder: string;
  readonly cgroup: string;
  /** Whoever started it; it lives on without them if it is detached. */
  readonly owner: ProcessIdentity | undefined;
  readonly detached: boolean;
  /** The first process in it, as the host counts. */
  readonly init: ProcessIdentity | undefined;
}

export function createState(id: string, detached: boolean): NodeState {
  const { folder } = readState(id);
  mkdirSync(join(folder, 'root'), { recursive: true, mode: 0o700 });
  mkdirSync(join(folder, 'credentials'));
  writeFileSync(join(folder, 'owner.json'), JSON.stringify({ owner: identify(process.pid), detached }));
  return readState(id);
}

export function readState(id: string): NodeState {
  const folder = join(STATE_ROOT, id);
  const { owner, detached = false } = JSON.parse(textOf(join(folder, 'owner.json')) || '{}');
  const stat = textOf(join(folder, 'init.stat'));
  const init = stat ? parseIdentity(stat) : undefined;
  return { id, folder, cgroup: `${CGROUP_ROOT}/${id}`, owner, detached, init };
}

export function isReady(state: NodeState): boolean {
  return isAlive(state.init) && textOf(join(state.folder, 'ready')) !== '';
}

export function nodeStates(): NodeState[] {
  return foldersIn(STATE_ROOT).map(readState);
}

/** Clears away what crashed sandboxes left behind; the living are not touched. */
export async function clearLeftovers(): Promise<void> {
  const leftByCrash = new Set([...foldersIn(STATE_ROOT), ...cgroupIds()]);
  for (const id of leftByCrash) {
    const state = readState(id);
    if (!isAlive(state.owner) && !isAlive(state.init)) await clear(state);
  }
}

export async function clear(state: NodeState): Promise<void> {
  await output([join(import.meta.dirname, 'sandbox', 'clear.sh'), state.folder, state.cgroup]);
}

function cgroupIds(): string[] {
  const root = '/sys/fs/cgroup';
  const hierarchies = [root, ...foldersIn(root).map((name) => join(root, name))];
  return hierarchies
    .flatMap((hierarchy) => foldersIn(join(hierarchy, CGROUP_ROOT)))
    .map((path) => basename(path));
}

function foldersIn(path: string): string[] {
  let entries: Dirent[] = [];
  try {
    entries = readdirSync(path, { withFileTypes: true });
  } catch {
    // Not there: nothing in it.
  }
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
