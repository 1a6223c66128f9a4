import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, type ReactNode, useEffect, useRef } from 'react';
import { usePreferences } from '../lib/preferences';
import { useNarrow } from '../lib/use-media';

/** A column: its heading, its place in the grid, what a cell shows, and what the server calls it when sorting. */
export interface Column<Row> {
  readonly id: string;
  readonly title: string;
  /** Grid track, e.g. `minmax(120px, 1fr)`. */
  readonly width: string;
  readonly sort?: string;
  readonly numeric?: boolean;
  readonly cell: (row: Row) => ReactNode;
  /** What the CSV holds. */
  readonly csv: (row: Row) => string | number | null | undefined;
}

export interface DataTableProps<Row> {
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  /** All rows there are, loaded or not. */
  readonly total: number | undefined;
  readonly sort?: string | undefined;
  readonly onSort?: (sort: string | undefined) => void;
  /** Called when the end of what is loaded comes into view. */
  readonly onEnd?: () => void;
  /** One row as two or three lines, for narrow windows. */
  readonly narrow: (row: Row) => ReactNode;
  readonly narrowHeight?: number;
}

/** A table of any length: only the rows in view are in the page. Arrow keys move between rows. */
export function DataTable<Row>(props: DataTableProps<Row>) {
  const scroller = useRef<HTMLDivElement>(null);
  const narrow = useNarrow();
  const { density } = usePreferences();
  const height = narrow ? (props.narrowHeight ?? 64) : density === 'compact' ? 28 : 40;
  const { rows, onEnd } = props;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 8,
  });
  const items = virtual.getVirtualItems();
  const lastShown = items.at(-1)?.index ?? 0;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another density is another row height
  useEffect(() => virtual.measure(), [virtual, height]);
  useEffect(() => {
    if (rows.length > 0 && lastShown >= rows.length - 20) onEnd?.();
  }, [lastShown, rows.length, onEnd]);
  const tracks = narrow ? '1fr' : props.columns.map((column) => column.width).join(' ');
  const minWidth = narrow ? 0 : leastWidth(props.columns);
  return (
    <div
      ref={scroller}
      className="data-table"
      role="table"
      aria-label={props.label}
      aria-rowcount={(props.total ?? rows.length) + 1}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
      tabIndex={0}
      onKeyDown={moveBetweenRows}
    >
      <div role="rowgroup" className={narrow ? 'visually-hidden' : 'table-head'}>
        <HeadRow {...props} tracks={tracks} minWidth={minWidth} />
      </div>
      <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
        {items.map((item) => {
          const row = rows[item.index];
          if (row === undefined) return null;
          return (
            <div
              key={props.rowKey(row)}
              role="row"
              aria-rowindex={item.index + 2}
              className="table-row"
              tabIndex={-1}
              style={{
                height,
                minWidth,
                transform: `translateY(${item.start}px)`,
                gridTemplateColumns: tracks,
              }}
            >
              <Cells {...props} row={row} isNarrow={narrow} />
            </div>
          );
        })}
      </div>
    </div>
  );
}

function Cells<Row>({ row, isNarrow, ...props }: DataTableProps<Row> & { row: Row; isNarrow: boolean }) {
  if (isNarrow)
    return (
      <div role="cell" className="narrow-cell">
        {props.narrow(row)}
      </div>
    );
  return props.columns.map((column) => (
    <div role="cell" key={column.id} className={column.numeric ? 'cell numeric' : 'cell'}>
      {column.cell(row)}
    </div>
  ));
}

/** The narrowest that all tracks fit in, so that every row has the same columns. */
function leastWidth(columns: readonly { readonly width: string }[]): number {
  return columns.reduce((sum, { width }) => sum + Number(/(\d+)px/.exec(width)?.[1] ?? 0), 0);
}

type HeadProps<Row> = DataTableProps<Row> & { readonly tracks: string; readonly minWidth: number };

function HeadRow<Row>({ columns, sort, onSort, tracks, minWidth }: HeadProps<Row>) {
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: the table scrolls as one; its headings hold buttons
    <div role="row" className="table-row" aria-rowindex={1} style={{ minWidth, gridTemplateColumns: tracks }}>
      {columns.map((column) => {
        const direction =
          sort === column.sort ? 'ascending' : sort === `-${column.sort}` ? 'descending' : 'none';
        const sortable = column.sort !== undefined && onSort !== undefined;
        return (
          // biome-ignore lint/a11y/useFocusableInteractive: the button inside takes the focus
          <div
            role="columnheader"
            key={column.id}
            className={column.numeric ? 'cell numeric' : 'cell'}
            {...(sortable ? { 'aria-sort': direction } : {})}
          >
            {sortable ? (
              <button
                type="button"
                className="sort"
                onClick={() => onSort(nextSort(column.sort!, direction))}
              >
                {column.title}
                <span aria-hidden="true" className="arrow">
                  {direction === 'ascending' ? '\u2191' : direction === 'descending' ? '\u2193' : ''}
                </span>
              </button>
            ) : (
              column.title
            )}
          </div>
        );
      })}
    </div>
  );
}

function nextSort(name: string, direction: string): string | undefined {
  return direction === 'none' ? name : direction === 'ascending' ? `-${name}` : undefined;
}

/** Up and down go to the same control of the neighbouring row: its link or button. */
function moveBetweenRows(event: KeyboardEvent<HTMLDivElement>): void {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  const controls = [
    ...event.currentTarget.querySelectorAll<HTMLElement>(
      '[role=rowgroup]:last-child a, [role=rowgroup]:last-child button',
    ),
  ];
  if (controls.length === 0) return;
  const ordered = controls.sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top);
  const at = ordered.indexOf(document.activeElement as HTMLElement);
  const next =
    ordered[event.key === 'ArrowDown' ? Math.min(at + 1, ordered.length - 1) : Math.max(at - 1, 0)];
  event.preventDefault();
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}
