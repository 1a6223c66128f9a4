import type { Pool } from 'pg';
import type { TableLayout } from '../ingest/table-layout.js';
import type { LiveDevice, StoredLiveDevice } from './live-device.js';

/** Rows a device may catch up on at the start; older ones are in the checkpoint. */
const catchUpRowsMax = 500;

export async function loadStates(
  owner: Pool,
): Promise<{ deviceNo: number; tenantId: number; state: StoredLiveDevice }[]> {
  const { rows } = await owner.query<{ deviceNo: number; tenantId: number; state: StoredLiveDevice }>(
    'SELECT device_no AS "deviceNo", tenant_id AS "tenantId", state FROM device_states',
  );
  return rows;
}

/** Devices written at a time: few, because making their text must not hold up the river. */
const saveChunk = 100;

export async function saveStates(owner: Pool, devices: readonly LiveDevice[]): Promise<void> {
  for (let at = 0; at < devices.length; at += saveChunk)
    await saveSome(owner, devices.slice(at, at + saveChunk));
}

async function saveSome(owner: Pool, devices: readonly LiveDevice[]): Promise<void> {
  await owner.query(
    `INSERT INTO device_states (device_no, tenant_id, state)
     SELECT * FROM unnest($1::int[], $2::int[], $3::jsonb[])
     ON CONFLICT (device_no) DO UPDATE SET state = excluded.state, tenant_id = excluded.tenant_id`,
    [
      devices.map((device) => device.deviceNo),
      devices.map((device) => device.tenantId),
      devices.map((device) => JSON.stringify(device.toStored())),
    ],
  );
}

/** Brings devices of one table up to the rows that came after their checkpoint. */
export async function catchUp(
  owner: Pool,
  layout: TableLayout,
  devices: ReadonlyMap<number, LiveDevice>,
): Promise<void> {
  const list = [...devices.values()];
  if (list.length === 0) return;
  const { rows } = await owner.query<Record<string, unknown>>(
    `SELECT t.* FROM unnest($1::int[], $2::timestamptz[]) AS d (no, ts)
      CROSS JOIN LATERAL (SELECT * FROM ${layout.table} r WHERE r.device_no = d.no AND r.ts > d.ts
                           ORDER BY r.ts DESC LIMIT ${catchUpRowsMax}) t`,
    [list.map((device) => device.deviceNo), list.map((device) => new Date(device.lastTs))],
  );
  for (const row of rows.reverse()) {
    const device = devices.get(row.device_no as number)!;
    const ts = (row.ts as Date).getTime();
    const receivedAt = (row.received_at as Date).getTime();
    const sourceTs = (row.source_ts as Date | null)?.getTime() ?? null;
    if (receivedAt > device.lastSeen) device.lastSeen = receivedAt;
    if (ts > device.lastTs) device.lastTs = ts;
    for (const column of layout.columns) {
      const q = row[column.qualityColumn] as number | null;
      if (q === null) continue;
      const v = row[column.valueColumn] as number | string | boolean | null;
      device.restoreValue(column.tag.name, { v, q, ts, sourceTs, receivedAt });
    }
  }
}
