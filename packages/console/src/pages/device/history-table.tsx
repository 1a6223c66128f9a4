import { useMemo } from 'react';
import type { DeviceDetail, Series, Tag } from '../../api/types';
import { now } from '../../lib/clock';
import { download, toCsv } from '../../lib/csv';
import { clockTime, dayTime, decimalsFor, fullTime, measured, tagLabel, zoneName } from '../../lib/format';
import { type Column, DataTable } from '../../ui/data-table';
import { Empty, Problem, Skeleton } from '../../ui/notes';
import { breakStretches, qualityAt } from './chart-model';
import { useHistory } from './history';

interface HistoryRow {
  readonly t: number;
  /** Index into each tag's series; undefined where the tag has no value at this time. */
  readonly at: readonly (number | undefined)[];
  /** A break that begins here, in words. */
  readonly broken: string | undefined;
}

function historyRows(
  series: readonly Series[],
  breaks: readonly { from: number; words: string }[],
): HistoryRow[] {
  const rows = new Map<number, { at: (number | undefined)[]; broken: string | undefined }>();
  const row = (t: number) => {
    const known = rows.get(t) ?? { at: series.map(() => undefined), broken: undefined };
    rows.set(t, known);
    return known;
  };
  for (const [column, one] of series.entries()) {
    for (const [i, t] of one.t.entries()) row(t).at[column] = i;
  }
  for (const one of breaks) row(one.from).broken = one.words;
  return [...rows].map(([t, { at, broken }]) => ({ t, at, broken })).sort((a, b) => b.t - a.t);
}

function valueText(tag: Tag | undefined, series: Series, i: number | undefined): string {
  if (i === undefined) return '';
  const value = series.avg ? series.avg[i] : series.v?.[i];
  const { level, words } = qualityAt(series, i);
  const suffix = level === 'good' ? '' : ` (${words})`;
  // A bad reading is never shown as a number that could be taken for one.
  if (value === null || value === undefined || (series.q && level === 'bad')) return `\u2013${suffix}`;
  if (typeof value !== 'number') return `${String(value)}${suffix}`;
  return `${tag?.states?.[String(value)] ?? measured(value, decimalsFor(tag?.range))}${suffix}`;
}

/** The charts' values as a table: newest first, breaks in their place. */
export function HistoryTable({ device, tags }: { device: DeviceDetail; tags: readonly string[] }) {
  const history = useHistory(device.device_id, tags, 2000);
  const { data } = history;
  const rows = useMemo(
    () => (data ? historyRows(data.answer.series, breakStretches(data.answer.breaks, data.to)) : []),
    [data],
  );
  const columns = useMemo(() => historyColumns(device, data?.answer.series ?? []), [device, data]);
  if (tags.length === 0) return <Empty title="No values chosen">Tick a value to see it over time.</Empty>;
  if (!data)
    return history.error ? (
      <Problem what="The history" error={history.error} retry={() => void history.refetch()} />
    ) : (
      <Skeleton rows={8} label="the history" />
    );
  if (rows.length === 0)
    return <Empty title="No values in this range">Choose a longer or an earlier range.</Empty>;
  const save = () =>
    download(
      `${device.device_id}-${new Date(now()).toISOString().slice(0, 19)}Z.csv`,
      toCsv(
        columns.map((column) => column.title),
        rows.map((row) => columns.map((column) => column.csv(row))),
      ),
    );
  return (
    <>
      <div className="list-tools">
        <span className="quiet">
          {data.answer.interval === 'raw' ? 'Raw values' : `Averages over ${data.answer.interval}`},{' '}
          {rows.length} rows
        </span>
        <span className="list-actions">
          <button type="button" className="button" onClick={save}>
            CSV
          </button>
        </span>
      </div>
      <DataTable
        label={`History of ${device.device_id}`}
        columns={columns}
        rows={rows}
        rowKey={(row) => String(row.t)}
        total={rows.length}
        narrow={(row) => <NarrowHistory row={row} columns={columns} />}
        narrowHeight={72}
      />
    </>
  );
}

function historyColumns(device: DeviceDetail, series: readonly Series[]): readonly Column<HistoryRow>[] {
  return [
    {
      id: 'time',
      title: `Time (${zoneName(now())})`,
      width: 'minmax(160px, 1fr)',
      cell: (row) => (
        <span className="number" title={fullTime(row.t)}>
          {dayTime(row.t)}
        </span>
      ),
      csv: (row) => new Date(row.t).toISOString(),
    },
    ...series.map((one, i): Column<HistoryRow> => {
      const tag = device.tags.find((known) => known.name === one.tag);
      return {
        id: one.tag,
        title: `${tagLabel(one.tag)}${one.unit ? `, ${one.unit}` : ''}`,
        width: 'minmax(128px, 1fr)',
        numeric: true,
        cell: (row) =>
          i === 0 && row.broken ? (
            <span className="quiet">{row.broken}</span>
          ) : (
            <span className="number" title={valueText(tag, one, row.at[i])}>
              {valueText(tag, one, row.at[i])}
            </span>
          ),
        csv: (row) => valueText(tag, one, row.at[i]),
      };
    }),
  ];
}

function NarrowHistory({ row, columns }: { row: HistoryRow; columns: readonly Column<HistoryRow>[] }) {
  return (
    <>
      <span className="quiet small number">{clockTime(row.t)}</span>
      <span className="narrow-line">
        {columns.slice(1, 4).map((column) => (
          <span key={column.id}>{column.cell(row)}</span>
        ))}
      </span>
    </>
  );
}
