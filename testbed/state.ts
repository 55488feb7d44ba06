import {
  type Dirent,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { identify, isAlive, output, type ProcessIdentity, parseIdentity, until } from './process.ts';

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

export function createState(id: string): NodeState {
  const { folder } = readState(id);
  // It appears whole: without its owner, another process would take it for a crashed one's.
  const unfinished = `${STATE_ROOT}.${id}`;
  mkdirSync(join(unfinished, 'root'), { recursive: true, mode: 0o700 });
  mkdirSync(join(unfinished, 'credentials'));
  writeFileSync(join(unfinished, 'owner.json'), JSON.stringify(identify(process.pid)));
  mkdirSync(STATE_ROOT, { recursive: true, mode: 0o700 });
  renameSync(unfinished, folder);
  return readState(id);
}

/** Writes down that a sandbox no longer ends with its owner. */
export function recordDetached({ folder }: NodeState): void {
  writeFileSync(join(folder, 'detached'), '');
}

export function readState(id: string): NodeState {
  const folder = join(STATE_ROOT, id);
  const owner = textOf(join(folder, 'owner.json'));
  const stat = textOf(join(folder, 'init.stat'));
  return {
    id,
    folder,
    cgroup: `${CGROUP_ROOT}/${id}`,
    owner: owner ? JSON.parse(owner) : undefined,
    detached: existsSync(join(folder, 'detached')),
    init: stat ? parseIdentity(stat) : undefined,
  };
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

/** Ends a sandbox: the kernel ends all in it with its first process, and its keeper clears away. */
export async function end(state: NodeState): Promise<void> {
  if (isAlive(state.init)) process.kill(state.init.pid, 'SIGKILL');
  const cleared = async () => !existsSync(state.folder) || undefined;
  // A keeper that was killed clears nothing: then it is for us.
  await until(`the end of node ${state.id}`, cleared, { seconds: 5, interval: 20 }).catch(() => clear(state));
}

async function clear(state: NodeState): Promise<void> {
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
