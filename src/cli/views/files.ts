import type { InspectedFile, Inspection } from '../../export/inspection.ts';
import { formatBytes, formatCount, formatTime } from '../terminal/format.ts';
import { type Line, styled } from '../terminal/line.ts';
import { type Cell, renderTable } from '../terminal/table.ts';
import { hiddenLines } from './capture-limits.ts';
import { listProcesses } from './processes.ts';
import { remark, section, type ViewOptions } from './section.ts';

/** How many rows of a list the overview shows; the flag of the list shows them all. */
const BRIEF_ROWS = 10;

interface Brief {
  readonly brief: boolean;
}

/** Open descriptors by process. `brief` shows only those whose file is gone or that hold unread bytes. */
export function fileView(inspection: Inspection, options: ViewOptions & Brief): string {
  const processes = inspection.file_descriptors ?? [];
  const names = new Map(listProcesses(inspection).map(({ pid, command }) => [pid, command]));
  const rows = processes.flatMap(({ pid, open_files }) =>
    open_files
      .filter((file) => !options.brief || isTelling(file))
      .map((file, index): readonly Cell[] => [
        index === 0 || options.brief ? String(pid) : '',
        index === 0 || options.brief ? (names.get(pid) ?? '') : '',
        file.number === undefined ? file.fd : String(file.number),
        file.type,
        targetLine(file),
      ]),
  );
  const count = processes.reduce(
    (sum, { open_files }) => sum + open_files.filter((file) => file.number !== undefined).length,
    0,
  );
  const columns = [
    { title: 'PID', align: 'right' },
    { title: 'NAME' },
    { title: 'FD', align: 'right' },
    { title: 'TYPE' },
    { title: 'TARGET', overflow: options.brief ? 'cut' : 'wrap' },
  ] as const;
  const summary = `${formatCount(count, 'descriptor')}${options.brief && rows.length > 0 ? `, ${rows.length} of note` : ''}`;
  const body = rows.length > 0 ? renderTable(columns, rows, { ...options, indent: 2 }) : '';
  const limits = hiddenLines(inspection, ['pipes', 'terminals'], options);
  return section('OPEN FILES', summary, body + limits, options);
}

const isTelling = (file: InspectedFile): boolean =>
  file.number !== undefined && (isGone(file) || (file.unread_bytes ?? 0) > 0);

const isGone = ({ deleted, memfd }: InspectedFile): boolean => deleted === true || memfd === true;

function targetLine(file: InspectedFile): Line {
  const facts = [
    accessMode(file),
    file.position ? `at ${file.position}` : '',
    file.unread_bytes ? `${formatBytes(file.unread_bytes)} unread` : '',
    file.close_on_exec ? 'close on exec' : '',
  ].filter((fact) => fact !== '');
  const target = isGone(file) ? styled(file.target, 'alarm') : file.target;
  return facts.length > 0 ? [target, styled(`  ${facts.join(', ')}`, 'structure')] : [target];
}

/** O_ACCMODE and O_APPEND, as the kernel's include/uapi/asm-generic/fcntl.h numbers them. */
function accessMode({ flags, type }: InspectedFile): string {
  if (flags === undefined || (type !== 'REG' && type !== 'PIPE' && type !== 'FIFO')) return '';
  const bits = Number.parseInt(flags, 8);
  const mode = ['read', 'write', 'read and write', ''][bits & 0o3] ?? '';
  return bits & 0o2000 ? `${mode}, append` : mode;
}

/** Files whose content only this archive holds: they were on no disk, or their disk is gone with the container. */
export function heldFileView({ held_files = [] }: Inspection, options: ViewOptions & Brief): string {
  // Those of the root filesystem are in the list of its changes already.
  const files = held_files.filter(({ kind }) => kind !== 'rootfs');
  if (files.length === 0) return '';
  const columns = [
    { title: 'KIND' },
    { title: 'SIZE', align: 'right' },
    { title: 'PATH', overflow: 'cut' },
    { title: 'ENTRY' },
  ] as const;
  const shown = options.brief ? files.slice(0, BRIEF_ROWS) : files;
  const rows = shown.map(({ kind, size, path, entry }): readonly Cell[] => [
    kind === 'deleted' || kind === 'memfd' ? [styled(kind, 'alarm')] : kind,
    formatBytes(size),
    path,
    [styled(entry, 'structure')],
  ]);
  const body =
    renderTable(columns, rows, { ...options, indent: 2 }) +
    leftOut(files.length, shown.length, '--rootfs', options);
  return section('HELD FILES', `${files.length}: only this archive has their content`, body, options);
}

