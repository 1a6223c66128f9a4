import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useRouteContext, useSearch } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { flushSync } from 'react-dom';
import { fetchRecord, type RecordFilter, recordQuery } from '../../api/queries';
import type { DeviceCompleteness } from '../../api/types';
import { after } from '../../lib/clock';
import { toCsv } from '../../lib/csv';
import { completeness, count, nameLabel, plural } from '../../lib/format';
import type { RangeSearch } from '../../lib/range';
import { type Column, DataTable } from '../../ui/data-table';
import { Empty, Problem, Skeleton } from '../../ui/notes';
import { ExportButtons } from './export';
import { FigureCount, figureNames, RecordFigureRow, Share } from './figures';
import { Method, Statement } from './statement';

/** Rows of a file, and of a printed statement, at most. */
const fileRowsMax = 100_000;
const printRowsMax = 2_000;

const keepRange = ({ range, from, to }: RangeSearch): RangeSearch => ({ range, from, to });

function DeviceLink({ row }: { row: DeviceCompleteness }) {
  return (
    <Link
      to="/devices/$deviceId/record"
      params={{ deviceId: row.device_id }}
      search={keepRange}
      className="device-link"
    >
      {row.device_id}
    </Link>
  );
}

/** What is not right stands first, so that it is seen without scrolling. */
const abnormal = new Set<string>(['missing', 'lost', 'dead_lettered']);
const tableFigures = [
  ...figureNames.filter(({ id }) => abnormal.has(id)),
  ...figureNames.filter(({ id }) => !abnormal.has(id)),
];

const columns: readonly Column<DeviceCompleteness>[] = [
  {
    id: 'device_id',
    title: 'Device',
    width: 'minmax(112px, 1fr)',
    sort: 'device_id',
    cell: (row) => <DeviceLink row={row} />,
    csv: (row) => row.device_id,
  },
  {
    id: 'title',
    title: 'Name',
    width: 'minmax(120px, 1.5fr)',
    sort: 'title',
    cell: (row) => row.title,
    csv: (row) => row.title,
  },
  {
    id: 'site',
    title: 'Site',
    width: 'minmax(104px, 1fr)',
    sort: 'site',
    cell: (row) => nameLabel(row.site),
    csv: (row) => row.site,
  },
  {
    id: 'completeness',
    title: 'Complete',
    width: '104px',
    sort: 'completeness',
    numeric: true,
    cell: (row) => <Share of={row} />,
    csv: (row) => row.completeness,
  },
  ...tableFigures.map(({ id, title }) => ({
    id,
    title: id === 'duplicates_refused' ? 'Duplicates' : title,
    width: id === 'dead_lettered' || id === 'duplicates_refused' ? '104px' : '96px',
    sort: id,
    numeric: true,
    cell: (row: DeviceCompleteness) => <FigureCount id={id} value={row[id]} />,
    csv: (row: DeviceCompleteness) => row[id],
  })),
];

function csvOf(rows: readonly DeviceCompleteness[]): string {
  return toCsv(
    columns.map((column) => column.id),
    rows.map((row) => columns.map((column) => column.csv(row))),
  );
}

const useRecord = (filter: RecordFilter, range: RangeSearch) => useInfiniteQuery(recordQuery(filter, range));

/** The fleet's account: what every device numbered, what is here, what is not; worst first. */
export function RecordPage() {
  const search = useSearch({ from: '/app/record' });
  const { q, site, only, sort } = search;
  const filter = useMemo(() => defined({ q, site, only, sort }), [q, site, only, sort]);
  const range = keepRange(search);
  const record = useRecord(filter, range);
  const rows = useMemo(() => record.data?.pages.flatMap((page) => page.items) ?? [], [record.data]);
  const first = record.data?.pages[0];
  const [printed, setPrinted] = useState<readonly DeviceCompleteness[]>();
  useEffect(() => {
    document.title = 'Record \u00b7 Millrace';
  }, []);
  const navigate = useNavigate();
  const change = useCallback(
    (next: RecordFilter) =>
      void navigate({ to: '/record', search: (before) => ({ ...before, ...next }), replace: true }),
    [navigate],
  );
  const beforePrint = async () => {
    const all = await fetchRecord(filter, range, printRowsMax);
    flushSync(() => setPrinted(all.items));
  };
  return (
    <div className="page full record">
      <header className="page-head">
        <h1>Record</h1>
        <p className="quiet page-about">
          Every numbered message and what became of it{first ? `: ${toldOf(first.totals)}` : ''}.
        </p>
      </header>
      <RecordFigureRow of={first?.totals} label="All devices together" />
      <section className="list" aria-label="Record">
        <Tools
          filter={filter}
          change={change}
          total={first?.total_count}
          range={range}
          beforePrint={beforePrint}
        />
        <Rows record={record} rows={rows} filter={filter} change={change} />
      </section>
      <Method />
      {first ? (
        <Statement subject={subjectOf(filter)} from={first.from} to={first.to} figures={first.totals}>
          <PrintedRows rows={printed ?? rows} total={first.totals.devices} />
        </Statement>
      ) : null}
    </div>
  );
}

