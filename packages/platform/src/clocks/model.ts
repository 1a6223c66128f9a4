/** Readings kept of one offset, and how many make a measure. */
const readingsMax = 15;
const readingsMin = 3;
/** A measure older than this says nothing of the clock now, ms. */
export const measureAgeMsMax = 900_000;
/** By how much more `ts` may advance than the time of arrival before it is a backlog that drains, ms. */
const drainSlackMs = 10_000;
/** A drift ends below this share of the limit, so that a clock at the limit does not raise an event a minute. */
const clearShare = 0.8;

export type ClockState = 'ok' | 'drifting' | 'unknown';

/** One offset over time: the best reading of each period, and the median of the last ones. */
export class OffsetWindow {
  readonly #readings: number[] = [];
  #best = Number.NEGATIVE_INFINITY;

  add(offsetMs: number): void {
    if (offsetMs > this.#best) this.#best = offsetMs;
  }

  /** Ends a period; with `keep` false it is left out. Returns whether it gave a reading. */
  close(keep: boolean): boolean {
    const best = this.#best;
    this.#best = Number.NEGATIVE_INFINITY;
    if (!keep || best === Number.NEGATIVE_INFINITY) return false;
    this.#readings.push(best);
    if (this.#readings.length > readingsMax) this.#readings.shift();
    return true;
  }

  /** ms; undefined while there are too few readings. */
  median(): number | undefined {
    return this.#readings.length < readingsMin ? undefined : median(this.#readings);
  }
}

/** The middle of a list that is not empty. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** What is known of the clocks behind one device. Times in ms. */
export class DeviceClock {
  readonly source = new OffsetWindow();
  readonly gateway = new OffsetWindow();
  sourceAsOf = 0;
  gatewayAsOf = 0;
  #lastSourceTs = -1;
  #firstTs = Number.POSITIVE_INFINITY;
  #lastTs = 0;
  #firstArrival = 0;
  #lastArrival = 0;

  /** Takes a stored reading; `sourceTs` -1 = the message has none. */
  observe(sourceTs: number, ts: number, receivedAt: number): void {
    if (this.#firstTs === Number.POSITIVE_INFINITY) this.#firstArrival = receivedAt;
    if (ts < this.#firstTs) this.#firstTs = ts;
    if (ts > this.#lastTs) this.#lastTs = ts;
    this.#lastArrival = receivedAt;
    this.gateway.add(ts - receivedAt);
    if (sourceTs < 0 || sourceTs === this.#lastSourceTs) return;
    this.#lastSourceTs = sourceTs;
    this.source.add(sourceTs - ts);
  }

  /** Ends a period. */
  close(nowMs: number): void {
    const drains = this.#lastTs - this.#firstTs > this.#lastArrival - this.#firstArrival + drainSlackMs;
    if (this.gateway.close(!drains)) this.gatewayAsOf = nowMs;
    if (this.source.close(true)) this.sourceAsOf = nowMs;
    this.#firstTs = Number.POSITIVE_INFINITY;
    this.#lastTs = 0;
  }
}

/** A state from an offset; `was` is the state before, for the hysteresis. */
export function judgeOffset(offsetMs: number | undefined, limitMs: number, was: ClockState): ClockState {
  if (offsetMs === undefined) return 'unknown';
  const limit = was === 'drifting' ? limitMs * clearShare : limitMs;
  return Math.abs(offsetMs) > limit ? 'drifting' : 'ok';
}
