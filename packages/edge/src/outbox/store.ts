import type { GatewayEvent } from '@millrace/contracts';
import { refusedBackoffMs } from '@millrace/logic';
import type { DevicePlan } from '../config/plan.js';
import type { TelemetryDraft } from '../pipeline/assemble.js';
import { eventPayload, eventsTopic, gatewayCommonName, telemetryPayload, telemetryTopic } from './message.js';
import { type Database, heldOffset, Lane } from './schema.js';

/** Rows lost before they had a number, by device; their numbers are taken and left empty, so the loss shows. */
export interface Burned {
  count: number;
  tsFrom: number;
  tsTo: number;
  readonly tags: Set<string>;
  readonly cause: 'disk_full' | 'corruption';
}

export interface EventDraft {
  readonly tsMs: number;
  readonly event: GatewayEvent;
}

export interface Refusal {
  readonly id: number;
  readonly attempts: number;
}

/** Everything one transaction does. */
export interface Work {
  readonly drafts: readonly TelemetryDraft[];
  readonly events: readonly EventDraft[];
  readonly burned: ReadonlyMap<DevicePlan, Burned>;
  readonly sentIds: readonly number[];
  readonly refusals: readonly Refusal[];
}

/** When and how rows of a commit are stamped. `held` names the run while the wall clock is not set. */
export interface Stamp {
  readonly nowMs: number;
  readonly held: { readonly run: string; readonly offsetMs: number } | undefined;
}

/** A row to send. */
export interface OutboxRow {
  readonly id: number;
  readonly lane: number;
  readonly topic: string;
  readonly payload: string;
  readonly attempts: number;
}

/** The only code that knows the outbox's tables, but for retention and clock correction beside it. */
export class OutboxStore {
  readonly database: Database;
  readonly epoch: number;
  readonly #self: DevicePlan;
  readonly #gatewayCn: string;
  readonly #nextUlid: () => string;
  readonly #topics = new Map<DevicePlan, string>();
  #sequences: Map<string, number>;
  readonly #insert;
  readonly #saveSequence;
  readonly #markRange;
  readonly #refuse;
  readonly #readLane;
  readonly #readRetries;
  readonly #saveFact;
  /** Unsent rows, held ones included. Kept here because counting them costs a scan. */
  unsent: number;

