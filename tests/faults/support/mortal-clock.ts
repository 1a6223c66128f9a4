import type { Clock, Timer } from '@millrace/foundation';

/**
 * The clock of one run of a process. After `die` none of its timers fires and none can be set: whatever the killed
 * run still holds in memory never acts again, which is what `kill -9` does to a process of its own.
 */
export class MortalClock implements Clock {
  readonly #clock: Clock;
  readonly #timers = new Set<Timer>();
  #dead = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  after(delayMs: number, fn: () => void): Timer {
    if (this.#dead) return { cancel: () => {} };
    const timer = this.#clock.after(delayMs, () => {
      this.#timers.delete(timer);
      fn();
    });
    return this.#keep(timer);
  }

  every(periodMs: number, fn: () => void): Timer {
    if (this.#dead) return { cancel: () => {} };
    return this.#keep(this.#clock.every(periodMs, fn));
  }

  die(): void {
    this.#dead = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #keep(timer: Timer): Timer {
    this.#timers.add(timer);
    return {
      cancel: () => {
        this.#timers.delete(timer);
        timer.cancel();
      },
    };
  }
}
