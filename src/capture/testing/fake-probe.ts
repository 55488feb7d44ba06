import type { DiskSpace, FileStatus, NodeProbe, ProgramAnswer } from '../doctor/node-probe.ts';

/** A node as tests describe it; what is not told is not there. */
export interface ProbedNode {
  /** By command line. */
  readonly programs?: Readonly<Record<string, ProgramAnswer>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly statuses?: Readonly<Record<string, FileStatus>>;
  readonly spaces?: Readonly<Record<string, DiskSpace>>;
  /** Processes with another root filesystem than the node's first. */
  readonly contained?: readonly string[];
  /** Names of files that processes hold open. */
  readonly open?: readonly string[];
  readonly isRoot?: boolean;
}

/** A process of the node, as its files in /proc. */
export function processFiles(
  pid: number,
  name: string,
  argv: readonly string[],
  environment = 'HOME=/root\0',
) {
  return {
    [`/proc/${pid}/comm`]: `${name}\n`,
    [`/proc/${pid}/cmdline`]: argv.map((argument) => `${argument}\0`).join(''),
    [`/proc/${pid}/environ`]: environment,
  };
}

export const says = (text: string, code = 0): ProgramAnswer => ({ text, code });

export function fakeProbe(node: ProbedNode): NodeProbe {
  const {
    programs = {},
    files = {},
    statuses = {},
    spaces = {},
    contained = [],
    open = [],
    isRoot = true,
  } = node;
  const paths = [...Object.keys(files), ...Object.keys(statuses)];
  return {
    isRoot,
    run: async (program, argv) => programs[[program, ...argv].join(' ')],
    read: async (file) => files[file],
    list: async (folder) => {
      const within = paths.filter((path) => path.startsWith(`${folder}/`));
      return [...new Set(within.map((path) => path.slice(folder.length + 1).split('/')[0] ?? ''))];
    },
    isSame: async (one, other) =>
      one === '/proc/1/root/' && !contained.some((pid) => other === `/proc/${pid}/root/`),
    status: async (file) => statuses[file],
    openNames: async () => new Set(open),
    space: async (folder) => spaces[folder],
  };
}
