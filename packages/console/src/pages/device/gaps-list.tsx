import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useCallback } from 'react';
import { gapsQuery } from '../../api/queries';
import type { Gap } from '../../api/types';
import { completeness, count, duration } from '../../lib/format';
import type { RangeSearch } from '../../lib/range';
import { type Column, DataTable } from '../../ui/data-table';
import { Glyph } from '../../ui/marks';
import { Empty, Problem, Skeleton } from '../../ui/notes';
import { Moment } from '../../ui/time';
import { useCompleteness } from './history';

export const lengthOf = (row: Gap) =>
  row.from && row.to ? duration(Date.parse(row.to) - Date.parse(row.from)) : '\u2013';
const causeWords: Readonly<Record<string, string>> = {
  data_loss: 'Loss reported by the gateway',
  gateway_restart: 'Gateway restarted after a crash',
  gateway_stopped: 'Gateway stopped in order',
  link_down: 'Link down',
  platform_stopped: 'Platform stopped',
  dead_lettered: 'Dead-lettered without a number',
  unknown: 'Not known',
};
/** The cause in words. */
export const causeOf = (row: Gap) =>
  row.cause ? (causeWords[row.cause] ?? row.cause.replaceAll('_', ' ')) : 'Not known';
export const whatOf = (row: Gap) =>
  row.kind === 'gap' && row.missing === 0 && row.closed_at ? 'Gap, all arrived late' : plainWhat(row);
const plainWhat = (row: Gap) => (row.kind === 'gap' ? `Gap, ${count(row.missing ?? 0)} missing` : 'Silence');

export function evidenceOf(row: Gap): string {
  if (row.evidence === null || row.evidence === undefined) return '';
  return typeof row.evidence === 'string' ? row.evidence : JSON.stringify(row.evidence);
}

function Closed({ row }: { row: Gap }) {
  if (row.closed_at) return <span className="quiet">Closed</span>;
  return (
    <span className="mark" data-level="uncertain">
      <Glyph shape="hollow" />
      Open
    </span>
  );
}

const columns: readonly Column<Gap>[] = [
  {
    id: 'state',
    title: 'State',
    width: '88px',
    cell: (row) => <Closed row={row} />,
    csv: (row) => row.closed_at ?? 'open',
  },
  { id: 'what', title: 'What', width: 'minmax(144px, 1fr)', cell: whatOf, csv: whatOf },
  {
    id: 'from',
    title: 'From',
    width: '152px',
    cell: (row) => <Moment at={row.from} />,
    csv: (row) => row.from,
  },
  { id: 'length', title: 'Length', width: '112px', numeric: true, cell: lengthOf, csv: lengthOf },
  { id: 'cause', title: 'Cause', width: 'minmax(144px, 1.5fr)', cell: causeOf, csv: causeOf },
  {
    id: 'evidence',
    title: 'Evidence',
    width: 'minmax(160px, 2fr)',
    cell: (row) => (
      <span className="quiet" title={evidenceOf(row)}>
        {evidenceOf(row)}
      </span>
    ),
    csv: evidenceOf,
  },
];

/** With when the platform noticed a break and when it ended, for those who examine the record. */
const recordColumns: readonly Column<Gap>[] = [
  ...columns,
  {
    id: 'opened',
    title: 'Noticed',
    width: '152px',
    cell: (row) => <Moment at={row.opened_at} />,
    csv: (row) => row.opened_at,
  },
  {
    id: 'closed',
    title: 'Closed at',
    width: '152px',
    cell: (row) => <Moment at={row.closed_at} />,
    csv: (row) => row.closed_at,
  },
];

/** What is missing from a device's record and why; of a range only when one is given. */
export function GapsList({ deviceId, range }: { deviceId: string; range?: RangeSearch }) {
  const gaps = useInfiniteQuery(gapsQuery(deviceId, range));
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = gaps;
  const onEnd = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  if (!gaps.data)
    return gaps.error ? (
      <Problem what="The gaps" error={gaps.error} retry={() => void gaps.refetch()} />
    ) : (
      <Skeleton rows={5} label="gaps" />
    );
  const rows = gaps.data.pages.flatMap((page) => page.items);
  if (rows.length === 0)
    return (
      <Empty title={range ? 'No gaps and no silences in this range' : 'No gaps and no silences'}>
        Every number this device sent was stored, and it was never quiet for longer than it may be.
      </Empty>
    );
  return (
    <DataTable
      label={`Gaps and silences of ${deviceId}`}
      columns={range ? recordColumns : columns}
      rows={rows}
      rowKey={(row) => `${row.kind}-${row.opened_at}-${String(row.from_seq)}-${String(row.from)}`}
      total={hasNextPage ? undefined : rows.length}
      onEnd={onEnd}
      narrow={(row) => (
        <>
          <span className="narrow-line">
            <span>{whatOf(row)}</span>
            <Closed row={row} />
          </span>
          <span className="narrow-line small quiet">
            <span>{causeOf(row)}</span>
            <span>
              <Moment at={row.from} />, {lengthOf(row)}
            </span>
          </span>
        </>
      )}
    />
  );
}

/** How complete the shown range is, in one line. */
export function CompletenessLine({ deviceId }: { deviceId: string }) {
  const { data } = useCompleteness(deviceId);
  if (!data) return <span className="quiet">Completeness {'\u2013'}</span>;
  const { expected, missing, dead_lettered: refused, lost } = data;
  const share = expected === 0 ? null : (expected - missing - lost) / expected;
  const parts = [
    missing > 0 ? `${count(missing)} missing` : '',
    lost > 0 ? `${count(lost)} lost for good` : '',
    refused > 0 ? `${count(refused)} refused` : '',
  ].filter(Boolean);
  const level = missing + lost > 0 ? 'uncertain' : 'none';
  return (
    <Link
      to="/devices/$deviceId/record"
      params={{ deviceId }}
      search={keepRange}
      className="mark completeness text-link"
      data-level={level}
      title={`${count(expected)} messages expected in this range: show the record`}
    >
      {level === 'none' ? null : <Glyph shape="hollow" />}
      <span className="words number">
        {completeness(share)} complete{parts.length > 0 ? `, ${parts.join(', ')}` : ''}
      </span>
    </Link>
  );
}

const keepRange = (before: RangeSearch): RangeSearch => ({
  range: before.range,
  from: before.from,
  to: before.to,
});
