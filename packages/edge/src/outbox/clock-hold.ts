import { heldOffset } from './schema.js';
import type { OutboxStore } from './store.js';

/** A wall clock before this has not been set: the year in which gateways boot without a battery is 1970. */
export const clockSetMs = Date.UTC(2020, 0, 1);

export interface ClockReading {
  readonly nowMs: number;
  readonly monotonicMs: number;
  /** Monotonic time at which this run began. */
  readonly runStartMonotonicMs: number;
  readonly run: string;
}

interface HeldRow {
  readonly id: number;
  readonly ts: number;
  readonly payload: string;
  readonly held_run: string;
  readonly held_offset: number;
}

/**
 * Gives rows that were stamped before the clock was set their true time and lets them go. Rows of this run move by
 * exactly what the clock was wrong; rows of an earlier run, whose monotonic clock is gone, are placed so that the
 * last of them lies at the start of this run. The original stays in meta.source_ts. Returns the rows released.
 */
export function releaseHeld(store: OutboxStore, clock: ClockReading): number {
  const rows = store.database
    .prepare(
      'SELECT id, ts, payload, held_run, held_offset FROM outbox WHERE held_run IS NOT NULL ORDER BY id',
    )
    .all() as unknown as HeldRow[];
  if (rows.length === 0) return 0;
  const offsetNow = clock.nowMs - clock.monotonicMs;
  const runStartMs = offsetNow + clock.runStartMonotonicMs;
  const lastTs = new Map<string, number>();
  for (const row of rows) lastTs.set(row.held_run, Math.max(lastTs.get(row.held_run) ?? row.ts, row.ts));
  const update = store.database.prepare(
    'UPDATE outbox SET lane = lane - ?, ts = ?, stored_ms = ?, payload = ?, held_run = NULL, held_offset = NULL WHERE id = ?',
  );
  store.database.exec('BEGIN IMMEDIATE');
  try {
    for (const row of rows) {
      const shift =
        row.held_run === clock.run ? offsetNow - row.held_offset : runStartMs - lastTs.get(row.held_run)!;
      const ts = Math.round(row.ts + shift);
      update.run(heldOffset, ts, clock.nowMs, corrected(row.payload, ts), row.id);
    }
    store.database.exec('COMMIT');
  } catch (error) {
    store.rollback();
    throw error;
  }
  return rows.length;
}

function corrected(payload: string, ts: number): string {
  const message = JSON.parse(payload) as { ts: number };
  message.ts = ts;
  return JSON.stringify(message);
}
