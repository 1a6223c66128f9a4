import type { Clock } from '@millrace/foundation';
import type { FrontDoorObserver, Principal } from '@millrace/mqtt';

interface Window {
  startedAtMs: number;
  count: number;
}

const windowMs = 60_000;
const quietMs = 600_000;
/** Clients whose last alert is remembered; above it those whose quiet time is over are forgotten. */
const rememberedMax = 10_000;

/** Counts messages a client and minute. Above the client's limit it alerts, at most once in ten minutes; it never drops (ID-3). */
export class RateWatch {
  readonly #clock: Clock;
  readonly #observer: FrontDoorObserver;
  readonly #windows = new WeakMap<Principal, Window>();
  /** By client id, so that reconnecting does not end the quiet time. */
  readonly #alertedAtMs = new Map<string, number>();

  constructor(clock: Clock, observer: FrontDoorObserver) {
    this.#clock = clock;
    this.#observer = observer;
  }

  count(principal: Principal): void {
    let window = this.#windows.get(principal);
    if (!window) {
      window = { startedAtMs: this.#clock.monotonicMs(), count: 0 };
      this.#windows.set(principal, window);
    }
    window.count++;
    if (window.count <= principal.messagesPerMinuteAlert) return;
    const now = this.#clock.monotonicMs();
    if (now - window.startedAtMs < windowMs && this.#mayAlert(principal.clientId, now))
      this.#observer.on({ type: 'rate_exceeded', principal, messagesPerMinute: window.count });
    if (now - window.startedAtMs >= windowMs) {
      window.startedAtMs = now;
      window.count = 0;
    }
  }

  #mayAlert(clientId: string, nowMs: number): boolean {
    const last = this.#alertedAtMs.get(clientId);
    if (last !== undefined && nowMs - last < quietMs) return false;
    if (this.#alertedAtMs.size >= rememberedMax)
      for (const [id, atMs] of this.#alertedAtMs) if (nowMs - atMs >= quietMs) this.#alertedAtMs.delete(id);
    this.#alertedAtMs.set(clientId, nowMs);
    return true;
  }
}
