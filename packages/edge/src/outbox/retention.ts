import type { GatewayEvent } from '@millrace/contracts';
import { Lane } from './schema.js';
import type { OutboxStore, Stamp } from './store.js';

export interface RetentionRule {
  readonly sentKeepMs: number;
  readonly unsentKeepMs: number;
  readonly sizeLimitBytes: number;
}

/** What a run dropped. Sent rows are not a loss; unsent ones are reported by device. */
export interface Dropped {
  readonly sentRows: number;
  readonly unsentRows: number;
  readonly losses: readonly (GatewayEvent & { readonly type: 'data_loss' })[];
}

type LossCause = 'age_limit' | 'size_limit';

/** Rows dropped in one transaction, so that retention never stalls the samples for long. */
const sliceRows = 2000;
const slicesMax = 10;
const tagsMax = 64;

interface UnsentRow {
  readonly id: number;
  readonly lane: number;
  readonly device_id: string;
  readonly seq: number | null;
  readonly ts: number;
  readonly stored_ms: number;
  readonly payload: string;
}

/**
 * ED-2: drops sent rows after their keeping time, unsent ones after theirs, and the oldest rows above the size limit,
 * sent ones first. What was not sent becomes a data_loss event per device in the same transaction. At most ten
 * slices a call. `ageKnown` is false while the wall clock is unset, and then age drops nothing.
 */
export function applyRetention(
  store: OutboxStore,
  rule: RetentionRule,
  stamp: Stamp,
  ageKnown: boolean,
  inFlight: ReadonlySet<number>,
): Dropped {
  const totals = { sentRows: 0, unsentRows: 0, losses: [] as Dropped['losses'][number][] };
  const add = (rows: readonly UnsentRow[], cause: LossCause) => {
    totals.unsentRows += rows.length;
    totals.losses.push(...dropUnsent(store, rows, cause, stamp));
  };
  for (let slice = 0; ageKnown && slice < slicesMax; slice++) {
    const dropped = dropSent(store, stamp.nowMs - rule.sentKeepMs);
    totals.sentRows += dropped;
    if (dropped < sliceRows) break;
  }
  for (let slice = 0; ageKnown && slice < slicesMax; slice++) {
    const rows = oldestUnsent(store, inFlight).filter(
      (row) => row.stored_ms < stamp.nowMs - rule.unsentKeepMs,
    );
    if (rows.length === 0) break;
    add(rows, 'age_limit');
  }
  for (let slice = 0; slice < slicesMax && store.usedBytes() > rule.sizeLimitBytes; slice++) {
    const dropped = dropSent(store, Number.MAX_SAFE_INTEGER);
    totals.sentRows += dropped;
    if (dropped > 0) continue;
    const rows = oldestUnsent(store, inFlight).slice(0, excessRows(store, rule));
    if (rows.length === 0) break;
    add(rows, 'size_limit');
  }
  return totals;
}

/** Only as many rows as bring the outbox 5 % below its limit, by its average row. */
function excessRows(store: OutboxStore, rule: RetentionRule): number {
  const used = store.usedBytes();
  const perRow = Math.max(1, used / Math.max(1, store.unsent));
  return Math.max(1, Math.ceil((used - rule.sizeLimitBytes * 0.95) / perRow));
}

function dropSent(store: OutboxStore, beforeMs: number): number {
  const result = store.database
    .prepare(
      'DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE sent_ms IS NOT NULL AND sent_ms < ? ORDER BY sent_ms LIMIT ?)',
    )
    .run(beforeMs, sliceRows);
  return Number(result.changes);
}

/** Telemetry before events: an event explains a gap and is small. */
function oldestUnsent(store: OutboxStore, inFlight: ReadonlySet<number>): UnsentRow[] {
  for (const lane of [Lane.telemetry, Lane.events]) {
    const rows = store.database
      .prepare(
        'SELECT id, lane, device_id, seq, ts, stored_ms, payload FROM outbox WHERE sent_ms IS NULL AND lane = ? ORDER BY id LIMIT ?',
      )
      .all(lane, sliceRows) as unknown as UnsentRow[];
    const free = rows.filter((row) => !inFlight.has(row.id));
    if (free.length > 0) return free;
  }
  return [];
}

function dropUnsent(
  store: OutboxStore,
  rows: readonly UnsentRow[],
  cause: LossCause,
  stamp: Stamp,
): Dropped['losses'][number][] {
  const losses = lossesOf(rows, cause, store.epoch);
  const remove = store.database.prepare('DELETE FROM outbox WHERE id = ?');
  const before = store.unsent;
  store.database.exec('BEGIN IMMEDIATE');
  try {
    for (const row of rows) remove.run(row.id);
    store.unsent -= rows.length;
    for (const event of losses) store.insertEvent({ tsMs: stamp.nowMs, event }, stamp);
    store.database.exec('COMMIT');
  } catch (error) {
    store.rollback();
    store.unsent = before;
    throw error;
  }
  return losses;
}

function lossesOf(rows: readonly UnsentRow[], cause: LossCause, epoch: number): Dropped['losses'][number][] {
  const groups = new Map<string, UnsentRow[]>();
  for (const row of rows) {
    if (row.lane !== Lane.telemetry) continue;
    const group = groups.get(row.device_id);
    if (group) group.push(row);
    else groups.set(row.device_id, [row]);
  }
  return [...groups].map(([deviceId, group]) => ({
    type: 'data_loss' as const,
    device_id: deviceId,
    cause,
    count: group.length,
    epoch,
    seq_from: least(group.map((row) => row.seq ?? 0)),
    seq_to: most(group.map((row) => row.seq ?? 0)),
    ts_from: least(group.map((row) => row.ts)),
    ts_to: most(group.map((row) => row.ts)),
    tags: tagsOf(group),
  }));
}

function tagsOf(rows: readonly UnsentRow[]): string[] {
  const tags = new Set<string>();
  for (const row of rows) {
    const payload = JSON.parse(row.payload) as { d?: Record<string, unknown> };
    for (const tag of Object.keys(payload.d ?? {})) tags.add(tag);
    if (tags.size >= tagsMax) break;
  }
  return [...tags].sort().slice(0, tagsMax);
}

function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b));
}

function most(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b));
}
