import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { api } from '../../api/client';
import { type DeviceFilter, devicesQuery, listQuery } from '../../api/queries';
import type { Device, Page } from '../../api/types';
import { after, now } from '../../lib/clock';
import { download, toCsv } from '../../lib/csv';
import { count, nameLabel } from '../../lib/format';
import { ColumnChoice, useShownColumns } from '../../ui/column-choice';
import { DataTable } from '../../ui/data-table';
import { Empty, Problem, Skeleton } from '../../ui/notes';
import { deviceColumns, NarrowDevice } from './columns';
import { Figures, Sites } from './figures';

/** Level 1 and, narrowed to a site, area or line, level 2: the fleet's figures and its devices. */
export function OverviewPage() {
  const filter = useSearch({ from: '/app/' });
  const own: DeviceFilter = pick(filter);
  const place = [own.site, own.area, own.line].filter((part) => part !== undefined);
  const title = place.length === 0 ? 'Overview' : nameLabel(place.at(-1)!);
  useEffect(() => {
    document.title = `${title} \u00b7 Millrace`;
  }, [title]);
  return (
    <div className="page overview">
      <header className="page-head">
        <Place filter={own} />
        <h1>{title}</h1>
      </header>
      <Figures />
      <Sites />
      <Devices filter={own} />
    </div>
  );
}

const names = ['q', 'state', 'type', 'site', 'area', 'line', 'sort'] as const;

function pick(search: DeviceFilter): DeviceFilter {
  return Object.fromEntries(
    names.flatMap((name) => (search[name] === undefined ? [] : [[name, search[name]]])),
  );
}

/** The way up from a site, area or line. */
function Place({ filter }: { filter: DeviceFilter }) {
  if (!filter.site) return null;
  const steps = [
    { title: 'All sites', search: {} },
    ...(filter.area ? [{ title: nameLabel(filter.site), search: { site: filter.site } }] : []),
    ...(filter.area && filter.line
      ? [{ title: nameLabel(filter.area), search: { site: filter.site, area: filter.area } }]
      : []),
  ];
  return (
    <nav aria-label="Place" className="crumbs">
      {steps.map((step) => (
        <Link key={step.title} to="/" search={step.search}>
          {step.title}
        </Link>
      ))}
    </nav>
  );
}

function Devices({ filter }: { filter: DeviceFilter }) {
  const devices = useInfiniteQuery(devicesQuery(filter));
  const navigate = useNavigate();
  const columns = useShownColumns('devices', deviceColumns);
  const rows = useMemo(() => devices.data?.pages.flatMap((page) => page.items) ?? [], [devices.data]);
  const total = devices.data?.pages[0]?.total_count;
  const change = useCallback(
    (next: Partial<DeviceFilter>) =>
      void navigate({ to: '/', search: (before) => ({ ...before, ...next }), replace: true }),
    [navigate],
  );
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = devices;
  const onEnd = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  return (
    <section className="list" aria-label="Devices">
      <DeviceTools filter={filter} change={change} total={total} />
      {rows.length > 0 ? (
        <DataTable
          label="Devices"
          columns={columns}
          rows={rows}
          rowKey={(row) => row.device_id}
          total={total}
          sort={filter.sort ?? 'device_id'}
          onSort={(sort) => change({ sort })}
          onEnd={onEnd}
          narrow={(row) => <NarrowDevice row={row} />}
        />
      ) : devices.error ? (
        <Problem what="The device list" error={devices.error} retry={() => void devices.refetch()} />
      ) : devices.isPending ? (
        <Skeleton rows={8} label="devices" />
      ) : (
        <NoDevices filter={filter} />
      )}
    </section>
  );
}

function NoDevices({ filter }: { filter: DeviceFilter }) {
  const narrowed = names.some((name) => name !== 'sort' && filter[name] !== undefined);
  if (narrowed)
    return (
      <Empty title="No device matches">
        <Link to="/" search={{}} className="text-link">
          Show all devices
        </Link>
      </Empty>
    );
  return (
    <Empty title="No devices yet">
      Register a device and give it a certificate; it appears here with its first message. In the demo the
      plant registers itself within a few seconds.
    </Empty>
  );
}

interface ToolsProps {
  readonly filter: DeviceFilter;
  readonly change: (next: Partial<DeviceFilter>) => void;
  readonly total: number | undefined;
}

function DeviceTools({ filter, change, total }: ToolsProps) {
  const [text, setText] = useState(filter.q ?? '');
  useEffect(() => setText(filter.q ?? ''), [filter.q]);
  useEffect(() => {
    if (text === (filter.q ?? '')) return undefined;
    return after(250, () => change({ q: text || undefined }));
  }, [text, filter.q, change]);
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
        aria-label="State"
        value={filter.state ?? ''}
        onChange={(event) => change({ state: event.target.value || undefined })}
      >
        <option value="">Any state</option>
        <option value="online">Online</option>
        <option value="stale">Stale</option>
        <option value="offline">Offline</option>
        <option value="never_seen">Never seen</option>
      </select>
      <span className="list-actions">
        <ColumnChoice table="devices" columns={deviceColumns} />
        <CsvButton filter={filter} />
      </span>
    </div>
  );
}

/** Rows of a file at most, so that a very large fleet cannot hang the page. */
const csvRowsMax = 100_000;

function CsvButton({ filter }: { filter: DeviceFilter }) {
  const [state, setState] = useState<'ready' | 'busy' | 'failed'>('ready');
  const save = async () => {
    setState('busy');
    try {
      const rows: Device[] = [];
      let cursor: string | undefined;
      do {
        const query = { ...listQuery(filter), limit: 200, cursor };
        const page: Page<Device> = await api.listDevices(query);
        rows.push(...page.items);
        cursor = page.next_cursor ?? undefined;
      } while (cursor !== undefined && rows.length < csvRowsMax);
      const lines = rows.map((row) => deviceColumns.map((column) => column.csv(row)));
      download(
        `devices-${new Date(now()).toISOString().slice(0, 19)}Z.csv`,
        toCsv(
          deviceColumns.map((c) => c.title),
          lines,
        ),
      );
      setState('ready');
    } catch {
      setState('failed');
    }
  };
  return (
    <button type="button" className="button" disabled={state === 'busy'} onClick={() => void save()}>
      {state === 'failed' ? 'CSV failed, try again' : 'CSV'}
    </button>
  );
}
