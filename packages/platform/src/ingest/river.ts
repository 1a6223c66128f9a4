import { type Clock, type Logger, MillraceError, type Random, type Service } from '@millrace/foundation';
import { ClockService } from '../clocks/index.js';
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
  /** Offset above which a clock drifts, ms. */
  readonly driftLimitMs?: number;
  /**
   * `whole`: this process writes every device, from start to stop. `partitions`: those of the partitions that the bus
   * gives it, by `own`. `none`: other processes write, and this one only shows. Default `whole`.
   */
  readonly part?: RiverPart;
  /** Brings the directory up to date with the database, before partitions are owned. */
  readonly refreshDirectory?: () => Promise<void>;
}

export type RiverPart = 'whole' | 'partitions' | 'none';

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
  readonly clocks: ClockService;
  readonly #ingest: IngestService;
  readonly #options: RiverOptions;
  readonly #part: RiverPart;
  #started = false;

  constructor(options: RiverOptions) {
    this.#options = options;
    const ledger = new Ledger();
    this.#part = options.part ?? 'whole';
    this.live = new LiveService({ ...options, follow: this.#part === 'none' });
    this.gaps = new GapMonitor({ ...options, ledger });
    this.ledger = new LedgerService(
      options.database,
      this.#part === 'whole' ? ledger : undefined,
      options.directory,
    );
    this.events = new EventService(options.database, options);
    this.deadLetters = new DeadLetterService(options.database, {
      clock: options.clock,
      ingress: () => this.#replayIngress(),
    });
    this.clocks = new ClockService({ ...options, events: this.events });
    this.#ingest = new IngestService({
      ...options,
      ledger,
      listeners: [this.live, this.gaps, this.clocks],
      partitioned: this.#part === 'partitions',
    });
  }

  /** Told when another process took partitions over; `own` must be called again. */
  get onOwnershipLost(): () => void {
    return this.#ingest.onOwnershipLost;
  }

  set onOwnershipLost(listener: () => void) {
    this.#ingest.onOwnershipLost = listener;
  }

  /** Begins to write the devices of these partitions (of `count`), and of no others. */
  async own(partitions: readonly number[], count: number): Promise<void> {
    await this.#ingest.own(partitions, count);
    await this.gaps.start();
  }

  /** Commits what was taken and gives the partitions back. */
  async release(): Promise<void> {
    await this.gaps.stop();
    await this.#ingest.release();
    this.gaps.forget();
  }

  /** What the broker hands its batches to. Valid once started. */
  get ingress(): MillraceIngress {
    return this.#ingest.ingress;
  }

  /** A replay writes any device, so it needs a process that writes them all. */
  #replayIngress(): MillraceIngress {
    if (this.#part === 'whole') return this.ingress;
    throw new MillraceError(
      'invalid_argument',
      'Dead letters are replayed only where one process ingests everything: they are kept until then.',
    );
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
    if (this.#part !== 'none') await this.#ingest.start();
    await this.live.start();
    await this.clocks.start();
    if (this.#part === 'none') return;
    if (this.#part === 'whole') await this.gaps.start();
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
    await this.clocks.stop();
    await this.live.stop();
  }
}
