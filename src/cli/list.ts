import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { forEachConcurrently } from '../bytes/concurrency.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { type Inspection, inspectCheckpoint } from '../export/inspection.ts';
import { addHelperOptions } from './collect-options.ts';
import type { ConfigureCommand } from './command.ts';
import { ExitCode, type Io } from './io.ts';
import type { ListNodesOptions } from './list-nodes.ts';
import { useCheckpoint } from './open.ts';
import { toJson } from './terminal/escape.ts';
import { formatBytes, formatTime } from './terminal/format.ts';
import { styled } from './terminal/line.ts';
import { startProgress } from './terminal/progress.ts';
import { type Cell, renderTable } from './terminal/table.ts';
import { NOT_RESTORABLE } from './views/capture-limits.ts';
import { remark } from './views/section.ts';

/** Where every kubelet writes, those of k3s and RKE2 too: `checkpoints` below its root directory. */
const DEFAULT_FOLDER = '/var/lib/kubelet/checkpoints';

/** Names that engines and people give archives. Other files are not opened: a folder may hold anything. */
const ARCHIVE_NAME = /\.(tar|tar\.gz|tgz|tar\.zst|tzst)$/i;

/** Archives that are open at once: enough to keep a disk busy, few enough for any limit of open files. */
const CONCURRENCY = 16;

const EXAMPLES = `
Folders are not searched below their first level. What an archive is of
comes from its content, never from its name.

With --nodes, what lies on the nodes of a cluster is listed by names alone, through a pod
that is made on each node and removed again; "exhibit collect --help" says what it may.

Examples:
  exhibit list                       on a node: what the kubelet has written (needs root)
  exhibit list ~/evidence /mnt/usb
  exhibit list --nodes               what lies on every node of the cluster
  exhibit list --nodes --node n1 --image registry.local/busybox:1
  exhibit list --json | jq -r '.[] | select(.pod.name == "web").archive'`;

/** An element of `exhibit list --json`: what `exhibit show --json` tells, or why that cannot be told. */
type Listed = ListedFile &
  (Inspection | { readonly error: { readonly code: string; readonly message: string } });

interface ListOptions extends ListNodesOptions {
  readonly nodes?: true;
}

interface ListedFile {
  readonly archive: string;
  readonly archive_size: number;
  /** The file's own time, ISO 8601: for archives that do not say when they were made. */
  readonly file_modified: string;
}

export const configure: ConfigureCommand = (command, io, finish) => {
  addHelperOptions(
    command
      .argument('[dir...]', 'folders or archives', [DEFAULT_FOLDER])
      .option('--json', 'print JSON: an array of what `exhibit show --json` prints, or of an `error`')
      .option('--nodes', 'list what lies on the nodes of a cluster; the options below are for this')
      .option('--node <name>', 'only this node'),
  )
    .addHelpText('after', EXAMPLES)
    .action(async (folders: readonly string[], options: ListOptions) => {
      if (!options.nodes && options.node === undefined)
        return finish(await list(folders, options.json === true, io));
      if (command.args.length > 0) command.error('error: --nodes lists nodes: no folders with it');
      const { listNodeArchives } = await import('./list-nodes.ts');
      finish(await listNodeArchives(options, io));
    });
};

async function list(folders: readonly string[], json: boolean, io: Io): Promise<ExitCode> {
  const paths = (await Promise.all(folders.map((folder) => findArchives(folder, io)))).flat();
  const listed = await describeAll(paths, io);
  listed.sort((a, b) => compare(sortTime(a), sortTime(b)) || compare(a.archive, b.archive));
  if (json) await io.out(`${toJson(listed)}\n`);
  else if (listed.length === 0) io.err(`no checkpoint archives in ${folders.join(', ')}\n`);
  else await io.out(listTable(listed, io));
  return listed.some((item) => 'error' in item) ? ExitCode.damaged : ExitCode.done;
}

const compare = (a: string | number, b: string | number): number => (a < b ? -1 : a > b ? 1 : 0);

