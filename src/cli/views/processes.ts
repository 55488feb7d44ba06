import type { HiddenTopic } from '../../archive/capture-record.ts';
import { CAPABILITY_COUNT } from '../../export/capability-names.ts';
import type { InspectedCredentials, InspectedProcess, Inspection } from '../../export/inspection.ts';
import { formatBytes, formatCount, formatTime } from '../terminal/format.ts';
import { type Line, type Span, styled } from '../terminal/line.ts';
import { type Cell, type Column, renderTable } from '../terminal/table.ts';
import { drawForest, type TreeNode } from '../terminal/tree.ts';
import { hiddenLines, renderUnreadable } from './capture-limits.ts';
import { section, type ViewOptions } from './section.ts';

export interface ProcessViewOptions extends ViewOptions {
  /** Commands are cut to the terminal's width rather than wrapped, and executables told only where they are odd. */
  readonly brief: boolean;
}

/** The process tree, and under each process what was asked for about it. */
export function processView(inspection: Inspection, options: ProcessViewOptions): string {
  const roots = processRoots(inspection);
  if (roots.length === 0) return section('PROCESSES', 'none in the archive', '', options);
  const all = listProcesses(inspection);
  const isTimed = all.some(({ started }) => started !== undefined);
  const columns: readonly Column[] = [
    { title: 'PID', align: 'right' },
    { title: 'UID', align: 'right' },
    { title: 'THREADS', align: 'right' },
    ...(isTimed ? [{ title: 'STARTED' }] : []),
    { title: 'COMMAND', overflow: options.brief ? 'cut' : 'wrap' },
  ];
  const none = columns.slice(1).map(() => '');
  const rows: Cell[][] = [];
  for (const { row: process, detail, lead, hang } of drawForest(toNodes(roots, options))) {
    const line = process ? commandLine(process) : (detail ?? []);
    rows.push([...(process ? numbers(process, isTimed) : none), { line, lead, hang }]);
  }
  const threads = all.reduce((sum, process) => sum + process.thread_count, 0);
  const summary = `${all.length}, with ${formatCount(threads, 'thread')}`;
  const topics: readonly HiddenTopic[] = [
    ...(all.some(({ threads }) => threads) ? (['signals', 'registers'] as const) : []),
    ...(all.some(({ credentials }) => credentials) ? (['credentials'] as const) : []),
  ];
  const body =
    renderTable(columns, rows, { ...options, indent: 2 }) + hiddenLines(inspection, topics, options);
  return section('PROCESSES', summary, body, options);
}

const processRoots = ({ process_tree, other_process_trees = [] }: Inspection): readonly InspectedProcess[] =>
  process_tree ? [process_tree, ...other_process_trees] : [];

/** Every process of the inspection, parents first. */
export function listProcesses(inspection: Inspection): readonly InspectedProcess[] {
  const list: InspectedProcess[] = [];
  const stack = [...processRoots(inspection)].reverse();
  for (let top = stack.pop(); top; top = stack.pop()) {
    list.push(top);
    stack.push(...[...(top.children ?? [])].reverse());
  }
  return list;
}

/** The depth of these trees is bounded where they are made. */
function toNodes(
  processes: readonly InspectedProcess[],
  options: ProcessViewOptions,
): readonly TreeNode<InspectedProcess>[] {
  return processes.map((process) => ({
    row: process,
    details: [
      ...oddLines(process, options),
      ...credentialLines(process),
      ...threadLines(process),
      ...otherLines(process),
    ],
    children: toNodes(process.children ?? [], options),
  }));
}

const numbers = (process: InspectedProcess, isTimed: boolean): readonly Cell[] => [
  String(process.pid),
  process.uid === undefined ? '' : String(process.uid),
  String(process.thread_count),
  ...(isTimed ? [process.started === undefined ? '' : formatTime(process.started)] : []),
];

function commandLine(process: InspectedProcess): Line {
  const line: Span[] = process.cmdline?.trim()
    ? [process.cmdline]
    : [
        process.command,
        ...(process.task_state === 'Dead' ? [] : [styled(' (no command line)', 'structure')]),
      ];
  if (process.task_state === 'Dead')
    line.push(' ', styled(`(zombie, ${describeExit(process.exit_code ?? 0)})`, 'odd'));
  else if (process.task_state !== 'Alive')
    line.push(' ', styled(`(${process.task_state.toLowerCase()})`, 'odd'));
  return line;
}

/** A wait status, as waitpid(2) encodes it. */
function describeExit(status: number): string {
  const signal = status & 0x7f;
  return signal === 0 ? `exit code ${(status >> 8) & 0xff}` : `killed by signal ${signal}`;
}

const detail = (name: string, ...rest: Line): Line => [
  styled(rest.length > 0 ? `${name}: ` : name, 'structure'),
  ...rest,
];

/** What an examiner should stop at: what runs without a file, under another name, or outside the container's root. */
function oddLines(process: InspectedProcess, { brief }: ProcessViewOptions): readonly Line[] {
  const { executable, working_directory: cwd, root, command } = process;
  const lines: Line[] = [];
  if (executable?.memfd) lines.push(detail('runs from memory', styled(executable.path, 'alarm')));
  else if (executable?.deleted) lines.push(detail('runs a deleted file', styled(executable.path, 'alarm')));
  else if (executable && !brief) lines.push(detail('executable', executable.path));
  const isOdd = executable?.memfd === true || executable?.deleted === true;
  if (isStartedOtherwise(process) && (isOdd || !brief))
    lines.push(detail('started as', process.executed_as ?? ''));
  if (!brief && isRenamed(process)) lines.push(detail('name', command));
  if (cwd?.deleted) lines.push(detail('in a deleted folder', styled(cwd.path, 'odd')));
  else if (cwd && !brief) lines.push(detail('working directory', cwd.path));
  if (root && root.path !== '/') lines.push(detail('root', styled(root.path, 'odd')));
  return lines;
}

