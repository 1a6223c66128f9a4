import { statfsSync } from 'node:fs';
import { cpuUsage, memoryUsage } from 'node:process';
import { Quality, type TaggedValue } from '@millrace/contracts';
import type { Clock } from '@millrace/foundation';
import type { DevicePlan } from '../config/plan.js';
import type { OutboxStats } from '../outbox/outbox.js';
import type { TelemetryDraft } from '../pipeline/assemble.js';

export interface HealthInput {
  readonly outbox: OutboxStats;
  /** Failed requests of all drivers since the start. */
  readonly driverFailures: number;
  readonly reductionPct: number;
  readonly folder: string;
}

/** Makes the gateway's own telemetry (ED-8). Rates are taken over the time since the last call. */
export class HealthReporter {
  readonly #clock: Clock;
  readonly #self: DevicePlan;
  readonly #startMs: number;
  #cpuUs: number;
  #failures = 0;
  #atMs: number;

  constructor(clock: Clock, self: DevicePlan) {
    this.#clock = clock;
    this.#self = self;
    this.#startMs = this.#atMs = clock.monotonicMs();
    this.#cpuUs = cpuTimeUs();
  }

  get uptimeS(): number {
    return (this.#clock.monotonicMs() - this.#startMs) / 1000;
  }

  report(input: HealthInput): TelemetryDraft {
    const monotonic = this.#clock.monotonicMs();
    const now = this.#clock.nowMs();
    const elapsedMs = Math.max(1, monotonic - this.#atMs);
    const cpuUs = cpuTimeUs();
    const failures = Math.max(0, input.driverFailures - this.#failures);
    const oldest = input.outbox.oldestUnsentMs;
    const d: Record<string, TaggedValue> = {
      cpu_pct: good(round((cpuUs - this.#cpuUs) / elapsedMs / 10, 1)),
      memory_mb: good(round(memoryUsage.rss() / 1e6, 1)),
      disk_free_mb: freeSpace(input.folder),
      outbox_unsent: good(input.outbox.unsent),
      outbox_oldest_s: good(oldest === undefined ? 0 : round(Math.max(0, now - oldest) / 1000, 1)),
      driver_errors_per_min: good(round((failures * 60_000) / elapsedMs, 1)),
      deadband_reduction_pct: good(round(input.reductionPct, 1)),
      uptime_s: good(Math.round(this.uptimeS)),
    };
    this.#cpuUs = cpuUs;
    this.#failures = input.driverFailures;
    this.#atMs = monotonic;
    return { device: this.#self, tsMs: now, sourceTsMs: now, d };
  }
}

function good(v: number): TaggedValue {
  return { v, q: Quality.good };
}

function freeSpace(folder: string): TaggedValue {
  try {
    const stat = statfsSync(folder);
    return good(round((stat.bavail * stat.bsize) / 1e6, 1));
  } catch {
    // A file system that cannot be asked is a fault of its own; null with its quality shows it.
    return { v: null, q: Quality.badDeviceFailure };
  }
}

function cpuTimeUs(): number {
  const usage = cpuUsage();
  return usage.user + usage.system;
}

function round(value: number, digits: number): number {
  const factor = 10 ** digits;
  return Math.round(value * factor) / factor;
}
