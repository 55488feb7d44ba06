/**
 * What processes share, as clone(2) lets them: their memory, the table of descriptors, root and working directory, signal
 * handlers. Threads of one process share all of it; of others only kcmp(2) tells.
 */
import { findEqual } from './equal-items.ts';
import type { GatheredProcess } from './gathered.ts';
import type { Kcmp } from './kcmp.ts';

/** For each process that shares such a part with an earlier one, as the node counts: the first that has it. */
type Sharers = ReadonlyMap<number, number>;

export interface SharedParts {
  readonly memory: Sharers;
  readonly descriptors: Sharers;
  /** Root and working directory, and the umask. */
  readonly folders: Sharers;
  readonly handlers: Sharers;
}

const NOBODY: Sharers = new Map();
export const NOTHING_SHARED: SharedParts = {
  memory: NOBODY,
  descriptors: NOBODY,
  folders: NOBODY,
  handlers: NOBODY,
};

/** Of linux/kcmp.h. */
const KCMP_VM = 1;
const KCMP_FILES = 2;
const KCMP_FS = 3;
const KCMP_SIGHAND = 4;

/** At some microseconds each while the container stands still. */
const MAX_COMPARISONS = 50_000;

/** Compares only what can be the same: what looks alike. */
export function findSharedParts(processes: readonly GatheredProcess[], kcmp: Kcmp): SharedParts {
  const budget = { left: MAX_COMPARISONS };
  // One that has ended and was not waited for has given everything back.
  const living = processes.filter(({ root }) => root !== undefined);
  const find = (
    type: number,
    among: readonly GatheredProcess[],
    looks: (process: GatheredProcess) => string,
  ): Sharers => {
    const sharers = new Map<number, number>();
    for (const pids of groupsOf(among, looks))
      findEqual(
        pids,
        (a, b) => kcmp(a, b, type),
        budget,
        (pid, first) => sharers.set(pid, first),
      );
    return sharers;
  };
  const memory = find(KCMP_VM, living, ({ files }) => files.maps ?? '');
  const ofOneMemory = living.filter(({ pid }) => memory.has(pid) || [...memory.values()].includes(pid));
  return {
    memory,
    descriptors: find(KCMP_FILES, living, ({ descriptors }) =>
      descriptors.map(({ fd, link }) => `${fd} ${link}`).join('\n'),
    ),
    folders: find(KCMP_FS, living, ({ root, workingDirectory, files }) =>
      [root?.link, workingDirectory?.link, /^Umask:.*$/m.exec(files.status ?? '')?.[0]].join('\n'),
    ),
    // clone(2) lets them share handlers only together with memory.
    handlers: find(KCMP_SIGHAND, ofOneMemory, () => ''),
  };
}

/** Of two or more. */
function groupsOf(
  processes: readonly GatheredProcess[],
  looks: (process: GatheredProcess) => string,
): readonly (readonly number[])[] {
  const groups = new Map<string, number[]>();
  for (const process of processes) {
    const key = looks(process);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [process.pid]);
    else group.push(process.pid);
  }
  return [...groups.values()].filter(({ length }) => length > 1);
}
