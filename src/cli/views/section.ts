import { fitLine, type Line, renderLine, styled } from '../terminal/line.ts';
import { renderTable } from '../terminal/table.ts';

/** What views need to know of where they are printed. */
export interface ViewOptions {
  /** Columns to fit into; Infinity where the output is not a terminal. */
  readonly width: number;
  readonly color: boolean;
}

/** A heading with a few words about what follows, and what follows. Sections are parted by an empty line. */
export function section(title: string, summary: string, body: string, { width, color }: ViewOptions): string {
  const heading: Line = summary === '' ? [styled(title, 'name')] : [styled(title, 'name'), '  ', summary];
  return `\n${renderLine(fitLine(heading, width), color)}\n${body}`;
}

/** A line of ours below a list: what was left out, what a checkpoint cannot show. */
export function remark(text: string, { width, color }: ViewOptions): string {
  return `${renderLine(fitLine(['  ', styled(text, 'structure')], width), color)}\n`;
}

/** Names and values, one pair a line; values that were not recorded are left out. */
export function factList(
  facts: readonly (readonly [string, Line | string | undefined])[],
  options: ViewOptions,
): string {
  const rows = facts.flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[[styled(name, 'structure')], value]],
  );
  const columns = [{ title: '' }, { title: '', overflow: 'wrap' }] as const;
  return renderTable(columns, rows, { ...options, indent: 2, header: false });
}
