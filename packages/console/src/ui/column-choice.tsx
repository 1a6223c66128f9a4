import { setPreferences, usePreferences } from '../lib/preferences';
import type { Column } from './data-table';
import { Popover } from './popover';

/** The columns a viewer kept, in order; the first is always shown. */
export function useShownColumns<Row>(table: string, columns: readonly Column<Row>[]): readonly Column<Row>[] {
  const hidden = usePreferences().hiddenColumns[table] ?? [];
  return columns.filter((column, i) => i === 0 || !hidden.includes(column.id));
}

/** A button with the list of columns to show or hide. */
export function ColumnChoice<Row>({ table, columns }: { table: string; columns: readonly Column<Row>[] }) {
  const { hiddenColumns } = usePreferences();
  const hidden = hiddenColumns[table] ?? [];
  const toggle = (id: string) => {
    const next = hidden.includes(id) ? hidden.filter((one) => one !== id) : [...hidden, id];
    setPreferences({ hiddenColumns: { ...hiddenColumns, [table]: next } });
  };
  return (
    <Popover label="Columns" button="Columns">
      <fieldset className="choices">
        <legend className="visually-hidden">Columns to show</legend>
        {columns.slice(1).map((column) => (
          <label key={column.id}>
            <input type="checkbox" checked={!hidden.includes(column.id)} onChange={() => toggle(column.id)} />
            {column.title}
          </label>
        ))}
      </fieldset>
    </Popover>
  );
}
