import type { Clock, Timer } from '@millrace/foundation';

interface Pending {
  dueMs: number;
  readonly order: number;
  readonly periodMs: number | undefined;
  readonly fn: () => void;
}

/** 2026-01-01T00:00:00Z: a wall time no test has to explain. */
const defaultStartMs = Date.UTC(2026, 0, 1);

/**
 * A clock that stands still until a test moves it, so years pass in milliseconds and every run is the same.
 * Timers fire in order of their due time, and of their creation where the times are equal.
 */
export class ManualClock implements Clock {
  #monotonicMs = 0;
  #wallOffsetMs: number;
  #order = 0;
  readonly #pending = new Set<Pending>();

  constructor(startMs: number = defaultStartMs) {
    this.#wallOffsetMs = startMs;
  }

  nowMs(): number {
    return this.#wallOffsetMs + this.#monotonicMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, fn: () => void): Timer {
    return this.#add(Math.max(0, delayMs), undefined, fn);
  }

  every(periodMs: number, fn: () => void): Timer {
    if (!(periodMs > 0)) throw new RangeError(`A period must be above 0 ms, not ${periodMs}.`);
    return this.#add(periodMs, periodMs, fn);
  }

  /** How many timers wait; a test of `stop` expects 0. */
  get pendingTimers(): number {
    return this.#pending.size;
  }

  /** Steps the wall time (as NTP or an operator would) without any monotonic time passing; fires nothing. */
  stepWall(deltaMs: number): void {
    this.#wallOffsetMs += deltaMs;
  }

  /** Moves time on by `deltaMs` and runs every timer that falls due, each at its own due time. */
  advance(deltaMs: number): void {
    const endMs = this.#endAfter(deltaMs);
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) this.#fire(next);
    this.#monotonicMs = endMs;
  }

  /**
   * As `advance`, and lets promises and I/O callbacks settle before the first timer, between timers and at the
   * end, so that code which waits for a promise between two timers makes its progress.
   */
  async advanceAsync(deltaMs: number): Promise<void> {
    const endMs = this.#endAfter(deltaMs);
    await settle();
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#fire(next);
      await settle();
    }
    this.#monotonicMs = endMs;
    await settle();
  }

  #endAfter(deltaMs: number): number {
    if (!(deltaMs >= 0)) throw new RangeError(`Monotonic time cannot move by ${deltaMs} ms.`);
    return this.#monotonicMs + deltaMs;
  }

  #add(delayMs: number, periodMs: number | undefined, fn: () => void): Timer {
    const entry: Pending = { dueMs: this.#monotonicMs + delayMs, order: this.#order++, periodMs, fn };
    this.#pending.add(entry);
    return { cancel: () => this.#pending.delete(entry) };
  }

  #next(endMs: number): Pending | undefined {
    let first: Pending | undefined;
    for (const entry of this.#pending) {
      if (entry.dueMs > endMs) continue;
      if (
        first === undefined ||
        entry.dueMs < first.dueMs ||
        (entry.dueMs === first.dueMs && entry.order < first.order)
      )
        first = entry;
    }
    return first;
  }

  #fire(entry: Pending): void {
    this.#monotonicMs = Math.max(this.#monotonicMs, entry.dueMs);
    if (entry.periodMs === undefined) this.#pending.delete(entry);
    else entry.dueMs += entry.periodMs;
    entry.fn();
  }
}

/** A few turns of the event loop: enough for chains of promises and for I/O that is already done. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
