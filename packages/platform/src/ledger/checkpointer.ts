import { type Clock, errorMessage, type Logger, type Timer } from '@millrace/foundation';
import type { Pool } from 'pg';
import type { Ledger } from './ledger.js';
import { snapshot, unsnapshot, writeCheckpoint } from './store.js';

export const checkpointPeriodMs = 10_000;

/** Folds the journal into the runs every ten seconds, so that a start replays seconds and not days. */
export class Checkpointer {
  readonly #owner: () => Pool;
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #batchIds: string[] = [];
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  /** Stands first in the checkpoint's transaction, where partitions are owned. */
  fenceSql: string | undefined;
  /** Checkpoints that failed and were left to the next one. */
  failures = 0;

  constructor(owner: () => Pool, ledger: Ledger, { clock, logger }: { clock: Clock; logger: Logger }) {
    this.#owner = owner;
    this.#ledger = ledger;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** `journal`: the batch ids that were found in the journal at the start. */
  start(journal: readonly string[]): void {
    this.#batchIds = [...journal];
    this.#timer = this.#clock.every(checkpointPeriodMs, () => void this.checkpoint());
  }

  /** Notes a batch whose changes the ledger has decided. */
  note(batchId: string): void {
    this.#batchIds.push(batchId);
  }

  /** Writes what changed. A failure is logged and left to the next time: the journal still holds everything. */
  checkpoint(): Promise<void> {
    this.#running ??= this.#checkpoint().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Forgets batches whose devices are not ours any more; what is in the journal is for their next owner. */
  async forget(): Promise<void> {
    await this.#running;
    this.#batchIds = [];
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#running;
    await this.checkpoint();
  }

  async #checkpoint(): Promise<void> {
    if (this.#batchIds.length === 0) return;
    const ids = this.#batchIds;
    this.#batchIds = [];
    const numberings = this.#ledger.takeDirty();
    const snapshots = numberings.map(snapshot);
    try {
      await writeCheckpoint(this.#owner(), snapshots, ids, this.fenceSql);
    } catch (error) {
      this.failures++;
      for (const [i, numbering] of numberings.entries()) unsnapshot(numbering, snapshots[i]!);
      this.#ledger.stillDirty(numberings);
      this.#batchIds = [...ids, ...this.#batchIds];
      this.#logger.warn('The ledger could not be checkpointed; the journal is kept.', {
        error: errorMessage(error),
      });
    }
  }
}
