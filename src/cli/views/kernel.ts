import type { Inspection } from '../../export/inspection.ts';
import type {
  InspectedControlGroup,
  InspectedIpcNamespace,
  InspectedIpcObject,
} from '../../export/inspection-kernel-shape.ts';
import { formatBytes, formatCount, formatMicroseconds } from '../terminal/format.ts';
import { styled } from '../terminal/line.ts';
import { signalName } from '../terminal/signal-name.ts';
import { type Cell, renderTable } from '../terminal/table.ts';
import { hiddenLines } from './capture-limits.ts';
import { listProcesses } from './processes.ts';
import { remark, section, type ViewOptions } from './section.ts';

/** Values of a semaphore set that a line shows. */
const MAX_VALUES = 32;

/** Timers that are armed, and POSIX timers that are there. */
export function timerView(inspection: Inspection, options: ViewOptions): string {
  const rows = listProcesses(inspection).flatMap(({ pid, command, timers = [] }) =>
    timers.map((timer): readonly Cell[] => [
      `${pid} ${command}`,
      timer.kind === 'posix' ? `${timer.clock} ${timer.id ?? ''}`.trimEnd() : timer.clock,
      timer.remaining === 0n ? [styled('not armed', 'structure')] : duration(timer.remaining),
      timer.interval === 0n ? '' : duration(timer.interval),
      timer.signal === undefined ? '' : signalName(timer.signal),
      timer.thread === undefined ? '' : String(timer.thread),
    ]),
  );
  const limits = hiddenLines(inspection, ['timers'], options);
  if (rows.length === 0) {
    const summary = limits === '' ? 'none armed' : 'none in the archive';
    return section('TIMERS', summary, limits, options);
  }
  const columns = [
    { title: 'PROCESS', overflow: 'wrap' },
    { title: 'CLOCK' },
    { title: 'IN', align: 'right' },
    { title: 'EVERY', align: 'right' },
    { title: 'SENDS' },
    { title: 'THREAD', align: 'right' },
  ] as const;
  return section(
    'TIMERS',
    String(rows.length),
    renderTable(columns, rows, { ...options, indent: 2 }) + limits,
    options,
  );
}

/** Nanoseconds; beyond years the number says that a timer never was meant to expire. */
const duration = (nanoseconds: bigint): string => formatMicroseconds(Number(nanoseconds / 1000n));

/** As ipcs(1) shows them, with what waits in queues and the values of semaphores. */
export function ipcView({ ipc_namespaces = [] }: Inspection, options: ViewOptions): string {
  const rows = ipc_namespaces.flatMap((namespace) => ipcRows(namespace));
  if (rows.length === 0) return section('SYSTEM V IPC', 'none in the archive', '', options);
  const columns = [
    { title: 'KIND' },
    { title: 'KEY' },
    { title: 'ID', align: 'right' },
    { title: 'MODE' },
    { title: 'OWNER' },
    { title: 'CREATOR' },
    { title: 'HOLDS', overflow: 'wrap' },
  ] as const;
  const body = renderTable(columns, rows, { ...options, indent: 2 });
  return section('SYSTEM V IPC', String(rows.length), body, options);
}

function ipcRows({ shared_memory, message_queues, semaphores }: InspectedIpcNamespace): readonly Cell[][] {
  return [
    ...shared_memory.map((segment) => ipcRow('shared memory', segment, formatBytes(Number(segment.size)))),
    ...message_queues.map((queue) => {
      const bytes = queue.messages.reduce((sum, { size }) => sum + size, 0);
      const types = [...new Set(queue.messages.map(({ type }) => type))].slice(0, MAX_VALUES);
      const held = `${formatCount(queue.messages.length, 'message')}, ${formatBytes(bytes)}`;
      return ipcRow('queue', queue, types.length > 0 ? `${held}, type ${types.join(' ')}` : held);
    }),
    ...semaphores.map((set) => {
      const more = set.values.length > MAX_VALUES ? ' …' : '';
      return ipcRow('semaphores', set, `${set.values.slice(0, MAX_VALUES).join(' ')}${more}`);
    }),
  ];
}

const ipcRow = (kind: string, object: InspectedIpcObject, holds: string): Cell[] => [
  kind,
  object.key,
  String(object.id),
  object.mode,
  `${object.uid}:${object.gid}`,
  `${object.creator_uid}:${object.creator_gid}`,
  holds,
];

/** The groups that tasks were in, then the settings of each group. Those without a value are in the JSON. */
export function controlGroupView(inspection: Inspection, options: ViewOptions): string {
  const { control_group_sets: sets = [], control_groups: groups = [] } = inspection;
  if (sets.length + groups.length === 0) return section('CONTROL GROUPS', 'none in the archive', '', options);
  const columns = [
    { title: 'TASKS', overflow: 'wrap' },
    { title: 'CONTROLLERS', overflow: 'wrap' },
    { title: 'GROUP', overflow: 'wrap' },
  ] as const;
  const rows = sets.flatMap(({ tasks, members }) =>
    [...byPath(members)].map(([path, controllers]): readonly Cell[] => [
      tasks.join(' '),
      controllers.map(controllerName).join(' '),
      path,
    ]),
  );
  const paths = [...new Set(groups.map(({ path }) => path))];
  const body =
    renderTable(columns, rows, { ...options, indent: 2 }) +
    paths.map((path) => settingsOf(path, groups, options)).join('');
  return section('CONTROL GROUPS', formatCount(paths.length, 'group'), body, options);
}

const controllerName = (name: string): string => name || 'unified';

function settingsOf(path: string, groups: readonly InspectedControlGroup[], options: ViewOptions): string {
  const columns = [
    { title: 'CONTROLLER' },
    { title: 'SETTING' },
    { title: 'VALUE', overflow: 'wrap' },
  ] as const;
  const rows = groups
    .filter((group) => group.path === path)
    .flatMap(({ controllers, properties }) =>
      properties
        .filter(({ value }) => value !== '')
        .map(({ name, value }): readonly Cell[] => [
          controllers.map(controllerName).join(' '),
          name,
          value.replaceAll('\n', '; '),
        ]),
    );
  if (rows.length === 0) return '';
  return remark(path, options) + renderTable(columns, rows, { ...options, indent: 4 });
}

/** Hierarchies in which the path is the same are told once. */
function byPath(
  members: readonly { readonly controller: string; readonly path: string }[],
): ReadonlyMap<string, readonly string[]> {
  const paths = new Map<string, string[]>();
  for (const { controller, path } of members) paths.set(path, [...(paths.get(path) ?? []), controller]);
  return paths;
}
