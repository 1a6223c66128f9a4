import { type Clock, errorMessage, type Logger, sleep } from '@millrace/foundation';
import pg from 'pg';
import { encodeJournal } from '../ledger/journal.js';
import { ownershipLost } from '../ledger/ownership.js';
import { type Batch, RowState } from './batch.js';
import { compact } from './compact.js';
import { CopyTransaction } from './copy-transaction.js';
import { isolatePoison } from './isolate.js';
import { dayOf, type Partitions } from './partitions.js';
import { replaySql } from './replay.js';
import type { Layouts } from './table-layout.js';
import { writeDeadLetters } from './write-dead-letters.js';

export interface StoreOptions {
  /** Connection settings as `millrace_ingest`. */
  readonly connection: pg.ClientConfig;
  readonly connections: number;
  readonly layouts: Layouts;
  readonly partitions: Partitions;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where partitions of a bus are owned: the statement that fails with `ownershipLost` once they are not. */
  readonly fence?: { readonly sql: () => string; readonly lost: (sql: string) => void };
}

const retryDelayMs = 50;
const retryDelayMsMax = 2_000;

/** Counts since the start. */
export interface StoreCounts {
  batches: number;
  retries: number;
  /** Batches of which the answer was lost and which turned out to be committed. */
  ambiguousCommitted: number;
  poisonRows: number;
}

/**
 * Stage store: commits batches, each in one transaction, on a few connections at a time. A batch is tried until it is
 * committed: while the database is away it is held, and its rows are not acknowledged. When the answer to a commit
 * is lost, the journal row with the batch's id tells whether it happened.
 */
export class Store {
  readonly #options: StoreOptions;
  readonly #stopped = new AbortController();
  readonly #free: StoreConnection[] = [];
  readonly counts: StoreCounts = { batches: 0, retries: 0, ambiguousCommitted: 0, poisonRows: 0 };
  #failingSince = -1;

  constructor(options: StoreOptions) {
    this.#options = options;
    for (let i = 0; i < options.connections; i++) this.#free.push(new StoreConnection(options));
  }

  get stopped(): boolean {
    return this.#stopped.signal.aborted;
  }

  /** Whether a connection has nothing to do. */
  get idle(): boolean {
    return this.#free.length > 0;
  }

  /** Ms since the database began to fail; 0 while it works. */
  get failingForMs(): number {
    return this.#failingSince < 0 ? 0 : this.#options.clock.monotonicMs() - this.#failingSince;
  }

  /**
   * Commits a batch on a free connection (`idle` must hold). Resolves true when it is committed, and false only when
   * the store was stopped before that, or when the partitions belong to another process by now.
   */
  async commit(batch: Batch): Promise<boolean> {
    const connection = this.#free.pop()!;
    try {
      return await this.#commit(connection, batch);
    } finally {
      this.#free.push(connection);
    }
  }

  /** Ends the retries and the connections. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#free.map((connection) => connection.close()));
  }

  async #commit(connection: StoreConnection, batch: Batch): Promise<boolean> {
    const { signal } = this.#stopped;
    // Of the tenure in which the batch was sequenced, also when it is tried again after the tenure's end.
    const fenceSql = this.#options.fence?.sql();
    let sent = false;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        if (sent && (await connection.wasCommitted(batch.id))) this.counts.ambiguousCommitted++;
        else {
          await this.#makePartitions(batch);
          sent = true;
          await this.#send(connection, batch, fenceSql);
        }
        this.counts.batches++;
        this.#recovered();
        return true;
      } catch (error) {
        if ((error as { code?: string }).code === ownershipLost) {
          this.#options.fence?.lost(fenceSql!);
          return false;
        }
        this.counts.retries++;
        if (await this.#handled(connection, batch, error)) continue;
        this.#report(error);
        const delayMs = Math.min(retryDelayMsMax, retryDelayMs * 2 ** Math.min(attempt, 10));
        await sleep(this.#options.clock, delayMs, signal);
      }
    }
    return false;
  }

  /** Treats an error that lies in the rows and not in the database. Returns true when the batch can be sent again. */
  async #handled(connection: StoreConnection, batch: Batch, error: unknown): Promise<boolean> {
    // Class 22 (data exception) and 23 (integrity): sending the same again would fail for ever.
    const code = (error as { code?: string }).code ?? '';
    if (!/^(22|23)/.test(code) || (error as { table?: string }).table === 'ledger_journal') return false;
    const client = await connection.client().catch(() => undefined);
    if (client === undefined) return false;
    const found = await isolatePoison(client, batch, this.#options.layouts).catch(() => 0);
    this.counts.poisonRows += found;
    if (found > 0)
      this.#options.logger.error('Rows that the database refuses were kept as dead letters.', {
        rows: found,
        error: errorMessage(error),
      });
    return found > 0;
  }

  async #makePartitions(batch: Batch): Promise<void> {
    const { partitions, layouts } = this.#options;
    for (const layout of layouts.all) {
      if (!layout.partitioned) continue;
      for (const day of batch.tables[layout.index]!.days)
        if (!partitions.has(layout.table, day)) await partitions.ensure(layout.table, day);
    }
  }

  async #send(connection: StoreConnection, batch: Batch, fenceSql: string | undefined): Promise<void> {
    const client = await connection.client();
    const { layouts } = this.#options;
    if (batch.unnumbered.size > 0) {
      await client.query('BEGIN');
      try {
        await claimUnnumbered(client, batch, this.#options.clock.nowMs());
        await transact(client, batch, layouts, fenceSql);
        await client.query('COMMIT');
      } catch (error) {
        await client.query('ROLLBACK').catch(() => connection.close());
        throw error;
      }
    } else await transact(client, batch, layouts, fenceSql);
  }

  #report(error: unknown): void {
    if (this.#failingSince >= 0 || this.#stopped.signal.aborted) return;
    this.#failingSince = this.#options.clock.monotonicMs();
    this.#options.logger.error('The database does not take readings; they are held and not acknowledged.', {
      error: errorMessage(error),
    });
  }

  #recovered(): void {
    if (this.#failingSince < 0) return;
    this.#options.logger.info('The database takes readings again.', { afterMs: this.failingForMs });
    this.#failingSince = -1;
  }
}