async function findArchives(folder: string, io: Io): Promise<readonly string[]> {
  const path = resolve(io.workingDirectory, folder);
  try {
    if ((await stat(path)).isFile()) return [folder];
    const files = await readdir(path, { withFileTypes: true });
    return files
      .filter((file) => !file.isDirectory() && ARCHIVE_NAME.test(file.name))
      .map((file) => join(folder, file.name));
  } catch (cause) {
    throw folderError(folder, cause);
  }
}

function folderError(folder: string, cause: unknown): ExhibitError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'EACCES' || code === 'EPERM') {
    return new ExhibitError('FILE_UNREADABLE', `may not read ${folder}; try with sudo`, {
      source: folder,
      cause,
    });
  }
  const advice =
    folder === DEFAULT_FOLDER
      ? ': this machine has no kubelet, or it has checkpointed nothing; name a folder'
      : '';
  return new ExhibitError('FILE_NOT_FOUND', `there is no folder ${folder}${advice}`, {
    source: folder,
    cause,
  });
}

async function describeAll(paths: readonly string[], io: Io): Promise<Listed[]> {
  const progress = startProgress(io);
  const listed: Listed[] = [];
  await forEachConcurrently(paths, CONCURRENCY, async (path) => {
    listed.push(await describe(path, io));
    progress.update(`${listed.length} of ${paths.length} archives`);
  });
  progress.end();
  return listed;
}

async function describe(path: string, io: Io): Promise<Listed> {
  const stats = await stat(resolve(io.workingDirectory, path)).catch(() => undefined);
  const file: ListedFile = {
    archive: path,
    archive_size: stats?.size ?? 0,
    file_modified: (stats?.mtime ?? new Date(0)).toISOString(),
  };
  let inspection: Inspection | undefined;
  try {
    // Many archives are open at once: a line of progress for each would only flicker.
    await useCheckpoint(path, { ...io, interactive: false }, async (checkpoint) => {
      inspection = await inspectCheckpoint(checkpoint, { parts: new Set() });
    });
    if (inspection) return { ...inspection, ...file };
    throw new TypeError('an opened checkpoint is inspected');
  } catch (error) {
    if (!(error instanceof ExhibitError)) throw error;
    return { ...file, error: { code: error.code, message: error.message } };
  }
}

function sortTime(item: Listed): number {
  const time = Date.parse('error' in item ? '' : (item.checkpointed_at ?? ''));
  return Number.isNaN(time) ? Date.parse(item.file_modified) : time;
}

function listTable(listed: readonly Listed[], io: Io): string {
  const columns = [
    { title: 'NAMESPACE', overflow: 'cut' },
    { title: 'POD', overflow: 'cut' },
    { title: 'CONTAINER', overflow: 'cut' },
    { title: 'ENGINE' },
    { title: 'CHECKPOINTED' },
    { title: 'SIZE', align: 'right' },
    { title: 'ARCHIVE', overflow: 'wrap' },
  ] as const;
  const view = { width: io.columns, color: io.color };
  const table = renderTable(columns, listed.map(listRow), view);
  const isGuessed = listed.some((item) => !('error' in item) && item.checkpointed_at === undefined);
  const hasOwn = listed.some((item) => !('error' in item) && item.capture !== undefined);
  return [
    table,
    isGuessed ? remark('~ the archive does not say when; this is when its file was written', view) : '',
    hasOwn ? remark(`* ${NOT_RESTORABLE}`, view) : '',
  ].join('');
}

function listRow(item: Listed): readonly Cell[] {
  const size = formatBytes(item.archive_size);
  if ('error' in item) {
    return [
      '',
      '',
      '',
      [styled('unreadable', 'odd')],
      '',
      size,
      [item.archive, '  ', styled(item.error.message, 'odd')],
    ];
  }
  const { pod, container_name, engine, checkpointed_at, file_modified, archive, capture } = item;
  const time = checkpointed_at === undefined ? `~${formatTime(file_modified)}` : formatTime(checkpointed_at);
  return [
    pod?.namespace ?? '',
    pod?.name ?? '',
    container_name,
    capture ? `${engine} *` : engine,
    time,
    size,
    archive,
  ];
}
