import { deviceTypes } from '@millrace/contracts';
import {
  type Clock,
  createUlidFactory,
  errorMessage,
  type Logger,
  type Random,
  type Service,
  sleep,
  type Timer,
} from '@millrace/foundation';
import type { Database } from '../database/index.js';
import { Checkpointer } from '../ledger/checkpointer.js';
import type { Ledger } from '../ledger/ledger.js';
import { giveBack, holdSql, type Tenure, takePartitions } from '../ledger/ownership.js';
import { loadLedger, takeOver } from '../ledger/store.js';
import type { Batch } from './batch.js';
import type { DeviceDirectory } from './device-directory.js';
import { MillraceIngress } from './ingress.js';
import { partitionOf } from './partition-of.js';
import { dayOf, Partitions } from './partitions.js';
import type { BatchListener } from './publish.js';
import { Store } from './store.js';
import { buildLayouts } from './table-layout.js';
import { ensureTelemetryTables } from './telemetry-tables.js';

export interface IngestServiceOptions {
  readonly database: Database;
  readonly directory: DeviceDirectory;
  /** Empty; `start` restores it from the database. */
  readonly ledger: Ledger;
  /** Told of committed batches, in order. */
  readonly listeners: readonly BatchListener[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** COPY connections; 2 keeps one filling while the other commits. */
  readonly connections?: number;
  /** True where partitions of a bus are owned: `own` then restores the ledger, and `start` does not. */
  readonly partitioned?: boolean;
  /** Brings the directory up to date with the database; called before a tenure begins. */
  readonly refreshDirectory?: () => Promise<void>;
}

const planPeriodMs = 3_600_000;
const drainMs = 10_000;
const releaseMs = 5_000;
/** How long the identities of messages without a number are kept (decisions: 7 days). */
const messageIdDays = 7;

/**
 * The river as a service. `start` makes the tables and partitions and rebuilds the ledger; only then may the broker
 * listen. `stop` commits what was taken, within ten seconds, and writes a last checkpoint.
 */
export class IngestService implements Service {
  readonly #options: IngestServiceOptions;
  readonly #checkpointer: Checkpointer;
  #store: Store | undefined;
  #ingress: MillraceIngress | undefined;
  #planTimer: Timer | undefined;
  #tenure: Tenure | undefined;
  #nextTenure: (() => string) | undefined;

  constructor(options: IngestServiceOptions) {
    this.#options = options;
    this.#checkpointer = new Checkpointer(() => options.database.owner, options.ledger, options);
  }

  get ingress(): MillraceIngress {
    if (this.#ingress === undefined) throw new Error('The ingest service is not started.');
    return this.#ingress;
  }

  get store(): Store {
    if (this.#store === undefined) throw new Error('The ingest service is not started.');
    return this.#store;
  }

  async start(): Promise<void> {
    const { database, clock, logger } = this.#options;
    const layouts = buildLayouts(deviceTypes.values());
    await ensureTelemetryTables(database.owner, deviceTypes.values());
    const partitions = new Partitions(database.owner, { clock, logger });
    const tables = layouts.all.filter((layout) => layout.partitioned).map((layout) => layout.table);
    const plan = async () => {
      await partitions.plan([...tables, 'message_ids']);
      await partitions.dropBefore('message_ids', dayOf(clock.nowMs()) - messageIdDays);
    };
    await plan();
    this.#planTimer = clock.every(planPeriodMs, () => {
      plan().catch((error: Error) =>
        logger.warn('Partitions could not be planned; the next hour tries again.', {
          error: error.message,
        }),
      );
    });
    const partitioned = this.#options.partitioned === true;
    const journal = partitioned ? [] : await loadLedger(database.owner, this.#options.ledger);
    this.#store = new Store({
      connection: database.clientConfig('ingest'),
      connections: this.#options.connections ?? 2,
      layouts,
      partitions,
      clock,
      logger,
      ...(partitioned
        ? { fence: { sql: () => this.#fenceSql(), lost: (sql: string) => this.#lost(sql) } }
        : {}),
    });
    this.#checkpointer.start(journal);
    this.#ingress = new MillraceIngress({
      ...this.#options,
      listeners: [
        ...this.#options.listeners,
        { committed: (batch: Batch) => this.#checkpointer.note(batch.id) },
      ],
      layouts,
      store: this.#store,
    });
  }

  /** Told when partitions were taken away while batches were on their way; they are abandoned then. */
  onOwnershipLost: () => void = () => {};

  /**
   * Begins a tenure: from here on this process alone writes the readings of these partitions' devices (`count`
   * partitions in all). The previous tenure must have been released. Rejects when the database cannot say so.
   */
  async own(partitions: readonly number[], count: number): Promise<void> {
    const { database, ledger, clock, directory, refreshDirectory } = this.#options;
    this.ingress.abandon();
    await this.#checkpointer.forget();
    ledger.clear();
    this.#nextTenure ??= createUlidFactory(clock, this.#options.random);
    const tenure: Tenure = { name: this.#nextTenure(), partitions };
    await takePartitions(database.owner, tenure, clock);
    // Whoever wrote a device before us had it registered before; now we know every such device.
    await refreshDirectory?.();
    const mine = new Set<number>();
    for (const entry of directory.all())
      if (partitions.includes(partitionOf(entry, count))) mine.add(entry.deviceNo);
    await takeOver(database.owner, ledger, mine, holdSql(tenure));
    this.#tenure = tenure;
    this.#checkpointer.fenceSql = holdSql(tenure);
  }

  /** Ends the tenure: commits what was taken, within five seconds, and gives the partitions back. */
  async release(): Promise<void> {
    const { database, clock, logger } = this.#options;
    const tenure = this.#tenure;
    if (tenure === undefined) return;
    const hurry = new AbortController();
    await Promise.race([this.ingress.quiesce(), sleep(clock, releaseMs, hurry.signal)]);
    hurry.abort();
    this.#tenure = undefined;
    this.ingress.abandon();
    await this.#checkpointer.checkpoint();
    try {
      await giveBack(database.owner, tenure);
    } catch (error) {
      logger.warn('Partitions could not be given back; their next owner takes them.', {
        error: errorMessage(error),
      });
    }
  }

  /** Outside a tenure nothing may be written, so this names one that holds nothing. */
  #fenceSql(): string {
    return holdSql(this.#tenure ?? { name: 'none', partitions: [-1] });
  }

  #lost(fenceSql: string): void {
    // A batch of an earlier tenure says nothing of this one.
    if (this.#tenure === undefined || fenceSql !== holdSql(this.#tenure)) return;
    this.#tenure = undefined;
    this.#options.logger.warn('Another process took partitions over; what was under way is left to it.');
    this.ingress.abandon();
    this.onOwnershipLost();
  }

  /** Writes a checkpoint now; for tests and before a planned stop. */
  checkpoint(): Promise<void> {
    return this.#checkpointer.checkpoint();
  }

  async stop(): Promise<void> {
    this.#planTimer?.cancel();
    const ingress = this.#ingress;
    if (ingress === undefined) return;
    await this.release();
    const hurry = new AbortController();
    await Promise.race([ingress.drain(), sleep(this.#options.clock, drainMs, hurry.signal)]);
    hurry.abort();
    await this.#store?.stop();
    await this.#checkpointer.stop();
    this.#ingress = undefined;
  }
}
