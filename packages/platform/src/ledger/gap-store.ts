import type { Pool } from 'pg';
import type { NearbyEvent } from './causes.js';

/** How far around a break events may lie that explain it, ms. */
const nearbyMs = 60_000;

export interface NewBreak {
  readonly tenantId: number;
  readonly deviceNo: number;
  readonly kind: 'gap' | 'silence';
  readonly epoch: number | null;
  readonly fromSeq: number | null;
  readonly toSeq: number | null;
  readonly missing: number;
  readonly fromTs: number;
  /** null = not over yet. */
  readonly toTs: number | null;
  readonly cause: string;
  readonly evidence: string;
  readonly openedAt: number;
  readonly closedAt: number | null;
}

export async function insertBreak(owner: Pool, row: NewBreak): Promise<number> {
  const { rows } = await owner.query<{ gap_id: number }>(
    `INSERT INTO gaps (tenant_id, device_no, kind, epoch, from_seq, to_seq, missing, from_ts, to_ts, cause, evidence, opened_at, closed_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, to_timestamp($8 / 1000.0), to_timestamp($9 / 1000.0), $10, $11,
             to_timestamp($12 / 1000.0), to_timestamp($13 / 1000.0)) RETURNING gap_id`,
    [
      row.tenantId,
      row.deviceNo,
      row.kind,
      row.epoch,
      row.fromSeq,
      row.toSeq,
      row.missing,
      row.fromTs,
      row.toTs,
      row.cause,
      row.evidence,
      row.openedAt,
      row.closedAt,
    ],
  );
  return rows[0]!.gap_id;
}

/** Sets how many numbers of a gap are missing; none = it is closed. */
export async function updateGap(owner: Pool, gapId: number, missing: number, nowMs: number): Promise<void> {
  await owner.query(
    `UPDATE gaps SET missing = $2, closed_at = CASE WHEN $2::bigint = 0 THEN to_timestamp($3 / 1000.0) END WHERE gap_id = $1`,
    [gapId, missing, nowMs],
  );
}

/** Gives a gap another cause, once it is known. */
export async function explainGap(owner: Pool, gapId: number, cause: string, evidence: string): Promise<void> {
  await owner.query('UPDATE gaps SET cause = $2, evidence = $3 WHERE gap_id = $1', [gapId, cause, evidence]);
}

/** Removes a silence that was open: the reading that ended it tells how long it really was. */
export async function removeOpenSilence(owner: Pool, gapId: number): Promise<void> {
  await owner.query("DELETE FROM gaps WHERE gap_id = $1 AND kind = 'silence'", [gapId]);
}

export async function loadOpenBreaks(owner: Pool): Promise<
  {
    gapId: number;
    tenantId: number;
    deviceNo: number;
    kind: 'gap' | 'silence';
    epoch: number | null;
    fromSeq: number | null;
    toSeq: number | null;
    missing: number;
    fromTs: number;
    cause: string;
  }[]
> {
  const { rows } = await owner.query(
    `SELECT gap_id AS "gapId", tenant_id AS "tenantId", device_no AS "deviceNo", kind, epoch, from_seq AS "fromSeq",
            to_seq AS "toSeq", missing, (extract(epoch FROM from_ts) * 1000)::bigint AS "fromTs", cause
       FROM gaps WHERE closed_at IS NULL`,
  );
  return rows;
}

/** Events of these devices and of the platform around a time, and dead letters without a number in it. */
export async function nearbyEvents(
  owner: Pool,
  tenantId: number,
  deviceNos: readonly number[],
  fromMs: number,
  toMs: number,
): Promise<{ events: NearbyEvent[]; deadLetters: number }> {
  const range = [tenantId, deviceNos, fromMs - nearbyMs, toMs + nearbyMs];
  const events = await owner.query<NearbyEvent>(
    `SELECT type, body, (extract(epoch FROM ts) * 1000)::bigint AS ts FROM events
      WHERE tenant_id = $1 AND (device_no = ANY($2) OR device_no IS NULL)
        AND ts BETWEEN to_timestamp($3 / 1000.0) AND to_timestamp($4 / 1000.0) ORDER BY ts LIMIT 200`,
    range,
  );
  const letters = await owner.query<{ count: number }>(
    `SELECT count(*) AS count FROM dead_letters WHERE tenant_id = $1 AND device_no = $2 AND seq IS NULL
        AND received_at BETWEEN to_timestamp($3 / 1000.0) AND to_timestamp($4 / 1000.0)`,
    [tenantId, deviceNos[0], fromMs, toMs + nearbyMs],
  );
  return { events: events.rows, deadLetters: letters.rows[0]?.count ?? 0 };
}

/** A numbered reading; `ts` in ms. */
export interface Reading {
  readonly ts: number;
  readonly seq: number;
}

/** The newest readings of a device up to a little after a time, newest first. */
export async function readingsUpTo(
  owner: Pool,
  table: string,
  deviceNo: number,
  ts: number,
): Promise<Reading[]> {
  const { rows } = await owner.query<Reading>(
    `SELECT (extract(epoch FROM ts) * 1000)::bigint AS ts, seq FROM ${table}
      WHERE device_no = $1 AND seq IS NOT NULL AND ts <= to_timestamp($2 / 1000.0)
      ORDER BY ts DESC LIMIT 1000`,
    [deviceNo, ts + nearbyMs],
  );
  return rows;
}

/** True when a silence of the device that covers this time is already known. */
export async function hasSilence(
  owner: Pool,
  deviceNo: number,
  fromTs: number,
  toTs: number,
): Promise<boolean> {
  const { rowCount } = await owner.query(
    `SELECT FROM gaps WHERE device_no = $1 AND kind = 'silence' AND from_ts < to_timestamp($3 / 1000.0)
        AND coalesce(to_ts, 'infinity') > to_timestamp($2 / 1000.0)`,
    [deviceNo, fromTs, toTs],
  );
  return (rowCount ?? 0) > 0;
}
