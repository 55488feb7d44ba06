import { type Inventory, type InventoryItem, takeInventory } from '../capture/collect/inventory.ts';
import { collectSettings, type HelperCommandOptions, openCluster } from './collect-options.ts';
import { interruptible } from './interruption.ts';
import { ExitCode, type Io } from './io.ts';
import { toJson } from './terminal/escape.ts';
import { formatBytes, formatTime } from './terminal/format.ts';
import { styled } from './terminal/line.ts';
import { type Cell, renderTable } from './terminal/table.ts';
import { failureLines, watchCollect } from './views/collect.ts';
import { remark } from './views/section.ts';

export interface ListNodesOptions extends HelperCommandOptions {
  readonly node?: string;
  readonly json?: true;
}

/** `exhibit list --nodes`: what lies on the nodes of a cluster, by names alone. */
export async function listNodeArchives(options: ListNodesOptions, io: Io): Promise<ExitCode> {
  const access = await openCluster(options, io);
  const { tell, end } = watchCollect(io);
  const { items, failures } = await interruptible(io, (signal) =>
    takeInventory(access, options.node, collectSettings(options, access, io, { signal, tell })),
  );
  end();
  io.err(failureLines(failures));
  if (options.json) await io.out(`${toJson(asJson({ items, failures }))}\n`);
  else if (items.length > 0) await io.out(table(items, io));
  else if (failures.length === 0) io.err(`no archives on any node in ${options.checkpointsDir}\n`);
  if (failures.length === 0) return ExitCode.done;
  return items.length === 0 ? ExitCode.failed : ExitCode.damaged;
}

/** As `exhibit list --json`: one array, in which what could not be looked at is an `error`. */
function asJson({ items, failures }: Inventory): readonly object[] {
  const errors = failures.map(({ node, error: { code, message } }) => ({ node, error: { code, message } }));
  return [...items, ...errors];
}

function table(items: readonly InventoryItem[], io: Io): string {
  const columns = [
    { title: 'NODE', overflow: 'cut' },
    { title: 'NAMESPACE', overflow: 'cut' },
    { title: 'POD', overflow: 'cut' },
    { title: 'CONTAINER', overflow: 'cut' },
    { title: 'CHECKPOINTED' },
    { title: 'SIZE', align: 'right' },
    { title: 'ARCHIVE', overflow: 'wrap' },
  ] as const;
  const view = { width: io.columns, color: io.color };
  const isOpen = items.some(({ readings }) => readings.length > 1);
  const text = renderTable(columns, items.map(row), view);
  return isOpen
    ? text +
        remark('| the name of the archive can mean either; its content tells, once it is collected', view)
    : text;
}

function row(item: InventoryItem): readonly Cell[] {
  const { node, pod, readings, checkpointed_at, file_modified, archive_size, archive } = item;
  const either = (names: readonly string[]): Cell =>
    names.length > 1 ? [styled(names.join(' | '), 'odd')] : (names[0] ?? '');
  return [
    node,
    either(readings.map(({ namespace }) => namespace)),
    pod ?? '',
    either(readings.map(({ container }) => container)),
    checkpointed_at === undefined ? `~${formatTime(file_modified)}` : formatTime(checkpointed_at),
    formatBytes(archive_size),
    archive,
  ];
}