/** Sends the batch's statements and data, and waits for the end of the (implicit or surrounding) transaction. */
function transact(
  client: pg.Client,
  batch: Batch,
  layouts: Layouts,
  fenceSql: string | undefined,
): Promise<void> {
  compact(batch);
  writeDeadLetters(batch, layouts.deadLetters);
  const statements = [...journalSql(batch), ...eventSql(batch), ...replaySql(batch)];
  if (fenceSql !== undefined) statements.unshift(fenceSql);
  const data: Buffer[] = [];
  for (const layout of layouts.all) {
    const table = batch.tables[layout.index]!;
    if (table.rows === 0) continue;
    statements.push(layout.copySql);
    data.push(table.finish());
  }
  return new Promise((resolve, reject) => {
    client.query(new CopyTransaction(statements.join(';\n'), data, resolve, reject));
  });
}

/** One journal row a tenant; a batch without changes has an empty one, because its id is the proof of the commit. */
function journalSql(batch: Batch): string[] {
  const tenants = new Set<number>();
  for (const { numbering } of batch.changes.changes) tenants.add(numbering.device.tenantId);
  if (tenants.size === 0) tenants.add(0);
  return [...tenants].map(
    (tenant) =>
      `INSERT INTO ledger_journal VALUES (${tenant}, '${batch.id}', '\\x${encodeJournal(batch.changes.changes, tenant).toString('hex')}')`,
  );
}

function eventSql(batch: Batch): string[] {
  return batch.events.map(
    (event) =>
      `INSERT INTO events (tenant_id, device_no, msg_id, ts, received_at, source, type, body) VALUES (${event.tenantId}, ${event.deviceNo}, ${pg.escapeLiteral(event.msgId)}, to_timestamp(${event.ts / 1000}), to_timestamp(${event.receivedAt / 1000}), 'device', ${pg.escapeLiteral(event.type)}, ${pg.escapeLiteral(event.body)}) ON CONFLICT DO NOTHING`,
  );
}

/** Marks the rows without a number whose message is known already (decisions: by device_id and msg_id, 7 days). */
async function claimUnnumbered(client: pg.Client, batch: Batch, nowMs: number): Promise<void> {
  const rows = [...batch.unnumbered].filter(
    ([row]) => batch.state[row] === RowState.live || batch.state[row] === RowState.duplicate,
  );
  const entries = rows.map(([row]) => batch.routes[row]!.entry);
  const today = new Date(dayOf(nowMs) * 86_400_000).toISOString().slice(0, 10);
  const { rows: fresh } = await client.query<{ ordinal: number }>({
    text: 'SELECT ordinal FROM claim_message_ids($1, $2, $3, $4)',
    values: [
      entries.map((entry) => entry.tenantId),
      entries.map((entry) => entry.deviceNo),
      rows.map(([, id]) => id),
      today,
    ],
  });
  const isFresh = new Set(fresh.map((row) => Number(row.ordinal) - 1));
  rows.forEach(([row], index) => {
    if (!isFresh.has(index)) batch.withdraw(row, RowState.duplicate);
  });
}

/** A connection that is opened when it is needed and again after it broke. */
class StoreConnection {
  readonly #options: StoreOptions;
  #client: pg.Client | undefined;

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  async client(): Promise<pg.Client> {
    if (this.#client !== undefined) return this.#client;
    const client = new pg.Client({
      ...this.#options.connection,
      keepAlive: true,
      connectionTimeoutMillis: 5_000,
      statement_timeout: 60_000,
    });
    const forget = () => {
      if (this.#client === client) this.#client = undefined;
    };
    client.on('error', forget);
    client.on('end', forget);
    await client.connect();
    this.#client = client;
    return client;
  }

  async wasCommitted(batchId: string): Promise<boolean> {
    const client = await this.client();
    const { rows } = await client.query<{ done: boolean }>('SELECT batch_committed($1) AS done', [batchId]);
    return rows[0]?.done ?? false;
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }
}
