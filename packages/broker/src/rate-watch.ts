import type { Clock } from '@millrace/foundation';
import type { FrontDoorObserver, Principal } from '@millrace/mqtt';

interface Window {
  startedAtMs: number;
  count: number;
  alertedAtMs: number;
}

const windowMs = 60_000;
const quietMs = 600_000;

/** Counts messages a client and minute. Above the client's limit it alerts, at most once in ten minutes; it never drops (ID-3). */
export class RateWatch {
  readonly #clock: Clock;
  readonly #observer: FrontDoorObserver;
  readonly #windows = new WeakMap<Principal, Window>();

  constructor(clock: Clock, observer: FrontDoorObserver) {
    this.#clock = clock;
    this.#observer = observer;
  }

  count(principal: Principal): void {
    let window = this.#windows.get(principal);
    if (!window) {
      window = { startedAtMs: this.#clock.monotonicMs(), count: 0, alertedAtMs: Number.NEGATIVE_INFINITY };
      this.#windows.set(principal, window);
    }
    window.count++;
    if (window.count <= principal.messagesPerMinuteAlert) return;
    const now = this.#clock.monotonicMs();
    if (now - window.startedAtMs < windowMs && now - window.alertedAtMs >= quietMs) {
      window.alertedAtMs = now;
      this.#observer.on({ type: 'rate_exceeded', principal, messagesPerMinute: window.count });
    }
    if (now - window.startedAtMs >= windowMs) {
      window.startedAtMs = now;
      window.count = 0;
    }
  }
}
