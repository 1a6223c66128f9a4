import { deviceTypes } from '@millrace/contracts';
import { type Clock, type Logger, type Random, type Service, sleep, type Timer } from '@millrace/foundation';
import type { Database } from '../database/index.js';
import { Checkpointer } from '../ledger/checkpointer.js';
import type { Ledger } from '../ledger/ledger.js';
import { loadLedger } from '../ledger/store.js';
import type { Batch } from './batch.js';
import type { DeviceDirectory } from './device-directory.js';
import { MillraceIngress } from './ingress.js';
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
}

const planPeriodMs = 3_600_000;
const drainMs = 10_000;
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
    const journal = await loadLedger(database.owner, this.#options.ledger);
    this.#store = new Store({
      connection: database.clientConfig('ingest'),
      connections: this.#options.connections ?? 2,
      layouts,
      partitions,
      clock,
      logger,
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

  /** Writes a checkpoint now; for tests and before a planned stop. */
  checkpoint(): Promise<void> {
    return this.#checkpointer.checkpoint();
  }

  async stop(): Promise<void> {
    this.#planTimer?.cancel();
    const ingress = this.#ingress;
    if (ingress === undefined) return;
    const hurry = new AbortController();
    await Promise.race([ingress.drain(), sleep(this.#options.clock, drainMs, hurry.signal)]);
    hurry.abort();
    await this.#store?.stop();
    await this.#checkpointer.stop();
    this.#ingress = undefined;
  }
}
