/**
 * A table as lines of text: columns lined up, colours not counted. Used by `status`, `check` and `events`.
 */
import { escapeControls } from '../core/log-line.ts';
import type { Paint, Style } from '../core/paint.ts';

export interface Column {
  readonly title: string;
  readonly isNumber?: boolean;
}

interface StyledCell {
  readonly text: string;
  readonly style: Style;
}
export type Cell = string | StyledCell;

const gap = '  ';
const plain = (cell: Cell | undefined): string =>
  escapeControls(typeof cell === 'string' ? cell : (cell?.text ?? ''));

export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

/** Keeps as many columns, from the left, as `most` characters hold; none is ever cut in the middle. */
export function fitTable(table: Table, most: number): Table {
  let used = 0;
  const fitting = widths(table).findIndex((width) => (used += width + gap.length) > most + gap.length);
  const count = fitting === -1 ? table.columns.length : Math.max(1, fitting);
  return { columns: table.columns.slice(0, count), rows: table.rows.map((row) => row.slice(0, count)) };
}

export function renderTable(table: Table, paint: Paint): string[] {
  const wide = widths(table);
  const line = (cells: readonly Cell[]): string => {
    const padded = table.columns.map(({ isNumber = false }, index) => {
      const cell = cells[index] ?? '';
      const text = plain(cell);
      const room = ' '.repeat((wide[index] ?? 0) - text.length);
      const shown = typeof cell === 'string' ? text : paint(cell.style, text);
      return isNumber ? room + shown : shown + room;
    });
    return padded.join(gap).trimEnd();
  };
  const head = table.columns.map(({ title }): Cell => ({ text: title, style: 'gray' }));
  return [line(head), ...table.rows.map(line)];
}

const widths = ({ columns, rows }: Table): number[] =>
  columns.map(({ title }, index) => Math.max(title.length, ...rows.map((row) => plain(row[index]).length)));
