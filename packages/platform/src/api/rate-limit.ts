/** Requests a minute by role; the local socket is not limited. */
export const requestsPerMinute = { viewer: 600, operator: 1_200, admin: 1_200, anonymous: 120 } as const;

/** Callers remembered at a time; beyond this the table is begun anew, which only ever forgives. */
const callersMax = 20_000;

/** A fixed window of a minute a caller. Pure but for its table; the time is passed in. */
export class RateLimit {
  readonly #callers = new Map<string, { minute: number; used: number }>();
  refused = 0;

  /** Counts a request. `remaining` below 0 = over the limit; `resetS` = seconds until the window ends. */
  take(caller: string, limit: number, nowMs: number): { remaining: number; resetS: number } {
    const minute = Math.floor(nowMs / 60_000);
    if (this.#callers.size > callersMax) this.#callers.clear();
    let entry = this.#callers.get(caller);
    if (entry === undefined || entry.minute !== minute) {
      entry = { minute, used: 0 };
      this.#callers.set(caller, entry);
    }
    entry.used++;
    const remaining = limit - entry.used;
    if (remaining < 0) this.refused++;
    return { remaining, resetS: Math.max(1, Math.ceil(((minute + 1) * 60_000 - nowMs) / 1000)) };
  }
}
