import type { MemoryRegion, OriginSizes, ProcessMemorySize } from '../../analysis/memory-sizes.ts';
import type { Process } from '../../checkpoint/checkpoint.ts';
import { formatBytes, formatCount } from '../terminal/format.ts';
import { type Line, renderLine, styled } from '../terminal/line.ts';
import { type Cell, type Column, renderTable, type TableOptions } from '../terminal/table.ts';

/** Bytes of these kinds are shown in columns of their own; the others only where there are any. */
const ORIGINS = [
  { key: 'present', title: 'IN ARCHIVE', isAlways: true },
  { key: 'zero', title: 'ZERO', isAlways: true },
  { key: 'file', title: 'OF FILES', isAlways: true },
  { key: 'lazy', title: 'LAZY', isAlways: false },
  { key: 'parent', title: 'IN PARENT', isAlways: false },
  { key: 'kernel', title: 'KERNEL', isAlways: false },
  { key: 'missing', title: 'MISSING', isAlways: false },
] as const satisfies readonly { key: keyof OriginSizes; title: string; isAlways: boolean }[];

/** One line a process. */
export function renderProcessSizes(sizes: readonly ProcessMemorySize[], options: TableOptions): string {
  const origins = originsOf(sizes);
  const columns: Column[] = [
    { title: 'PID', align: 'right' },
    { title: 'PROCESS' },
    { title: 'REGIONS', align: 'right' },
    { title: 'MAPPED', align: 'right' },
    ...origins.columns,
  ];
  const rows = sizes.map((size): Cell[] => [
    String(size.pid),
    [styled(size.comm, 'name')],
    String(size.regions),
    formatBytes(size.mapped),
    ...origins.cells(size),
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
  const origins = originsOf(regions);
  const columns: Column[] = [
    { title: 'ADDRESS' },
    { title: 'SIZE', align: 'right' },
    { title: 'PERM' },
    ...origins.columns,
    ...(options.entropy ? [{ title: 'ENTROPY', align: 'right' } as const] : []),
    { title: 'KIND' },
    { title: 'NAME', overflow: 'wrap' },
  ];
  const rows = regions.map((region): Cell[] => [
    `${region.start}-${region.end.slice(2)}`,
    formatBytes(region.mapped),
    permissionCell(region.permissions),
    ...origins.cells(region),
    ...(options.entropy ? [region.entropy?.toFixed(2) ?? ''] : []),
    region.kind,
    region.name,
  ]);
  return `${renderLine(heading, options.color)}\n${renderTable(columns, rows, { ...options, indent: 2 })}\n`;
}

/** Memory that can be written to and run is where injected code lives. */
function permissionCell(permissions: string): Line {
  const isOdd = permissions.includes('w') && permissions.includes('x');
  return isOdd ? [styled(permissions, 'odd')] : [permissions];
}

function originsOf(sizes: readonly OriginSizes[]) {
  const shown = ORIGINS.filter(({ key, isAlways }) => isAlways || sizes.some((size) => size[key] > 0));
  return {
    columns: shown.map(({ title }): Column => ({ title, align: 'right' })),
    cells: (size: OriginSizes): Cell[] =>
      shown.map(({ key }) => (size[key] > 0 ? formatBytes(size[key]) : '')),
  };
}
