import { Link } from '@tanstack/react-router';
import { qualityName } from '../../api/quality';
import type { Device } from '../../api/types';
import { nameLabel, plural } from '../../lib/format';
import type { Column } from '../../ui/data-table';
import { Glyph, QualityMark, StateMark, stateWords } from '../../ui/marks';
import { Age } from '../../ui/time';

/** The columns of the device list. */
export const deviceColumns: readonly Column<Device>[] = [
  {
    id: 'device',
    title: 'Device',
    width: 'minmax(96px, 0.8fr)',
    sort: 'device_id',
    cell: (row) => <DeviceLink row={row} />,
    csv: (row) => row.device_id,
  },
  {
    id: 'type',
    title: 'Type',
    width: 'minmax(136px, 1fr)',
    sort: 'device_type',
    cell: (row) => <span className="quiet">{nameLabel(row.device_type)}</span>,
    csv: (row) => row.device_type,
  },
  {
    id: 'state',
    title: 'State',
    width: 'minmax(120px, 2fr)',
    sort: 'state',
    cell: (row) => <StateMark state={row.state} reason={row.state_reason} />,
    csv: (row) =>
      row.state_reason ? `${stateWords(row.state)}: ${row.state_reason}` : stateWords(row.state),
  },
  {
    id: 'last-seen',
    title: 'Last seen',
    width: '104px',
    sort: 'last_seen',
    numeric: true,
    cell: (row) => <Age at={row.last_seen} suffix=" ago" />,
    csv: (row) => row.last_seen,
  },
  {
    id: 'quality',
    title: 'Worst quality',
    width: 'minmax(152px, 2.6fr)',
    cell: (row) => <WorstQualityMark row={row} />,
    csv: (row) => (row.worst_quality ? `${row.worst_quality.words} (${row.worst_quality.tag})` : ''),
  },
  {
    id: 'gaps',
    title: 'Open gaps',
    width: '104px',
    sort: 'gaps_open',
    numeric: true,
    cell: (row) => <GapCount row={row} />,
    csv: (row) => row.gaps_open,
  },
  {
    id: 'place',
    title: 'Place',
    width: 'minmax(160px, 2fr)',
    sort: 'site',
    cell: (row) => <span className="quiet">{[row.site, row.area, row.line].map(nameLabel).join(' / ')}</span>,
    csv: (row) => [row.site, row.area, row.line].join('/'),
  },
  {
    id: 'gateway',
    title: 'Gateway',
    width: '96px',
    cell: (row) => <span className="quiet">{row.gateway_id ?? '\u2013'}</span>,
    csv: (row) => row.gateway_id,
  },
  {
    id: 'firmware',
    title: 'Firmware',
    width: '96px',
    cell: (row) => <span className="quiet number">{row.fw_version ?? '\u2013'}</span>,
    csv: (row) => row.fw_version,
  },
];

function DeviceLink({ row }: { row: Device }) {
  return (
    <Link
      to="/devices/$deviceId"
      params={{ deviceId: row.device_id }}
      search={{}}
      title={row.title}
      className="device-link"
    >
      {row.device_id}
    </Link>
  );
}

function WorstQualityMark({ row }: { row: Device }) {
  const worst = row.worst_quality;
  // The platform names a worst quality only where one is not good.
  if (!worst) return <span className="quiet">{row.last_seen ? 'Good' : '\u2013'}</span>;
  return qualityName(worst.q) === 'good' ? (
    <span className="quiet">Good</span>
  ) : (
    <QualityMark q={worst.q} words={worst.words} tag={worst.tag} />
  );
}

function GapCount({ row }: { row: Device }) {
  if (row.gaps_open === 0) return <span className="quiet number">0</span>;
  return (
    <span className="mark number" data-level="uncertain">
      <Glyph shape="hollow" />
      {row.gaps_open}
    </span>
  );
}

/** A device as two lines, for narrow windows. */
export function NarrowDevice({ row }: { row: Device }) {
  return (
    <>
      <span className="narrow-line">
        <DeviceLink row={row} />
        <span className="quiet">
          <Age at={row.last_seen} suffix=" ago" />
        </span>
      </span>
      <span className="narrow-line small">
        <StateMark state={row.state} reason={row.state_reason} />
        {row.worst_quality && qualityName(row.worst_quality.q) !== 'good' ? (
          <QualityMark q={row.worst_quality.q} words={row.worst_quality.words} tag={row.worst_quality.tag} />
        ) : row.gaps_open > 0 ? (
          <span>{plural(row.gaps_open, 'open gap')}</span>
        ) : row.state === 'online' ? (
          <span className="quiet">{nameLabel(row.device_type)}</span>
        ) : null}
      </span>
    </>
  );
}
