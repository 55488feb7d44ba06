import type { Inspection } from '../../export/inspection.ts';
import type { InspectedSeccompFilter } from '../../export/inspection-kernel-shape.ts';
import { formatCount } from '../terminal/format.ts';
import { styled } from '../terminal/line.ts';
import { type Cell, renderTable } from '../terminal/table.ts';
import { hiddenLines } from './capture-limits.ts';
import { listProcesses } from './processes.ts';
import { remark, section, type ViewOptions } from './section.ts';

/** Each program once, as text, with the tasks that it confines. */
export function seccompView({ seccomp_filters: filters = [] }: Inspection, options: ViewOptions): string {
  if (filters.length === 0) return section('SECCOMP', 'no filters in the archive', '', options);
  const firstWith = new Map<string, number>();
  return filters
    .map((filter) => {
      const text = filter.program.map((each) => each.text).join('\n');
      const same = firstWith.get(text);
      firstWith.set(text, same ?? filter.index);
      const body =
        same === undefined ? programTable(filter, options) : remark(`the same as filter ${same}`, options);
      return section('SECCOMP', summaryOf(filter), body, options);
    })
    .join('');
}

function summaryOf({ index, previous, program, tasks }: InspectedSeccompFilter): string {
  return [
    `filter ${index}`,
    previous === undefined ? '' : `on top of filter ${previous}`,
    formatCount(program.length, 'instruction'),
    tasks.length > 0 ? `last filter of ${tasks.join(' ')}` : '',
  ]
    .filter((part) => part !== '')
    .join(', ');
}

function programTable({ program }: InspectedSeccompFilter, options: ViewOptions): string {
  const columns = [{ title: '', align: 'right' }, { title: '' }, { title: '', overflow: 'wrap' }] as const;
  const rows = program.map(({ text, meaning }, index): readonly Cell[] => [
    [styled(String(index), 'structure')],
    text,
    meaning === undefined ? '' : [styled(meaning, 'structure')],
  ]);
  return renderTable(columns, rows, { ...options, indent: 2, header: false });
}

/** Registers in a row; three fit into 80 columns. */
const PER_ROW = 3;

/** General registers of each thread, and of the others those that hold something. */
export function registerView(inspection: Inspection, options: ViewOptions): string {
  const limits = hiddenLines(inspection, ['registers'], options);
  const threads = listProcesses(inspection)
    .flatMap(({ pid, threads = [] }) =>
      threads.flatMap(({ tid, command, registers }) => {
        if (registers === undefined) return [];
        const { architecture, general, vector } = registers;
        const held = Object.entries(vector).filter(([, value]) => value !== '0x0');
        const thread = tid === pid ? `of ${tid} ${command}` : `of thread ${tid} ${command} of ${pid}`;
        const body =
          registerTable(Object.entries(general), PER_ROW, options) + registerTable(held, 1, options);
        return section('REGISTERS', `${thread}, ${architecture}`, body, options);
      }),
    )
    .join('');
  return threads === '' && limits !== ''
    ? section('REGISTERS', 'none in the archive', limits, options)
    : threads + limits;
}

function registerTable(
  registers: readonly (readonly [name: string, value: string])[],
  perRow: number,
  options: ViewOptions,
): string {
  const rows: Cell[][] = [];
  for (let at = 0; at < registers.length; at += perRow) {
    rows.push(
      registers
        .slice(at, at + perRow)
        .flatMap(([name, value]): Cell[] => [[styled(name, 'structure')], value]),
    );
  }
  const columns = Array.from({ length: perRow * 2 }, () => ({ title: '' }));
  return renderTable(columns, rows, { ...options, indent: 2, header: false });
}
