/** A cancellable timer handle; `cancel` is idempotent. */
export interface Timer {
  cancel(): void;
}

/**
 * The only way product code learns the time or waits. Passing it in lets a test drive years in milliseconds.
 * `nowMs` is wall time (Unix epoch, may step); `monotonicMs` never steps and has no meaning across processes.
 */
export interface Clock {
  nowMs(): number;
  monotonicMs(): number;
  /** Calls `fn` once after `delayMs` of monotonic time. Does not keep the process alive when `unref` is set. */
  after(delayMs: number, fn: () => void, options?: { unref?: boolean }): Timer;
  /** Calls `fn` every `periodMs`; a slow `fn` never overlaps itself because calls are synchronous. */
  every(periodMs: number, fn: () => void, options?: { unref?: boolean }): Timer;
}

/** The real clock of this machine. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, fn, options) {
    const handle = setTimeout(fn, delayMs);
    if (options?.unref) handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
  every(periodMs, fn, options) {
    const handle = setInterval(fn, periodMs);
    if (options?.unref) handle.unref();
    return { cancel: () => clearInterval(handle) };
  },
};

/** Resolves after `delayMs`, or at once when `signal` aborts; it never rejects, the caller looks at the signal. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const done = () => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(delayMs, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}
