import { type Clock, errorMessage } from '@millrace/foundation';
import { Gauge, Registry as MetricsRegistry, type Registry } from 'prom-client';
import type { Database } from '../database/index.js';

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** A figure for /metrics: read when asked. `values` gives one figure for each label value. */
export interface Figure {
  readonly name: string;
  readonly help: string;
  readonly label?: string;
  readonly values: () => Iterable<readonly [string, number]>;
}

const databaseTimeoutMs = 2_000;

/** Health, readiness and metrics. */
export class StatusService {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #metrics: Registry = new MetricsRegistry();
  readonly #checks: (() => Check)[] = [];

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  /** Adds a condition of readiness. */
  check(check: () => Check): void {
    this.#checks.push(check);
  }

  /** Adds a figure. Counters that others keep are exposed as gauges that only rise. */
  figure({ name, help, label, values }: Figure): void {
    new Gauge({
      name,
      help,
      labelNames: label === undefined ? [] : [label],
      registers: [this.#metrics],
      collect() {
        this.reset();
        for (const [key, value] of values())
          if (label === undefined) this.set(value);
          else this.set({ [label]: key }, value);
      },
    });
  }

  metrics(): Promise<string> {
    return this.#metrics.metrics();
  }

  /** Whether the platform can do its work, with one line a part. */
  async ready(): Promise<{ ready: boolean; checks: Check[] }> {
    const checks = [await this.#databaseCheck(), ...this.#checks.map((check) => check())];
    return { ready: checks.every((check) => check.ok), checks };
  }

  async #databaseCheck(): Promise<Check> {
    let cancel = () => {};
    const late = new Promise<never>((_, reject) => {
      const timer = this.#clock.after(databaseTimeoutMs, () => reject(new Error('no answer within 2 s')));
      cancel = () => timer.cancel();
    });
    try {
      await Promise.race([this.#database.app.query('SELECT 1'), late]);
      return { name: 'database', ok: true, detail: 'answers' };
    } catch (error) {
      return { name: 'database', ok: false, detail: errorMessage(error) };
    } finally {
      cancel();
    }
  }
}
