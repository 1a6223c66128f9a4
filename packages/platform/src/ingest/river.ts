import type { Clock, Logger, Random, Service } from '@millrace/foundation';
import type { Database } from '../database/index.js';
import { DeadLetterService } from '../dead-letters/index.js';
import { EventService } from '../events/index.js';
import { GapMonitor, Ledger, LedgerService } from '../ledger/index.js';
import { LiveService } from '../live/index.js';
import type { DeviceDirectory } from './device-directory.js';
import type { MillraceIngress } from './ingress.js';
import { IngestService } from './service.js';

export interface RiverOptions {
  /** Started. */
  readonly database: Database;
  /** Loaded. */
  readonly directory: DeviceDirectory;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Tenants that are told of the platform's own starts and stops. */
  readonly tenantIds?: () => readonly number[];
}

/**
 * Everything that telemetry passes through, put together in the order in which it must start: tables and ledger,
 * last-known values, gaps. The broker may listen once `start` has resolved, and must have stopped before `stop`.
 */
export class River implements Service {
  readonly live: LiveService;
  readonly gaps: GapMonitor;
  readonly ledger: LedgerService;
  readonly events: EventService;
  readonly deadLetters: DeadLetterService;
  readonly #ingest: IngestService;
  readonly #options: RiverOptions;
  #started = false;

  constructor(options: RiverOptions) {
    this.#options = options;
    const ledger = new Ledger();
    this.live = new LiveService(options);
    this.gaps = new GapMonitor({ ...options, ledger });
    this.ledger = new LedgerService(options.database, ledger, options.directory);
    this.events = new EventService(options.database, options);
    this.deadLetters = new DeadLetterService(options.database, {
      clock: options.clock,
      ingress: () => this.ingress,
    });
    this.#ingest = new IngestService({ ...options, ledger, listeners: [this.live, this.gaps] });
  }

  /** What the broker hands its batches to. Valid once started. */
  get ingress(): MillraceIngress {
    return this.#ingest.ingress;
  }

  /** Counters of the store, for metrics. */
  get storeCounts(): IngestService['store']['counts'] {
    return this.#ingest.store.counts;
  }

  /** Ms for which the database has been failing; 0 while it works. */
  get databaseFailingForMs(): number {
    return this.#ingest.store.failingForMs;
  }

  async start(): Promise<void> {
    await this.#ingest.start();
    await this.live.start();
    await this.gaps.start();
    this.#started = true;
    await this.events.recordPlatform(this.#options.tenantIds?.() ?? [], 'platform_started', {});
  }

  /** Stops what was started, also after a start that failed half way. */
  async stop(): Promise<void> {
    if (this.#started) {
      this.#started = false;
      await this.events
        .recordPlatform(this.#options.tenantIds?.() ?? [], 'platform_stopping', {
          reason: 'stopped in order',
        })
        .catch((error: Error) =>
          this.#options.logger.warn('The stop could not be recorded as an event.', { error: error.message }),
        );
    }
    await this.#ingest.stop();
    await this.gaps.stop();
    await this.live.stop();
  }
}
