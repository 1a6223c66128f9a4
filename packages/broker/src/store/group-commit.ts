import { type Clock, errorMessage, type Logger, type Timer } from '@millrace/foundation';
import type { SessionStore } from './store.js';

/** Longest that slow commits make the next one wait, ms. */
const restMsMax = 20;

/** Commits what the broker's turns left in the store, many at once, and tells who waits for it. */
export class GroupCommit {
  readonly store: SessionStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #lingerMs: number;
  #waiting: ((ok: boolean) => void)[] = [];
  #timer: Timer | undefined;
  #failures = 0;
  /** Twice what the last commit took: a disk that is slow to sync stops the process for a third of the time at most. */
  #restMs = 0;

  constructor(store: SessionStore, clock: Clock, logger: Logger, lingerMs: number) {
    this.store = store;
    this.#clock = clock;
    this.#logger = logger;
    this.#lingerMs = lingerMs;
  }

  /** Commits that failed since the start. */
  get failures(): number {
    return this.#failures;
  }

  /** Sees to it that what was just put is committed soon. Cheap when there is nothing. */
  touch(): void {
    if (this.#timer || !this.store.dirty) return;
    const waitMs = Math.max(this.#lingerMs, Math.min(this.#restMs, restMsMax));
    this.#timer = this.#clock.after(waitMs, () => this.flush());
  }

  /** Calls `done` when everything put so far is durable (`false`: it could not be kept), at once when it is. */
  after(done: (ok: boolean) => void): void {
    if (this.#waiting.length === 0 && !this.store.dirty) {
      done(true);
      return;
    }
    this.#waiting.push(done);
    this.touch();
  }

  /** Commits now. A failed commit is tried again with the next one; nothing of it is forgotten meanwhile. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    let ok = true;
    const startedAtMs = this.#clock.monotonicMs();
    try {
      if (this.store.dirty) this.store.commit();
    } catch (error) {
      ok = false;
      this.#failures++;
      this.#logger.error('The session store cannot commit; its messages are refused until it can.', {
        reason: errorMessage(error),
      });
    }
    this.#restMs = 2 * (this.#clock.monotonicMs() - startedAtMs);
    for (const done of this.#waiting.splice(0)) done(ok);
  }
}