interface RowsProps {
  readonly record: ReturnType<typeof useRecord>;
  readonly rows: readonly DeviceCompleteness[];
  readonly filter: RecordFilter;
  readonly change: (next: RecordFilter) => void;
}

function Rows({ record, rows, filter, change }: RowsProps) {
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = record;
  const onEnd = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  return rows.length > 0 ? (
    <DataTable
      label="Completeness by device"
      columns={columns}
      rows={rows}
      rowKey={(row) => row.device_id}
      total={record.data?.pages[0]?.total_count}
      sort={filter.sort ?? 'completeness'}
      onSort={(next) => change({ sort: next })}
      onEnd={onEnd}
      narrow={(row) => <NarrowRow row={row} />}
    />
  ) : record.error ? (
    <Problem what="The record" error={record.error} retry={() => void record.refetch()} />
  ) : record.isPending ? (
    <Skeleton rows={8} label="the record" />
  ) : (
    <NoRows filter={filter} />
  );
}

function defined(filter: RecordFilter): RecordFilter {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}

function toldOf(totals: { devices: number; reporting: number; incomplete: number }): string {
  const sent = `${count(totals.reporting)} of ${plural(totals.devices, 'device')} sent`;
  return totals.incomplete === 0
    ? `${sent}, all complete`
    : `${sent}, ${count(totals.incomplete)} not complete`;
}

function subjectOf({ q, site, only }: RecordFilter): string {
  const parts = [site ? nameLabel(site) : '', q ? `matching "${q}"` : '', only ? `${only} only` : ''];
  return ['All devices', ...parts.filter(Boolean)].join(', ');
}

function NarrowRow({ row }: { row: DeviceCompleteness }) {
  const parts = [
    `${count(row.stored)} of ${count(row.expected)} stored`,
    row.missing > 0 ? `${count(row.missing)} missing` : '',
    row.lost > 0 ? `${count(row.lost)} lost` : '',
    row.dead_lettered > 0 ? `${count(row.dead_lettered)} dead-lettered` : '',
  ];
  return (
    <>
      <span className="narrow-line">
        <DeviceLink row={row} />
        <Share of={row} />
      </span>
      <span className="narrow-line small quiet">
        <span>{row.expected === 0 ? 'Sent nothing' : parts.filter(Boolean).join(', ')}</span>
      </span>
    </>
  );
}

function NoRows({ filter }: { filter: RecordFilter }) {
  if (filter.q || filter.site || filter.only)
    return (
      <Empty title={filter.only === 'incomplete' ? 'No device is incomplete' : 'No device matches'}>
        <Link to="/record" search={keepRange} className="text-link">
          Show all devices
        </Link>
      </Empty>
    );
  return (
    <Empty title="No devices yet">The account of a device begins with its first numbered message.</Empty>
  );
}

interface ToolsProps {
  readonly filter: RecordFilter;
  readonly change: (next: RecordFilter) => void;
  readonly total: number | undefined;
  readonly range: RangeSearch;
  readonly beforePrint: () => Promise<void>;
}

function Tools({ filter, change, total, range, beforePrint }: ToolsProps) {
  const [text, setText] = useState(filter.q ?? '');
  useEffect(() => setText(filter.q ?? ''), [filter.q]);
  useEffect(() => {
    if (text === (filter.q ?? '')) return undefined;
    return after(250, () => change({ q: text || undefined }));
  }, [text, filter.q, change]);
  const { session } = useRouteContext({ from: '/app' });
  const all = () => fetchRecord(filter, range, fileRowsMax);
  return (
    <div className="list-tools">
      <h2>
        Devices <span className="quiet number list-count">{total === undefined ? '' : count(total)}</span>
      </h2>
      <input
        className="input"
        type="search"
        placeholder="Filter by id, name or type"
        aria-label="Filter devices"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <select
        className="input"
        aria-label="Which devices"
        value={filter.only ?? ''}
        onChange={(event) => change({ only: event.target.value || undefined })}
      >
        <option value="">All devices</option>
        <option value="incomplete">Not complete</option>
        <option value="silent">Sent nothing</option>
      </select>
      <ExportButtons
        name="record"
        csv={async () => csvOf((await all()).items)}
        json={async () => ({ tenant: session.tenant.slug, ...(await all()) })}
        beforePrint={beforePrint}
      />
    </div>
  );
}

function PrintedRows({ rows, total }: { rows: readonly DeviceCompleteness[]; total: number }) {
  return (
    <>
      <table>
        <thead>
          <tr>
            <th>Device</th>
            <th>Name</th>
            <th className="numeric">Complete</th>
            {figureNames.map(({ id, title }) => (
              <th key={id} className="numeric">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.device_id}>
              <td>{row.device_id}</td>
              <td>{row.title}</td>
              <td className="numeric">{completeness(row.completeness)}</td>
              {figureNames.map(({ id }) => (
                <td key={id} className="numeric">
                  {count(row[id])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length < total ? (
        <p>
          {count(total - rows.length)} further devices are not listed here; the figures above include them.
          The CSV lists all.
        </p>
      ) : null}
    </>
  );
}
