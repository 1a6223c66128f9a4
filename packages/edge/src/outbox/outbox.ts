import type { GatewayEvent } from '@millrace/contracts';
import {
  type Clock,
  createUlidFactory,
  errorMessage,
  type Logger,
  type Random,
  type Timer,
} from '@millrace/foundation';
import type { DevicePlan, Plan } from '../config/plan.js';
import type { TelemetryDraft } from '../pipeline/assemble.js';
import { clockSetMs, releaseHeld } from './clock-hold.js';
import { applyRetention, type RetentionRule } from './retention.js';
import { isCorruption, isDiskTrouble, Lane, moveAside, openDatabase, type SetAside } from './schema.js';
import {
  type Burned,
  type EventDraft,
  type OutboxRow,
  OutboxStore,
  type Refusal,
  type Stamp,
} from './store.js';

export interface OutboxOptions {
  readonly file: string;
  readonly plan: Plan;
  readonly retention: RetentionRule;
  readonly lingerMs: number;
  readonly memoryRows: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Rows were stored and may be sent. */
  readonly onStored: () => void;
}

/** What the last run left behind. */
export interface PreviousRun {
  readonly previous: 'first_start' | 'orderly' | 'crash';
  readonly previousAliveMs: number | undefined;
}

export interface OutboxStats {
  readonly unsent: number;
  readonly oldestUnsentMs: number | undefined;
  readonly bytes: number;
  readonly epoch: number;
  /** Rows written since the start. */
  readonly stored: number;
  readonly sent: number;
  readonly refused: number;
  /** Unsent rows dropped by age, size, a full disk or a broken file. */
  readonly lost: number;
  readonly expired: number;
  /** Drafts waiting in memory, normally for less than the linger. */
  readonly waiting: number;
  readonly writeFailures: number;
}

/** A row handed to the uplink; give it back to `settle`. */
export interface TakenRow extends OutboxRow {
  readonly generation: number;
}

const flushRows = 500;
const retryMs = 1000;
const aliveEveryMs = 5000;
const retentionEveryMs = 10_000;
const lossTagsMax = 64;
/** Room for what comes in between two runs of the retention. */
const hardLimitFactor = 1.25;