const TYPE_LETTERS: Readonly<Record<string, string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  hardlink: 'h',
  'character-device': 'c',
  'block-device': 'b',
  fifo: 'p',
};

/** What the container changed in its root filesystem. */
export function rootfsView({ rootfs_changes: changes }: Inspection, options: ViewOptions & Brief): string {
  if (!changes) return '';
  const columns = [
    { title: 'MODE' },
    { title: 'OWNER', align: 'right' },
    { title: 'SIZE', align: 'right' },
    { title: 'MODIFIED' },
    { title: 'PATH', overflow: options.brief ? 'cut' : 'wrap' },
  ] as const;
  const telling = options.brief ? changes.filter(({ type }) => type !== 'directory') : changes;
  const shown = options.brief ? telling.slice(0, BRIEF_ROWS) : telling;
  const rows = shown.map((change): readonly Cell[] =>
    change.kind === 'deleted'
      ? [[styled('deleted', 'odd')], '', '', '', change.path]
      : [
          modeLine(change.type, change.mode),
          `${change.uid}:${change.gid}`,
          formatBytes(change.size),
          formatTime(new Date(change.modified * 1000).toISOString()),
          change.path,
        ],
  );
  const body = rows.length === 0 ? '' : renderTable(columns, rows, { ...options, indent: 2 });
  return section(
    'ROOT FILESYSTEM',
    countChanges(changes),
    body + leftOut(telling.length, shown.length, '--rootfs', options),
    options,
  );
}

function countChanges(changes: NonNullable<Inspection['rootfs_changes']>): string {
  const deleted = changes.filter(({ kind }) => kind === 'deleted').length;
  const folders = changes.filter(({ kind, type }) => kind !== 'deleted' && type === 'directory').length;
  const files = changes.length - deleted - folders;
  if (changes.length === 0) return 'no changes in the archive';
  return `${formatCount(files, 'file')} and ${formatCount(folders, 'folder')} added or changed, ${deleted} deleted`;
}

/** As `ls -l` writes it; a program that runs with its owner's rights stands out. */
function modeLine(type: string, mode: number): Line {
  const letters = [...'rwxrwxrwx'].map((letter, index) => (mode & (0o400 >> index) ? letter : '-'));
  for (const [bit, at, letter] of [
    [0o4000, 2, 's'],
    [0o2000, 5, 's'],
    [0o1000, 8, 't'],
  ] as const) {
    if (mode & bit) letters[at] = letters[at] === 'x' ? letter : letter.toUpperCase();
  }
  const text = `${TYPE_LETTERS[type] ?? '?'}${letters.join('')}`;
  return mode & 0o6000 && type === 'file' ? [styled(text, 'alarm')] : [text];
}

/** The mounts of the runtime configuration. */
export function mountView({ mounts = [] }: Inspection, options: ViewOptions & Brief): string {
  if (options.brief) {
    const counts = new Map<string, number>();
    for (const { type } of mounts) counts.set(type, (counts.get(type) ?? 0) + 1);
    const kinds = [...counts].map(([type, count]) => `${count} ${type}`).join(', ');
    return section('MOUNTS', `${mounts.length}: ${kinds}`, '', options);
  }
  const columns = [
    { title: 'DESTINATION' },
    { title: 'TYPE' },
    { title: 'SOURCE', overflow: 'wrap' },
    { title: 'OPTIONS', overflow: 'cut' },
  ] as const;
  const rows = mounts.map(({ destination, type, source, options: flags }) => [
    destination,
    type,
    source,
    flags.join(','),
  ]);
  const caveat = remark(
    'What lies in bind mounts (volumes, secrets, config maps) is not in a checkpoint.',
    options,
  );
  return section(
    'MOUNTS',
    String(mounts.length),
    renderTable(columns, rows, { ...options, indent: 2 }) + caveat,
    options,
  );
}

/** The last lines that the container wrote. */
export function logView({ container_log: log }: Inspection, options: ViewOptions): string {
  if (!log) return section('LOG', 'none in the archive', '', options);
  if (log.tail.length === 0) return section('LOG', `${log.entry} is empty`, '', options);
  const rows = log.tail.map((line) => [line]);
  const body = renderTable([{ title: '', overflow: 'wrap' }], rows, { ...options, indent: 2, header: false });
  return section(
    'LOG',
    `the last ${log.tail.length === 1 ? 'line' : `${log.tail.length} lines`} of ${log.entry}, ${formatBytes(log.size)}`,
    body,
    options,
  );
}

function leftOut(total: number, shown: number, flag: string, options: ViewOptions): string {
  return total > shown ? remark(`and ${total - shown} more: ${flag}`, options) : '';
}
