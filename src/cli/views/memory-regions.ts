import type { MemoryRegion, OriginSizes, ProcessMemorySize } from '../../analysis/memory-sizes.ts';
import type { Process } from '../../checkpoint/checkpoint.ts';
import { formatBytes, formatCount } from '../terminal/format.ts';
import { type Line, renderLine, styled } from '../terminal/line.ts';
import { type Cell, type Column, renderTable, type TableOptions } from '../terminal/table.ts';

/** Where bytes are that are not in the archive, in a word or two. */
const ELSEWHERE = {
  zero: 'zero',
  file: 'file',
  lazy: 'lazy',
  parent: 'in parent',
  kernel: 'kernel',
  missing: 'missing',
} as const satisfies Partial<Record<keyof OriginSizes, string>>;

/** Columns of a terminal below which a region is told by its first address alone. */
const NARROW = 100;

/** One line a process. */
export function renderProcessSizes(sizes: readonly ProcessMemorySize[], options: TableOptions): string {
  const columns: readonly Column[] = [
    { title: 'PID', align: 'right' },
    { title: 'PROCESS' },
    { title: 'REGIONS', align: 'right' },
    { title: 'MAPPED', align: 'right' },
    { title: 'ARCHIVE', align: 'right' },
    { title: 'ELSEWHERE', overflow: 'wrap' },
  ];
  const rows = sizes.map((size): Cell[] => [
    String(size.pid),
    [styled(size.comm, 'name')],
    String(size.regions),
    formatBytes(size.mapped),
    presentCell(size),
    elsewhereCell(size),
  ]);
  return renderTable(columns, rows, options);
}

/** A heading for the process, and one line a region. */
export function renderRegions(
  { pid, comm }: Process,
  regions: readonly MemoryRegion[],
  options: TableOptions & { readonly entropy: boolean },
): string {
  const heading: Line = [styled(`${pid} (${comm})`, 'name'), `  ${formatCount(regions.length, 'region')}`];
  const columns: readonly Column[] = [
    { title: 'ADDRESS' },
    { title: 'SIZE', align: 'right' },
    { title: 'PERM' },
    { title: 'ARCHIVE', align: 'right' },
    { title: 'ELSEWHERE', overflow: 'wrap' },
    ...(options.entropy ? [{ title: 'BITS', align: 'right' } as const] : []),
    { title: 'NAME', overflow: 'wrap' },
  ];
  const rows = regions.map((region): Cell[] => [
    options.width < NARROW ? region.start : `${region.start}-${region.end.slice(2)}`,
    formatBytes(region.mapped),
    permissionCell(region.permissions),
    presentCell(region),
    elsewhereCell(region),
    ...(options.entropy ? [region.entropy?.toFixed(2) ?? ''] : []),
    region.name || region.kind,
  ]);
  return `${renderLine(heading, options.color)}\n${renderTable(columns, rows, options)}\n`;
}

/** Memory that can be written to and run is where injected code lives. */
function permissionCell(permissions: string): Line {
  const isOdd = permissions.includes('w') && permissions.includes('x');
  return isOdd ? [styled(permissions, 'odd')] : [permissions];
}

const presentCell = ({ present }: OriginSizes): string => (present > 0 ? formatBytes(present) : '');

function elsewhereCell(sizes: OriginSizes): string {
  const some = Object.entries(ELSEWHERE).filter(([origin]) => sizes[origin as keyof OriginSizes] > 0);
  return some
    .map(([origin, word]) => `${formatBytes(sizes[origin as keyof OriginSizes])} ${word}`)
    .join(', ');
}
