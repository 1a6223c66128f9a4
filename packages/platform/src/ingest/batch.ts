import type { DeadLetterReason } from '@millrace/contracts';
import type { PublishBatch } from '@millrace/mqtt';
import { ChangeSet } from '../ledger/change-set.js';
import { CopyBuffer } from './copy-buffer.js';
import type { Replay, ReplayBatch } from './replay.js';
import type { DeviceRoute } from './route.js';
import type { Layouts } from './table-layout.js';

/** What becomes of a row. */
export const RowState = { live: 0, duplicate: 1, deadLetter: 2, refused: 3, handled: 4 } as const;

/** A message that will be kept as a dead letter; the payload is copied when the row is written. */
export interface PendingDeadLetter {
  readonly reason: DeadLetterReason;
  /** The reason as people see it, e.g. `unknown_schema_version_9.9`. */
  readonly shownReason: string;
  readonly detail: string;
  readonly schemaVersion: string | undefined;
}

/** A parsed message of the `events` or `status` class. */
export interface PendingEvent {
  readonly tenantId: number;
  readonly deviceNo: number;
  readonly msgId: string;
  readonly ts: number;
  readonly receivedAt: number;
  readonly type: string;
  readonly body: string;
}

/** Where a submitted batch's rows lie in this one. */
interface Part {
  readonly publish: PublishBatch;
  readonly settle: () => void;
  readonly from: number;
}

/**
 * The unit of the river: the rows of one or more PUBLISH batches, from decode to commit, as columns. A row that
 * becomes a reading lies as a byte range in the COPY buffer of its table; the stages after decode mark rows and patch
 * bytes. Batches are pooled; `reset` makes one new.
 */
export class Batch {
  length = 0;
  state: Uint8Array;
  table: Uint8Array;
  /** Byte range of the row in its table's buffer; likewise of its extra tags. */
  start: Uint32Array;
  end: Uint32Array;
  extraStart: Uint32Array;
  extraEnd: Uint32Array;
  ts: Float64Array;
  receivedAt: Float64Array;
  /** 0 = the message has no number. */
  seq: Float64Array;
  /** -1 = the message names no epoch. */
  epoch: Float64Array;
  readonly routes: (DeviceRoute | undefined)[] = [];
  readonly tables: readonly CopyBuffer[];
  readonly deadLetters = new Map<number, PendingDeadLetter>();
  readonly events: PendingEvent[] = [];
  /** Rows without `seq` and their identities (16 bytes as hex). */
  readonly unnumbered = new Map<number, string>();
  /** Rows that are dead letters on their second way. */
  readonly replays = new Map<number, Replay>();
  readonly parts: Part[] = [];
  changes = new ChangeSet();
  id = '';
  payloadBytes = 0;
  /** Rows marked as something other than live after they were written to a COPY buffer. */
  withdrawn = 0;

  constructor(layouts: Layouts, capacity: number) {
    this.tables = layouts.all.map(() => new CopyBuffer());
    this.state = new Uint8Array(capacity);
    this.table = new Uint8Array(capacity);
    this.start = new Uint32Array(capacity);
    this.end = new Uint32Array(capacity);
    this.extraStart = new Uint32Array(capacity);
    this.extraEnd = new Uint32Array(capacity);
    this.ts = new Float64Array(capacity);
    this.receivedAt = new Float64Array(capacity);
    this.seq = new Float64Array(capacity);
    this.epoch = new Float64Array(capacity);
  }

  /** Adds the rows of a PUBLISH batch; returns the index of the first. The caller decodes them. */
  append(publish: PublishBatch, settle: () => void): number {
    const from = this.length;
    this.length += publish.length;
    if (this.length > this.state.length) this.#grow(Math.max(this.length, this.state.length * 2));
    this.parts.push({ publish, settle, from });
    const { replays } = publish as Partial<ReplayBatch>;
    if (replays !== undefined) for (const [i, replay] of replays) this.replays.set(from + i, replay);
    return from;
  }

  /** Marks a row that was live; its bytes will not be sent. */
  withdraw(row: number, state: number): void {
    if (this.state[row] === RowState.live) this.withdrawn++;
    this.state[row] = state;
  }

  reset(): void {
    this.length = 0;
    this.payloadBytes = 0;
    this.withdrawn = 0;
    this.deadLetters.clear();
    this.events.length = 0;
    this.unnumbered.clear();
    this.replays.clear();
    this.parts.length = 0;
    this.routes.length = 0;
    this.changes = new ChangeSet();
    for (const table of this.tables) if (table.rows > 0) table.reset();
  }

  #grow(capacity: number): void {
    const larger = <T extends Uint8Array | Uint32Array | Float64Array>(old: T, made: T): T => {
      made.set(old);
      return made;
    };
    this.state = larger(this.state, new Uint8Array(capacity));
    this.table = larger(this.table, new Uint8Array(capacity));
    this.start = larger(this.start, new Uint32Array(capacity));
    this.end = larger(this.end, new Uint32Array(capacity));
    this.extraStart = larger(this.extraStart, new Uint32Array(capacity));
    this.extraEnd = larger(this.extraEnd, new Uint32Array(capacity));
    this.ts = larger(this.ts, new Float64Array(capacity));
    this.receivedAt = larger(this.receivedAt, new Float64Array(capacity));
    this.seq = larger(this.seq, new Float64Array(capacity));
    this.epoch = larger(this.epoch, new Float64Array(capacity));
  }
}
