import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useEffect } from 'react';
import { deviceQuery } from '../../api/queries';
import type { DeviceDetail } from '../../api/types';
import { nameLabel } from '../../lib/format';
import { useSeed } from '../../live/hooks';
import { Glyph, StateMark } from '../../ui/marks';
import { Empty, Problem, Skeleton } from '../../ui/notes';
import { Age } from '../../ui/time';
import { Charts } from './charts';
import { CompletenessLine, GapsList } from './gaps-list';
import { HistoryTable } from './history-table';
import { LiveList } from './live-list';

/** Charts shown before anybody chose any. */
const chartsAtFirst = 4;
const chartsMax = 12;

/** Level 3: one device, its values now, its history and what is missing from it. */
export function DevicePage() {
  const { deviceId } = useParams({ from: '/app/devices/$deviceId' });
  const device = useQuery(deviceQuery(deviceId));
  useSeed(device.data);
  useEffect(() => {
    document.title = `${deviceId} \u00b7 Millrace`;
  }, [deviceId]);
  if (device.data) return <Loaded device={device.data} />;
  const missing = (device.error as { status?: number } | null)?.status === 404;
  return (
    <div className="page">
      <h1>{deviceId}</h1>
      {missing ? (
        <Empty title="There is no such device">
          {deviceId} is not registered in this tenant.{' '}
          <Link to="/" search={{}} className="text-link">
            Show all devices
          </Link>
        </Empty>
      ) : device.error ? (
        <Problem what="The device" error={device.error} retry={() => void device.refetch()} />
      ) : (
        <Skeleton rows={10} label={deviceId} />
      )}
    </div>
  );
}

function useCharted(device: DeviceDetail) {
  const search = useSearch({ from: '/app/devices/$deviceId' });
  const navigate = useNavigate();
  const first = device.tags.filter((tag) => tag.range).slice(0, chartsAtFirst);
  const chosen =
    search.tags === undefined ? first.map((tag) => tag.name) : search.tags.split(',').filter(Boolean);
  const known = device.tags.map((tag) => tag.name).filter((name) => chosen.includes(name));
  const toggle = (name: string) => {
    const next = known.includes(name)
      ? known.filter((one) => one !== name)
      : [...known, name].slice(-chartsMax);
    void navigate({
      to: '.',
      search: (before: Record<string, unknown>) => ({ ...before, tags: next.join(',') || ',' }),
      replace: true,
    });
  };
  return { charted: known, toggle };
}

function Loaded({ device }: { device: DeviceDetail }) {
  const { view } = useSearch({ from: '/app/devices/$deviceId' });
  const { charted, toggle } = useCharted(device);
  return (
    <div className="page device">
      <Head device={device} />
      <div className="device-body">
        <LiveList device={device} charted={charted} onChart={toggle} />
        <section className="panel history" aria-label="History">
          <HistoryTools deviceId={device.device_id} />
          {view === 'gaps' ? (
            <GapsList deviceId={device.device_id} />
          ) : view === 'table' ? (
            <HistoryTable device={device} tags={charted} />
          ) : (
            <Charts device={device} tags={charted} />
          )}
        </section>
      </div>
    </div>
  );
}

function Head({ device }: { device: DeviceDetail }) {
  const { site, area, line } = device;
  return (
    <header className="page-head device-head">
      <nav aria-label="Place" className="crumbs">
        <Link to="/" search={{ site }}>
          {nameLabel(site)}
        </Link>
        <Link to="/" search={{ site, area }}>
          {nameLabel(area)}
        </Link>
        <Link to="/" search={{ site, area, line }}>
          {nameLabel(line)}
        </Link>
      </nav>
      <h1>{device.device_id}</h1>
      <span className="quiet">{device.title}</span>
      <StateMark state={device.state} reason={device.state_reason} />
      <span className="quiet">
        seen <Age at={device.last_seen} suffix=" ago" />
      </span>
      {device.gateway_id && device.gateway_id !== device.device_id ? (
        <span className="quiet">
          through{' '}
          <Link
            to="/devices/$deviceId"
            params={{ deviceId: device.gateway_id }}
            search={{}}
            className="text-link"
          >
            {device.gateway_id}
          </Link>
        </span>
      ) : null}
      <ClockWarning device={device} />
      {device.fw_version ? <span className="quiet number">firmware {device.fw_version}</span> : null}
    </header>
  );
}

/** Says which clock runs off, and by how much: every time shown on the page hangs on it. */
function ClockWarning({ device: { clock, gateway_id } }: { device: DeviceDetail }) {
  if (clock.state !== 'drifting') return null;
  const byGateway = Math.abs(clock.gateway_offset_ms ?? 0) > Math.abs(clock.source_offset_ms ?? 0);
  const offset = (byGateway ? clock.gateway_offset_ms : clock.source_offset_ms) ?? 0;
  const whose = byGateway && gateway_id !== null ? `Clock of ${gateway_id}` : 'Its clock';
  return (
    <span className="mark" data-level="uncertain">
      <Glyph shape="clock" />
      {whose} is {(Math.abs(offset) / 1_000).toFixed(1)} s {offset > 0 ? 'ahead' : 'behind'}
    </span>
  );
}

const views = [
  { id: undefined, title: 'Charts' },
  { id: 'table', title: 'Table' },
  { id: 'gaps', title: 'Gaps' },
] as const;

const intervals = ['auto', 'raw', '10s', '1m', '10m', '1h'] as const;

function HistoryTools({ deviceId }: { deviceId: string }) {
  const search = useSearch({ from: '/app/devices/$deviceId' });
  const navigate = useNavigate();
  const set = (change: Record<string, string | undefined>) =>
    void navigate({
      to: '.',
      search: (before: Record<string, unknown>) => ({ ...before, ...change }),
      replace: true,
    });
  return (
    <div className="history-tools">
      <div className="segments" role="group" aria-label="View">
        {views.map((one) => (
          <button
            key={one.title}
            type="button"
            className="button"
            aria-pressed={search.view === one.id}
            onClick={() => set({ view: one.id })}
          >
            {one.title}
          </button>
        ))}
      </div>
      <select
        className="input"
        aria-label="Interval"
        value={search.interval ?? 'auto'}
        onChange={(event) =>
          set({ interval: event.target.value === 'auto' ? undefined : event.target.value })
        }
      >
        {intervals.map((one) => (
          <option key={one} value={one}>
            {one === 'auto' ? 'Interval: auto' : one === 'raw' ? 'Raw values' : `Every ${one}`}
          </option>
        ))}
      </select>
      <select
        className="input"
        aria-label="Quality"
        value={search.quality ?? 'any'}
        onChange={(event) => set({ quality: event.target.value === 'good' ? 'good' : undefined })}
      >
        <option value="any">Any quality</option>
        <option value="good">Good only</option>
      </select>
      <CompletenessLine deviceId={deviceId} />
    </div>
  );
}