/**
 * The outbox as the rest of the gateway uses it: drafts go in and are stored together after at most the linger; rows
 * come out oldest first; outcomes are marked in the same transactions. A disk that takes nothing makes it hold a
 * bounded number of drafts in memory, and what does not fit is counted and reported once it can be written.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #clock: Clock;
  readonly #run: string;
  readonly #nextUlid: () => string;
  #store: OutboxStore | undefined;
  #generation = 0;
  #runStartMonotonicMs = 0;
  #drafts: TelemetryDraft[] = [];
  #events: EventDraft[] = [];
  #burned = new Map<DevicePlan, Burned>();
  #sent: number[] = [];
  #refusals: Refusal[] = [];
  #inFlight = new Set<number>();
  #cursors: [number, number] = [0, 0];
  #holding = false;
  #flushTimer: Timer | undefined;
  #timers: Timer[] = [];
  #counts = { stored: 0, sent: 0, refused: 0, lost: 0, expired: 0, writeFailures: 0 };

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#nextUlid = createUlidFactory(options.clock, options.random);
    this.#run = this.#nextUlid();
  }

  /** Opens the file; a broken one is set aside. Throws `data_dir_unwritable` when none can be made. */
  open(): PreviousRun {
    this.#runStartMonotonicMs = this.#clock.monotonicMs();
    const setAside = this.#openStore();
    const store = this.#need();
    const alive = store.fact('alive_ms');
    const orderly = store.fact('orderly') === 1;
    const previous =
      alive === undefined ? (setAside ? 'crash' : 'first_start') : orderly ? 'orderly' : 'crash';
    store.setFact('orderly', 0);
    this.#holding =
      store.database.prepare('SELECT 1 FROM outbox WHERE held_run IS NOT NULL LIMIT 1').get() !== undefined;
    this.#guard(() => store.setFact('alive_ms', this.#clock.nowMs()));
    this.#timers = [
      this.#clock.every(aliveEveryMs, () =>
        this.#guard(() => this.#need().setFact('alive_ms', this.#clock.nowMs())),
      ),
      this.#clock.every(retentionEveryMs, () => this.#retain()),
    ];
    return { previous, previousAliveMs: alive === undefined ? undefined : Number(alive) };
  }

  /** Writes what waits, notes the orderly stop and closes the file. */
  close(): void {
    const store = this.#store;
    if (!store) return;
    for (const timer of this.#timers) timer.cancel();
    this.#flushTimer?.cancel();
    this.#flushTimer = undefined;
    this.flush();
    this.#flushTimer = undefined;
    this.#guard(() => {
      this.#need().setFact('alive_ms', this.#clock.nowMs());
      this.#need().setFact('orderly', 1);
      // The file alone then holds everything, and may be copied or moved.
      this.#need().database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    });
    this.#store?.database.close();
    this.#store = undefined;
  }

  addTelemetry(drafts: readonly TelemetryDraft[]): void {
    for (const draft of drafts) {
      if (this.#drafts.length >= this.#options.memoryRows) this.#burn(this.#drafts.shift()!, 'disk_full');
      this.#drafts.push(draft);
    }
    this.#schedule(this.#drafts.length >= flushRows ? 0 : this.#options.lingerMs);
  }

  addEvent(event: GatewayEvent): void {
    // Events are rare; a thousand waiting ones mean a disk that has been full for long.
    if (this.#events.length >= 1000) this.#events.shift();
    this.#events.push({ tsMs: this.#clock.nowMs(), event });
    this.#schedule(0);
  }

  /** Unsent rows not in flight: events first, then refused ones whose wait is over, then telemetry, oldest first. */
  take(limit: number): TakenRow[] {
    const store = this.#store;
    if (!store || limit <= 0) return [];
    const taken: TakenRow[] = [];
    const add = (row: OutboxRow) => {
      this.#inFlight.add(row.id);
      taken.push({ ...row, generation: this.#generation });
    };
    this.#guard(() => {
      this.#takeLane(store, Lane.events, limit, taken, add);
      if (taken.length < limit) {
        for (const row of store.readRetries(this.#clock.nowMs(), limit + this.#inFlight.size)) {
          if (taken.length < limit && !this.#inFlight.has(row.id)) add(row);
        }
      }
      this.#takeLane(store, Lane.telemetry, limit, taken, add);
    });
    return taken;
  }

  /** The fate of a taken row: the reason code of its PUBACK. Below 0x80 it is sent; else it waits its backoff. */
  settle(row: TakenRow, reasonCode: number): void {
    if (row.generation !== this.#generation) return;
    if (reasonCode < 0x80) {
      this.#sent.push(row.id);
      this.#counts.sent++;
    } else {
      this.#refusals.push({ id: row.id, attempts: row.attempts });
      this.#counts.refused++;
    }
    this.#schedule(this.#sent.length >= flushRows ? 0 : this.#options.lingerMs);
  }

  /** The connection ended: rows without an outcome are to be taken again. */
  forgetInFlight(): void {
    this.#inFlight = new Set([...this.#sent, ...this.#refusals.map((refusal) => refusal.id)]);
    this.#cursors = [0, 0];
  }

  /** Writes everything that waits in one transaction. */
  flush(): void {
    if (this.#flushTimer) {
      this.#flushTimer.cancel();
      this.#flushTimer = undefined;
    }
    const store = this.#store;
    const nothing =
      this.#drafts.length + this.#events.length + this.#sent.length + this.#refusals.length === 0;
    if (!store || (nothing && this.#burned.size === 0)) return;
    const stamp = this.#stamp();
    const work = {
      drafts: this.#drafts,
      events: this.#events,
      burned: this.#burned,
      sentIds: this.#sent,
      refusals: this.#refusals,
    };
    const done = this.#guard(() => {
      if (!stamp.held && this.#holding) this.#release(store);
      store.commit(work, stamp);
    });
    if (!done) {
      this.#dropAcknowledged();
      this.#schedule(retryMs);
      return;
    }
    if (stamp.held) this.#holding = true;
    const added = work.drafts.length + work.events.length + work.burned.size;
    this.#counts.stored += added;
    for (const id of this.#sent) this.#inFlight.delete(id);
    for (const refusal of this.#refusals) this.#inFlight.delete(refusal.id);
    this.#drafts = [];
    this.#events = [];
    this.#burned = new Map();
    this.#sent = [];
    this.#refusals = [];
    if (added > 0 && !stamp.held) this.#options.onStored();
  }

  /**
   * A file at its limit takes no new row, and so takes no mark either when both go together; while acknowledged rows
   * look unsent, retention may not drop them and the file stays full for ever. So they are deleted, which needs no
   * space and is what retention does with sent rows above the limit.
   */
  #dropAcknowledged(): void {
    const store = this.#store;
    if (!store || this.#sent.length === 0) return;
    const ids = this.#sent;
    if (!this.#guard(() => store.dropAcknowledged(ids))) return;
    for (const id of ids) this.#inFlight.delete(id);
    this.#counts.expired += ids.length;
    this.#sent = [];
  }

  /** Small state of other stages that must outlive the process, by key. */
  saveState(key: string, value: string): void {
    this.#guard(() => this.#store?.setFact(`state:${key}`, value));
  }

  readState(key: string): string | undefined {
    const value = this.#store?.fact(`state:${key}`);
    return value === undefined ? undefined : String(value);
  }

  stats(): OutboxStats {
    let oldestUnsentMs: number | undefined;
    let bytes = 0;
    this.#guard(() => {
      oldestUnsentMs = this.#store?.oldestUnsentMs();
      bytes = this.#store?.usedBytes() ?? 0;
    });
    return {
      ...this.#counts,
      unsent: this.#store?.unsent ?? 0,
      oldestUnsentMs,
      bytes,
      epoch: this.#store?.epoch ?? 0,
      waiting: this.#drafts.length,
    };
  }

  #takeLane(
    store: OutboxStore,
    lane: 0 | 1,
    limit: number,
    taken: readonly TakenRow[],
    add: (row: OutboxRow) => void,
  ): void {
    while (taken.length < limit) {
      const rows = store.readLane(lane, this.#cursors[lane], limit - taken.length);
      const last = rows.at(-1);
      if (!last) return;
      this.#cursors[lane] = last.id;
      for (const row of rows) if (!this.#inFlight.has(row.id)) add(row);
    }
  }

  #schedule(delayMs: number): void {
    if (this.#flushTimer || !this.#store) return;
    this.#flushTimer = this.#clock.after(delayMs, () => {
      this.#flushTimer = undefined;
      this.flush();
    });
  }

  #stamp(): Stamp {
    const nowMs = this.#clock.nowMs();
    if (nowMs >= clockSetMs) return { nowMs, held: undefined };
    return { nowMs, held: { run: this.#run, offsetMs: nowMs - this.#clock.monotonicMs() } };
  }

  #release(store: OutboxStore): void {
    const released = releaseHeld(store, {
      nowMs: this.#clock.nowMs(),
      monotonicMs: this.#clock.monotonicMs(),
      runStartMonotonicMs: this.#runStartMonotonicMs,
      run: this.#run,
    });
    // Drafts in memory were stamped by the unset clock as well; they are few and move by the same amount.
    const shift = this.#clock.nowMs() - this.#clock.monotonicMs();
    for (const draft of this.#drafts) {
      if (draft.tsMs < clockSetMs) draft.tsMs = Math.round(shift + this.#clock.monotonicMs());
    }
    this.#holding = false;
    this.#cursors = [0, 0];
    this.#options.logger.info('The clock is set; held messages were corrected and released.', { released });
    this.#options.onStored();
  }

  #retain(): void {
    const store = this.#store;
    if (!store) return;
    const stamp = this.#stamp();
    if (!stamp.held && this.#holding) this.#guard(() => this.#release(store));
    this.#guard(() => {
      const dropped = applyRetention(store, this.#options.retention, stamp, !stamp.held, this.#inFlight);
      this.#counts.expired += dropped.sentRows;
      this.#counts.lost += dropped.unsentRows;
      for (const loss of dropped.losses)
        this.#options.logger.error('Unsent messages were dropped from the outbox.', { ...loss });
      if (dropped.losses.length > 0) this.#options.onStored();
    });
  }

  #burn(draft: TelemetryDraft, cause: Burned['cause']): void {
    const loss = this.#burned.get(draft.device) ?? {
      count: 0,
      tsFrom: draft.tsMs,
      tsTo: draft.tsMs,
      tags: new Set<string>(),
      cause,
    };
    loss.count++;
    loss.tsTo = draft.tsMs;
    for (const tag of Object.keys(draft.d)) if (loss.tags.size < lossTagsMax) loss.tags.add(tag);
    this.#burned.set(draft.device, loss);
    this.#counts.lost++;
  }

  /** Runs database work; false when it failed in a way the gateway lives with. Anything else is a defect and throws. */
  #guard(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      this.#counts.writeFailures++;
      if (isCorruption(error)) {
        this.#replaceBroken(errorMessage(error));
        return false;
      }
      if (!isDiskTrouble(error)) throw error;
      this.#options.logger.error(
        'The outbox cannot be written; messages are held in memory. Free space on its disk.',
        { error: errorMessage(error), waiting: this.#drafts.length, memory_rows: this.#options.memoryRows },
      );
      return false;
    }
  }

  #replaceBroken(reason: string): void {
    try {
      this.#store?.database.close();
    } catch {
      // A broken file may fail to close; it is renamed all the same.
    }
    const setAside = moveAside(this.#options.file, this.#clock, reason);
    this.#openStore(setAside);
  }

  #openStore(known?: SetAside): SetAside | undefined {
    const opened = openDatabase(
      this.#options.file,
      this.#options.retention.sizeLimitBytes * hardLimitFactor,
      this.#clock,
      this.#options.random,
    );
    this.#store = new OutboxStore(opened.database, this.#options.plan.self, this.#nextUlid);
    this.#generation++;
    this.#inFlight = new Set();
    this.#sent = [];
    this.#refusals = [];
    this.#cursors = [0, 0];
    const setAside = known ?? opened.setAside;
    if (setAside) {
      this.#options.logger.error('The outbox file was broken and was set aside; a new numbering begins.', {
        ...setAside,
        epoch: this.#store.epoch,
      });
      for (const device of this.#options.plan.devices) this.#reportBroken(device, setAside);
      this.#schedule(0);
    }
    return setAside;
  }

  /** How many rows a broken file held cannot be known, so the event says 0 and gives the time range. */
  #reportBroken(device: DevicePlan, setAside: SetAside): void {
    const tags = new Set(device.tags.slice(0, lossTagsMax).map((tag) => tag.name));
    this.#burned.set(device, {
      count: 0,
      tsFrom: setAside.fromMs,
      tsTo: setAside.toMs,
      tags,
      cause: 'corruption',
    });
  }

  #need(): OutboxStore {
    if (!this.#store) throw new TypeError('the outbox is not open');
    return this.#store;
  }
}
