/** Seconds over which rates are averaged. */
const windowS = 10;
const samplesMax = 2_048;

export interface RatesNow {
  readonly messagesPerS: number;
  readonly valuesPerS: number;
  readonly delayMsP50: number;
  readonly delayMsP99: number;
}

/** Messages and values a second over the last ten seconds, and how old readings are when they arrive. */
export class Rates {
  readonly #messages = new Float64Array(windowS + 1);
  readonly #values = new Float64Array(windowS + 1);
  readonly #second = new Float64Array(windowS + 1);
  readonly #delays = new Float64Array(samplesMax);
  #delayCount = 0;

  add(nowMs: number, messages: number, values: number): void {
    const second = Math.floor(nowMs / 1000);
    const slot = second % (windowS + 1);
    if (this.#second[slot] !== second) {
      this.#second[slot] = second;
      this.#messages[slot] = 0;
      this.#values[slot] = 0;
    }
    this.#messages[slot]! += messages;
    this.#values[slot]! += values;
  }

  /** Notes one reading's delay from its time stamp to its arrival, ms. The newest 2,048 are kept. */
  addDelay(delayMs: number): void {
    this.#delays[this.#delayCount++ % samplesMax] = delayMs;
  }

  read(nowMs: number): RatesNow {
    const current = Math.floor(nowMs / 1000);
    let messages = 0;
    let values = 0;
    for (let slot = 0; slot <= windowS; slot++) {
      const age = current - this.#second[slot]!;
      // The second under way is not complete and would pull the average down.
      if (age < 1 || age > windowS) continue;
      messages += this.#messages[slot]!;
      values += this.#values[slot]!;
    }
    const delays = this.#delays.slice(0, Math.min(this.#delayCount, samplesMax)).sort();
    const at = (share: number) => delays[Math.min(delays.length - 1, Math.floor(delays.length * share))] ?? 0;
    return {
      messagesPerS: messages / windowS,
      valuesPerS: values / windowS,
      delayMsP50: at(0.5),
      delayMsP99: at(0.99),
    };
  }
}
