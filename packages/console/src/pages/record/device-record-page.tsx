import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useParams, useRouteContext, useSearch } from '@tanstack/react-router';
import { useEffect } from 'react';
import { api } from '../../api/client';
import { deviceQuery, deviceRecordQuery, gapsQuery } from '../../api/queries';
import type { Completeness, Gap } from '../../api/types';
import { toCsv } from '../../lib/csv';
import { count, dayTime } from '../../lib/format';
import type { RangeSearch } from '../../lib/range';
import { Empty, Problem, Skeleton } from '../../ui/notes';
import { causeOf, evidenceOf, GapsList, lengthOf, whatOf } from '../device/gaps-list';
import { ExportButtons } from './export';
import { RecordFigureRow, type RecordFigures } from './figures';
import { Method, Statement } from './statement';
import { Timeline } from './timeline';

const keepRange = ({ range, from, to }: RangeSearch): RangeSearch => ({ range, from, to });

type DeviceAccount = Completeness & { readonly from: string; readonly to: string };

function withShare(account: Completeness): RecordFigures {
  const { expected, missing, lost } = account;
  return { ...account, completeness: expected === 0 ? null : (expected - missing - lost) / expected };
}

/** The account of one device: figures, a bar over time, the breaks with their evidence, the numberings. */
export function DeviceRecordPage() {
  const { deviceId } = useParams({ from: '/app/devices/$deviceId/record' });
  const range = keepRange(useSearch({ from: '/app/devices/$deviceId/record' }));
  const account = useQuery(deviceRecordQuery(deviceId, range));
  useEffect(() => {
    document.title = `Record of ${deviceId} \u00b7 Millrace`;
  }, [deviceId]);
  const missing = (account.error as { status?: number } | null)?.status === 404;
  return (
    <div className="page record device-record">
      <header className="page-head">
        <nav aria-label="Place" className="crumbs">
          <Link to="/record" search={keepRange}>
            Record
          </Link>
          <Link to="/devices/$deviceId" params={{ deviceId }} search={keepRange}>
            {deviceId}
          </Link>
        </nav>
        <h1>Record of {deviceId}</h1>
        <p className="quiet page-about">Every numbered message of this range and what became of it.</p>
      </header>
      {account.data ? (
        <Loaded deviceId={deviceId} range={range} account={account.data} />
      ) : missing ? (
        <Empty title="There is no such device">{deviceId} is not registered in this tenant.</Empty>
      ) : account.error ? (
        <Problem what="The record" error={account.error} retry={() => void account.refetch()} />
      ) : (
        <Skeleton rows={8} label="the record" />
      )}
    </div>
  );
}

interface LoadedProps {
  readonly deviceId: string;
  readonly range: RangeSearch;
  readonly account: DeviceAccount;
}

function Loaded({ deviceId, range, account }: LoadedProps) {
  const gaps = useInfiniteQuery(gapsQuery(deviceId, range));
  const device = useQuery(deviceQuery(deviceId));
  const { session } = useRouteContext({ from: '/app' });
  const rows = gaps.data?.pages.flatMap((page) => page.items) ?? [];
  const from = Date.parse(account.from);
  const to = Date.parse(account.to);
  const figures = withShare(account);
  const allGaps = () => readGaps(deviceId, account);
  return (
    <>
      <RecordFigureRow of={figures} label={`Figures of ${deviceId}`} />
      <section className="panel record-panel" aria-label="Record">
        <Timeline deviceId={deviceId} gaps={rows} more={gaps.hasNextPage} from={from} to={to} />
      </section>
      <section className="list" aria-label="Gaps and silences">
        <div className="list-tools">
          <h2>
            Gaps and silences{' '}
            <span className="quiet number list-count">
              {gaps.data ? `${count(rows.length)}${gaps.hasNextPage ? '+' : ''}` : ''}
            </span>
          </h2>
          <ExportButtons
            name={`record-${deviceId}`}
            csv={async () => gapsCsv(await allGaps())}
            json={async () => ({
              tenant: session.tenant.slug,
              device_id: deviceId,
              ...account,
              gaps: await allGaps(),
            })}
          />
        </div>
        <GapsList deviceId={deviceId} range={range} />
      </section>
      <Numberings account={account} />
      <Method />
      <Statement
        subject={device.data ? `${deviceId}, ${device.data.title}` : deviceId}
        from={account.from}
        to={account.to}
        figures={figures}
      >
        <PrintedGaps rows={rows} more={gaps.hasNextPage} />
        <NumberingTable account={account} />
      </Statement>
    </>
  );
}

/** Breaks of a file at most. */
const gapsMax = 100_000;

async function readGaps(deviceId: string, { from, to }: DeviceAccount): Promise<Gap[]> {
  const rows: Gap[] = [];
  let cursor: string | undefined;
  do {
    const page = await api.listGaps(deviceId, { from, to, limit: 1000, cursor });
    rows.push(...page.items);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined && rows.length < gapsMax);
  return rows;
}

const gapMembers = [
  'kind',
  'from_seq',
  'to_seq',
  'missing',
  'from',
  'to',
  'cause',
  'evidence',
  'opened_at',
  'closed_at',
] as const;

function gapsCsv(rows: readonly Gap[]): string {
  return toCsv(
    gapMembers,
    rows.map((row) => gapMembers.map((name) => row[name])),
  );
}

function Numberings({ account }: { account: DeviceAccount }) {
  return (
    <section className="panel record-panel" aria-label="Numberings">
      <h2>Numberings</h2>
      {account.numberings.length === 0 ? (
        <p className="quiet">No number was given out in this range.</p>
      ) : (
        <NumberingTable account={account} />
      )}
    </section>
  );
}

/** Numberings that are known by a restart that was inferred have numbers of their own; see the ledger. */
const firstInferredEpoch = 2 ** 32;

function epochName(epoch: number): string {
  return epoch < firstInferredEpoch ? String(epoch) : `inferred ${String(epoch - firstInferredEpoch + 1)}`;
}

function NumberingTable({ account }: { account: DeviceAccount }) {
  return (
    <table className="plain-table">
      <thead>
        <tr>
          <th>Numbering</th>
          <th className="numeric">First</th>
          <th className="numeric">Last</th>
          <th className="numeric">Stored</th>
        </tr>
      </thead>
      <tbody>
        {account.numberings.map((one) => (
          <tr key={one.epoch}>
            <td>{epochName(one.epoch)}</td>
            <td className="numeric">{count(one.from_seq)}</td>
            <td className="numeric">{count(one.to_seq)}</td>
            <td className="numeric">{count(one.stored)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function PrintedGaps({ rows, more }: { rows: readonly Gap[]; more: boolean }) {
  if (rows.length === 0) return <p>No gap and no silence in this range.</p>;
  return (
    <>
      <table>
        <thead>
          <tr>
            <th>What</th>
            <th>From</th>
            <th className="numeric">Length</th>
            <th>Noticed</th>
            <th>Closed</th>
            <th>Cause and evidence</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={`${row.kind}-${row.opened_at}-${String(row.from_seq)}-${row.from}`}>
              <td>{whatOf(row)}</td>
              <td>{dayTime(Date.parse(row.from))}</td>
              <td className="numeric">{lengthOf(row)}</td>
              <td>{dayTime(Date.parse(row.opened_at))}</td>
              <td>{row.closed_at ? dayTime(Date.parse(row.closed_at)) : 'open'}</td>
              <td>
                {causeOf(row)}. {evidenceOf(row)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {more ? <p>Older breaks of this range are not listed here; the CSV lists all.</p> : null}
    </>
  );
}
