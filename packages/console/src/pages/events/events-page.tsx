import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useSearch } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo } from 'react';
import { eventsQuery } from '../../api/queries';
import type { PlatformEvent } from '../../api/types';
import { nameLabel } from '../../lib/format';
import { type Column, DataTable } from '../../ui/data-table';
import { Empty, Problem, Skeleton } from '../../ui/notes';
import { Moment } from '../../ui/time';

/** Members that have a column of their own. */
const shownElsewhere = new Set(['type', 'ts', 'device_id', 'msg_id', 'schema_version']);

/** What an event says beyond its type, as `name value` pairs. */
function detailOf(row: PlatformEvent): string {
  const detail = row.event;
  if (typeof detail === 'string') return detail;
  if (typeof detail !== 'object' || detail === null) return '';
  return Object.entries(detail)
    .filter(([name]) => !shownElsewhere.has(name))
    .map(
      ([name, value]) =>
        `${name.replaceAll('_', ' ')} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
    )
    .join(', ');
}

function DeviceCell({ row }: { row: PlatformEvent }) {
  if (!row.device_id) return <span className="quiet">Platform</span>;
  return (
    <Link to="/devices/$deviceId" params={{ deviceId: row.device_id }} search={{}} className="device-link">
      {row.device_id}
    </Link>
  );
}

const columns: readonly Column<PlatformEvent>[] = [
  { id: 'time', title: 'Time', width: '152px', cell: (row) => <Moment at={row.ts} />, csv: (row) => row.ts },
  {
    id: 'device',
    title: 'Device',
    width: '128px',
    cell: (row) => <DeviceCell row={row} />,
    csv: (row) => row.device_id,
  },
  {
    id: 'type',
    title: 'Event',
    width: 'minmax(144px, 1fr)',
    cell: (row) => nameLabel(row.type),
    csv: (row) => row.type,
  },
  {
    id: 'detail',
    title: 'Detail',
    width: 'minmax(240px, 4fr)',
    cell: (row) => (
      <span className="quiet" title={detailOf(row)}>
        {detailOf(row) || '\u2013'}
      </span>
    ),
    csv: detailOf,
  },
];

/** What gateways and devices said happened: starts, stops, lost links, losses. */
export function EventsPage() {
  const { device } = useSearch({ from: '/app/events' });
  const events = useInfiniteQuery(eventsQuery(device));
  const rows = useMemo(() => events.data?.pages.flatMap((page) => page.items) ?? [], [events.data]);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = events;
  const onEnd = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  useEffect(() => {
    document.title = 'Events \u00b7 Millrace';
  }, []);
  return (
    <div className="page full">
      <header className="page-head">
        <h1>Events</h1>
        <p className="quiet page-about">
          Starts, stops, lost links and losses, as gateways and devices report them.
        </p>
      </header>
      <section className="list" aria-label="Events">
        {rows.length > 0 ? (
          <DataTable
            label="Events"
            columns={columns}
            rows={rows}
            rowKey={(row) => String(row.id)}
            total={events.data?.pages[0]?.total_count}
            onEnd={onEnd}
            narrow={(row) => (
              <>
                <span className="narrow-line">
                  <span>{nameLabel(row.type)}</span>
                  <DeviceCell row={row} />
                </span>
                <span className="narrow-line small quiet">
                  <span>{detailOf(row)}</span>
                  <Moment at={row.ts} />
                </span>
              </>
            )}
          />
        ) : events.error ? (
          <Problem what="The events" error={events.error} retry={() => void events.refetch()} />
        ) : events.isPending ? (
          <Skeleton rows={8} label="events" />
        ) : (
          <Empty title="No events yet">A gateway reports its first one when it starts.</Empty>
        )}
      </section>
    </div>
  );
}