/** By a link, from its folder, or by a descriptor: execve(2) was given another name than the file has. */
const isStartedOtherwise = ({ executed_as, executable }: InspectedProcess): boolean =>
  executed_as !== undefined && executed_as !== executable?.path.replace(/ \(deleted\)$/, '');

/** The kernel names a process after its program, in 15 bytes; whoever sets another name, or another argv[0], differs. */
function isRenamed({ command, arguments: argv }: InspectedProcess): boolean {
  const program = argv?.[0]?.split('/').at(-1) ?? command;
  return !program.startsWith(command);
}

function credentialLines({ credentials }: InspectedProcess): readonly Line[] {
  if (!credentials) return [];
  const { seccomp, no_new_privileges, lsm_profile } = credentials;
  return [
    detail('ids', describeIds(credentials)),
    ...capabilityLines(credentials),
    detail(
      'confinement',
      `seccomp ${seccomp}`,
      no_new_privileges ? ', no new privileges' : '',
      lsm_profile === undefined ? '' : `, profile ${lsm_profile}`,
    ),
  ];
}

function describeIds({
  uid,
  euid,
  suid,
  fsuid,
  gid,
  egid,
  sgid,
  fsgid,
  groups,
}: InspectedCredentials): string {
  const user = [euid, suid, fsuid].every((id) => id === uid)
    ? `uid ${uid}`
    : `uid ${uid} effective ${euid} saved ${suid} filesystem ${fsuid}`;
  const group = [egid, sgid, fsgid].every((id) => id === gid)
    ? `gid ${gid}`
    : `gid ${gid} effective ${egid} saved ${sgid} filesystem ${fsgid}`;
  return `${user}, ${group}${groups.length > 0 ? `, groups ${groups.join(' ')}` : ''}`;
}

function describeCapabilities(names: readonly string[]): string {
  if (names.length >= CAPABILITY_COUNT) return 'all';
  return names.map((name) => name.replace(/^CAP_/, '').toLowerCase()).join(' ') || 'none';
}

/** Sets that are equal are told once. */
function capabilityLines({ capabilities }: InspectedCredentials): readonly Line[] {
  const bySet = new Map<string, string[]>();
  for (const set of ['effective', 'permitted', 'bounding', 'inheritable', 'ambient'] as const) {
    const names = describeCapabilities(capabilities[set]);
    bySet.set(names, [...(bySet.get(names) ?? []), set]);
  }
  return [...bySet].map(([names, sets]) => detail(`${sets.join(', ')} capabilities`, names));
}

function threadLines({ pid, threads = [] }: InspectedProcess): readonly Line[] {
  return threads.map((thread) =>
    detail(
      thread.tid === pid ? 'main thread' : 'thread',
      `${thread.tid} ${thread.command}`,
      thread.instruction_pointer === undefined ? '' : `  at ${thread.instruction_pointer}`,
      thread.stack_pointer === undefined ? '' : `  stack ${thread.stack_pointer}`,
      thread.nice ? `  nice ${thread.nice}` : '',
      thread.waits_in === undefined ? '' : `  waits in ${thread.waits_in}`,
    ),
  );
}

function otherLines({ namespaces, environment, umask }: InspectedProcess): readonly Line[] {
  const spaces = Object.entries(namespaces ?? {}).map(([kind, id]) => `${kind} ${id}`);
  return [
    ...(spaces.length > 0 ? [detail('namespaces', spaces.join(', '))] : []),
    ...(namespaces && umask !== undefined ? [detail('umask', umask.toString(8).padStart(4, '0'))] : []),
    ...(environment ? [detail(environment.length > 0 ? 'environment' : 'no environment')] : []),
    ...(environment ?? []).map((text): Line => ['  ', text]),
  ];
}

/** The VMAs of each process as /proc/PID/maps shows them, and how much of each is in the archive. */
export function mapsView(inspection: Inspection, options: ViewOptions): string {
  const columns = [
    { title: 'ADDRESS' },
    { title: 'PERM' },
    { title: 'OFFSET', align: 'right' },
    { title: 'SIZE', align: 'right' },
    { title: 'IN ARCHIVE', align: 'right' },
    { title: 'NAME', overflow: 'wrap' },
  ] as const;
  const sections = listProcesses(inspection)
    .flatMap(({ pid, command, memory_maps: regions }) => {
      if (!regions || regions.length === 0) return [];
      const rows = regions.map((region): readonly Cell[] => [
        `${region.start.slice(2)}-${region.end.slice(2)}`,
        isWritableCode(region.permissions) ? [styled(region.permissions, 'alarm')] : region.permissions,
        region.file_offset.slice(2),
        formatBytes(region.size),
        region.present_size === 0 ? '' : formatBytes(region.present_size),
        region.name,
      ]);
      const present = regions.reduce((sum, { present_size }) => sum + present_size, 0);
      const summary = `of ${pid} ${command}: ${formatCount(regions.length, 'region')}, ${formatBytes(present)} in the archive`;
      const body =
        renderTable(columns, rows, { ...options, indent: 2 }) +
        renderUnreadable(inspection.capture, pid, options);
      return section('MEMORY', summary, body, options);
    })
    .join('');
  const limits =
    hiddenLines(inspection, ['memory'], options) + renderUnreadable(inspection.capture, undefined, options);
  return sections + (sections === '' ? '' : limits);
}

const isWritableCode = (permissions: string): boolean =>
  permissions.includes('w') && permissions.includes('x');
