/** ED-2: a refused message waits `min(30 s * 2^attempts, 3600 s)`; `attempts` counts refusals before this one. */
export function refusedBackoffMs(attempts: number): number {
  return Math.min(30_000 * 2 ** Math.min(attempts, 20), 3_600_000);
}

/** Share of failures over a sliding window of equal buckets; the alert threshold of PR-1 is asked of it. */
export class FailureWindow {
  readonly #bucketMs: number;
  readonly #ok: Uint32Array;
  readonly #failed: Uint32Array;
  #current = 0;

  constructor(windowMs: number, buckets = 30) {
    this.#bucketMs = windowMs / buckets;
    this.#ok = new Uint32Array(buckets);
    this.#failed = new Uint32Array(buckets);
  }

  /** Counts one outcome at a monotonic time. */
  add(failed: boolean, nowMs: number): void {
    const at = this.#advance(nowMs);
    if (failed) this.#failed[at]!++;
    else this.#ok[at]!++;
  }

  /** `total` outcomes in the window and the `share` that failed (0 when there were none). */
  read(nowMs: number): { readonly total: number; readonly failed: number; readonly share: number } {
    this.#advance(nowMs);
    let ok = 0;
    let failed = 0;
    for (let i = 0; i < this.#ok.length; i++) {
      ok += this.#ok[i]!;
      failed += this.#failed[i]!;
    }
    const total = ok + failed;
    return { total, failed, share: total === 0 ? 0 : failed / total };
  }

  #advance(nowMs: number): number {
    const bucket = Math.floor(nowMs / this.#bucketMs);
    const steps = Math.min(bucket - this.#current, this.#ok.length);
    for (let i = 0; i < steps; i++) {
      const at = (bucket - i) % this.#ok.length;
      this.#ok[at] = 0;
      this.#failed[at] = 0;
    }
    if (bucket > this.#current) this.#current = bucket;
    return this.#current % this.#ok.length;
  }
}