  constructor(database: Database, self: DevicePlan, nextUlid: () => string) {
    this.database = database;
    this.#self = self;
    this.#gatewayCn = gatewayCommonName(self);
    this.#nextUlid = nextUlid;
    this.#insert = database.prepare(
      'INSERT INTO outbox (lane, device_id, seq, ts, stored_ms, topic, payload, held_run, held_offset) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.#saveSequence = database.prepare(
      'INSERT INTO sequences (device_id, last_seq) VALUES (?, ?) ON CONFLICT (device_id) DO UPDATE SET last_seq = excluded.last_seq',
    );
    this.#markRange = database.prepare(
      'UPDATE outbox SET sent_ms = ? WHERE id BETWEEN ? AND ? AND sent_ms IS NULL',
    );
    this.#refuse = database.prepare('UPDATE outbox SET attempts = ?, retry_ms = ? WHERE id = ?');
    this.#readLane = database.prepare(
      'SELECT id, lane, topic, payload, attempts FROM outbox WHERE sent_ms IS NULL AND lane = ? AND id > ? AND attempts = 0 ORDER BY id LIMIT ?',
    );
    this.#readRetries = database.prepare(
      // A wait beyond the longest backoff means that the wall clock stepped back; such rows are due.
      'SELECT id, lane, topic, payload, attempts FROM outbox WHERE sent_ms IS NULL AND attempts > 0 AND lane < 10 AND (retry_ms <= ? OR retry_ms > ? + 3600000) ORDER BY retry_ms LIMIT ?',
    );
    this.#saveFact = database.prepare(
      'INSERT INTO facts (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    );
    this.epoch = Number(this.fact('epoch'));
    this.#sequences = new Map(
      (
        database.prepare('SELECT device_id, last_seq FROM sequences').all() as {
          device_id: string;
          last_seq: number;
        }[]
      ).map((row) => [row.device_id, row.last_seq]),
    );
    const count = database.prepare('SELECT count(*) AS n FROM outbox WHERE sent_ms IS NULL').get() as {
      n: number;
    };
    this.unsent = count.n;
  }

  /** One transaction: losses, new rows with their numbers, acknowledgements, refusals. All or nothing. */
  commit(work: Work, stamp: Stamp): void {
    const sequences = new Map<string, number>();
    let unsent = this.unsent;
    this.database.exec('BEGIN IMMEDIATE');
    try {
      for (const [device, loss] of work.burned) {
        this.#insertBurned(device, loss, sequences, stamp);
        unsent++;
      }
      for (const draft of work.drafts) this.#insertTelemetry(draft, sequences, stamp);
      for (const event of work.events) this.#insertEvent(event, stamp);
      unsent += work.drafts.length + work.events.length;
      for (const [deviceId, last] of sequences) this.#saveSequence.run(deviceId, last);
      unsent -= this.#markSent(work.sentIds, stamp.nowMs);
      for (const refusal of work.refusals) {
        this.#refuse.run(refusal.attempts + 1, stamp.nowMs + refusedBackoffMs(refusal.attempts), refusal.id);
      }
      this.database.exec('COMMIT');
    } catch (error) {
      this.rollback();
      throw error;
    }
    for (const [deviceId, last] of sequences) this.#sequences.set(deviceId, last);
    this.unsent = unsent;
  }

  /** Deletes rows that were acknowledged and not yet marked as sent. */
  dropAcknowledged(ids: readonly number[]): void {
    const drop = this.database.prepare('DELETE FROM outbox WHERE id = ? AND sent_ms IS NULL');
    let dropped = 0;
    this.database.exec('BEGIN IMMEDIATE');
    try {
      for (const id of ids) dropped += Number(drop.run(id).changes);
      this.database.exec('COMMIT');
    } catch (error) {
      this.rollback();
      throw error;
    }
    this.unsent -= dropped;
  }

  rollback(): void {
    try {
      this.database.exec('ROLLBACK');
    } catch {
      // SQLite has rolled back by itself already after a full disk or an I/O error.
    }
  }

  /** Unsent rows of a lane behind a cursor, oldest first; rows that were refused are read by `readRetries`. */
  readLane(lane: number, afterId: number, limit: number): OutboxRow[] {
    return this.#readLane.all(lane, afterId, limit) as unknown as OutboxRow[];
  }

  /** Refused rows whose wait is over. */
  readRetries(nowMs: number, limit: number): OutboxRow[] {
    return this.#readRetries.all(nowMs, nowMs, limit) as unknown as OutboxRow[];
  }

  /** When the oldest unsent row was stored, ms since 1970; undefined when there is none. */
  oldestUnsentMs(): number | undefined {
    let oldest: number | undefined;
    for (const lane of [Lane.events, Lane.telemetry]) {
      const row = this.database
        .prepare('SELECT stored_ms FROM outbox WHERE sent_ms IS NULL AND lane = ? ORDER BY id LIMIT 1')
        .get(lane) as { stored_ms: number } | undefined;
      if (row && (oldest === undefined || row.stored_ms < oldest)) oldest = row.stored_ms;
    }
    return oldest;
  }

  /** Bytes of the database in use, free pages not counted. */
  usedBytes(): number {
    const value = (pragma: string) =>
      Number(Object.values(this.database.prepare(`PRAGMA ${pragma}`).get() as Record<string, number>)[0]);
    return (value('page_count') - value('freelist_count')) * value('page_size');
  }

  lastSeq(deviceId: string): number {
    return this.#sequences.get(deviceId) ?? 0;
  }

  fact(key: string): string | number | undefined {
    const row = this.database.prepare('SELECT value FROM facts WHERE key = ?').get(key) as
      | { value: string | number }
      | undefined;
    return row?.value;
  }

  setFact(key: string, value: string | number): void {
    this.#saveFact.run(key, value);
  }

  /** Adds an event row; for retention, inside its own transaction. */
  insertEvent(event: EventDraft, stamp: Stamp): void {
    this.#insertEvent(event, stamp);
    this.unsent++;
  }

  #insertTelemetry(draft: TelemetryDraft, sequences: Map<string, number>, stamp: Stamp): void {
    const { deviceId } = draft.device.address;
    const seq = (sequences.get(deviceId) ?? this.lastSeq(deviceId)) + 1;
    sequences.set(deviceId, seq);
    const payload = telemetryPayload(draft, {
      msgId: this.#nextUlid(),
      seq,
      epoch: this.epoch,
      gatewayCn: this.#gatewayCn,
    });
    let topic = this.#topics.get(draft.device);
    if (topic === undefined) {
      topic = telemetryTopic(draft.device);
      this.#topics.set(draft.device, topic);
    }
    this.#insertRow(Lane.telemetry, deviceId, seq, draft.tsMs, topic, payload, stamp);
  }

  #insertEvent(draft: EventDraft, stamp: Stamp): void {
    const { deviceId } = this.#self.address;
    const payload = eventPayload(deviceId, draft.tsMs, this.#nextUlid(), draft.event);
    this.#insertRow(Lane.events, deviceId, null, draft.tsMs, eventsTopic(this.#self), payload, stamp);
  }

  #insertBurned(device: DevicePlan, loss: Burned, sequences: Map<string, number>, stamp: Stamp): void {
    const { deviceId } = device.address;
    const last = sequences.get(deviceId) ?? this.lastSeq(deviceId);
    sequences.set(deviceId, last + loss.count);
    const event: GatewayEvent = {
      type: 'data_loss',
      device_id: deviceId,
      cause: loss.cause,
      count: loss.count,
      epoch: this.epoch,
      seq_from: loss.count === 0 ? 0 : last + 1,
      seq_to: loss.count === 0 ? 0 : last + loss.count,
      ts_from: loss.tsFrom,
      ts_to: loss.tsTo,
      tags: [...loss.tags].sort(),
    };
    this.#insertEvent({ tsMs: stamp.nowMs, event }, stamp);
  }

  #insertRow(
    lane: number,
    deviceId: string,
    seq: number | null,
    tsMs: number,
    topic: string,
    payload: string,
    { nowMs, held }: Stamp,
  ): void {
    this.#insert.run(
      held ? lane + heldOffset : lane,
      deviceId,
      seq,
      tsMs,
      nowMs,
      topic,
      payload,
      held?.run ?? null,
      held?.offsetMs ?? null,
    );
  }

  /** Acknowledgements come nearly in order, so a few ranges mark a batch. Returns how many rows changed. */
  #markSent(ids: readonly number[], nowMs: number): number {
    const sorted = [...ids].sort((a, b) => a - b);
    let changed = 0;
    for (let i = 0; i < sorted.length; ) {
      let end = i;
      while (end + 1 < sorted.length && sorted[end + 1]! <= sorted[end]! + 1) end++;
      changed += Number(this.#markRange.run(nowMs, sorted[i]!, sorted[end]!).changes);
      i = end + 1;
    }
    return changed;
  }
}
