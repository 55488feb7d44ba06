import { fitLine, type Line, lineWidth, renderLine, styled, textWidth, wrapLine } from './line.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /**
   * What happens when the table is wider than the terminal: `keep` (the default) never gives way, `cut` ends in an
   * ellipsis, `wrap` goes on in the next line. Output that is not for a terminal has room for everything.
   */
  readonly overflow?: 'keep' | 'cut' | 'wrap';
}

/** `lead` (tree branches, made by us) stands before the text, `hang` before the lines that a wrapped text goes on in. */
export type Cell = string | Line | { readonly line: Line; readonly lead: string; readonly hang: string };

export interface TableOptions {
  /** The terminal's width; Infinity lays out without limit. */
  readonly width: number;
  readonly color: boolean;
  /** Spaces before each line. */
  readonly indent?: number;
  readonly header?: boolean;
}

const GAP = '  ';
/** A column that gives way keeps at least this many columns, so that what is left still says something. */
const MIN_CUT_WIDTH = 8;
const MIN_WRAP_WIDTH = 12;
/** Behind deep branches a text runs over the edge rather than down it, one character a line. */
const MIN_TEXT_WIDTH = 16;

interface PlacedCell {
  readonly line: Line;
  readonly lead: string;
  readonly hang: string;
}

/** Lays rows out in aligned columns and returns the lines as text, each ending in a line feed. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  options: TableOptions,
): string {
  const placed = rows.map((row) => columns.map((_, index) => placeCell(row[index] ?? '')));
  const indent = ' '.repeat(options.indent ?? 0);
  const header =
    options.header === false ? [] : [columns.map((column) => placeCell([styled(column.title, 'structure')]))];
  const all = [...header, ...placed];
  const natural = columns.map((_, index) => Math.max(0, ...all.map((row) => cellWidth(row[index]))));
  const widths = shrinkToFit(columns, natural, options.width - indent.length);
  return all.map((row) => renderRow(columns, row, widths, options.color, indent)).join('');
}

function placeCell(cell: Cell): PlacedCell {
  if (typeof cell === 'string') return { line: [cell], lead: '', hang: '' };
  return 'lead' in cell ? cell : { line: cell, lead: '', hang: '' };
}

const cellWidth = (cell: PlacedCell | undefined): number =>
  cell ? textWidth(cell.lead) + lineWidth(cell.line) : 0;

/** Takes columns away from the widest column that may give way, until the table fits or none may. */
function shrinkToFit(
  columns: readonly Column[],
  natural: readonly number[],
  available: number,
): readonly number[] {
  const widths = [...natural];
  const floors = columns.map(({ overflow = 'keep', title }, index) => {
    if (overflow === 'keep') return natural[index] ?? 0;
    return Math.max(overflow === 'wrap' ? MIN_WRAP_WIDTH : MIN_CUT_WIDTH, title.length);
  });
  const total = (): number =>
    widths.reduce((sum, width) => sum + width, 0) + GAP.length * (columns.length - 1);
  let excess = total() - available;
  while (excess > 0) {
    const [widest, second] = widths
      .map((width, index) => ({ width, index, slack: width - (floors[index] ?? 0) }))
      .filter(({ slack }) => slack > 0)
      .sort((a, b) => b.width - a.width);
    if (!widest) break;
    const step = second ? Math.max(1, widest.width - second.width) : widest.slack;
    widths[widest.index] = widest.width - Math.min(step, widest.slack, excess);
    excess = total() - available;
  }
  return widths;
}

function renderRow(
  columns: readonly Column[],
  row: readonly PlacedCell[],
  widths: readonly number[],
  color: boolean,
  indent: string,
): string {
  const cells = row.map((cell, index) =>
    layOut(cell, columns[index]?.overflow ?? 'keep', widths[index] ?? 0),
  );
  const height = Math.max(1, ...cells.map((lines) => lines.length));
  let text = '';
  for (let at = 0; at < height; at++) {
    const parts = cells.map((lines, index) => {
      const isLast = index === cells.length - 1;
      return pad(lines[at] ?? [], isLast ? 0 : (widths[index] ?? 0), columns[index]?.align ?? 'left', color);
    });
    text += `${(indent + parts.join(GAP)).trimEnd()}\n`;
  }
  return text;
}

function layOut(
  { line, lead, hang }: PlacedCell,
  overflow: 'keep' | 'cut' | 'wrap',
  width: number,
): readonly Line[] {
  const roomBehind = (branch: string): number =>
    Math.max(branch === '' ? 1 : MIN_TEXT_WIDTH, width - textWidth(branch));
  const room = roomBehind(lead);
  const branches = (text: string): Line => (text === '' ? [] : [styled(text, 'structure')]);
  if (overflow !== 'wrap') return [[...branches(lead), ...(overflow === 'cut' ? fitLine(line, room) : line)]];
  const lines = wrapLine(line, room, roomBehind(hang));
  return lines.map((part, index) => [...branches(index === 0 ? lead : hang), ...part]);
}

function pad(line: Line, width: number, align: 'left' | 'right', color: boolean): string {
  const space = ' '.repeat(Math.max(0, width - lineWidth(line)));
  const text = renderLine(line, color);
  return align === 'right' ? space + text : text + space;
}
