import { dirname } from 'node:path';
import type { GatewayEvent } from '@millrace/contracts';
import {
  assertInvariant,
  type Clock,
  configError,
  type Logger,
  type Random,
  type Service,
  type Timer,
} from '@millrace/foundation';
import { compilePlan } from './config/compile.js';
import type { GatewayConfig } from './config/declaration.js';
import { resolvePath } from './config/load.js';
import type { Plan } from './config/plan.js';
import type { SampleBatch } from './drivers/driver.js';
import { DriverSupervisor } from './drivers/supervisor.js';
import { HealthReporter } from './health/health.js';
import { metricsText } from './health/metrics.js';
import { gatewayCommonName } from './outbox/message.js';
import { Outbox } from './outbox/outbox.js';
import { assemble } from './pipeline/assemble.js';
import { deadband, newDeadbandMemory, reductionPct } from './pipeline/deadband.js';
import { normalise, type PulseTotals } from './pipeline/normalise.js';
import type { GatewayStatus, TagStatus } from './status.js';
import { createUplink } from './uplinks/millrace/uplink.js';

export interface GatewayOptions {
  readonly config: GatewayConfig;
  /** Where the configuration was read from; relative paths in it start in its folder. */
  readonly configFile: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Version of the product, reported as the gateway's firmware. */
  readonly version?: string;
}

export interface Gateway extends Service {
  status(): GatewayStatus;
  /** The status in Prometheus text format. */
  metricsText(): string;
}

/** Reported where the caller knows no version. */
const defaultVersion = '0.1.0';

/**
 * Makes a gateway (ED-1). Nothing is opened before `start`; `start` resolves with no platform and no device
 * reachable, and rejects only when the outbox cannot be opened. Throws `config_invalid` when the parts of the
 * configuration do not fit each other.
 */
export function createGateway(options: GatewayOptions): Gateway {
  const { plan, problems } = compilePlan(options.config, () => 1);
  if (problems.length > 0) throw configError(options.configFile, problems);
  return new EdgeGateway(options, plan);
}

class EdgeGateway implements Gateway {
  readonly #options: GatewayOptions;
  readonly #plan: Plan;
  readonly #version: string;
  readonly #outbox: Outbox;
  readonly #outboxFile: string;
  readonly #uplink;
  readonly #drivers: ReadonlyMap<string, DriverSupervisor>;
  readonly #deadband;
  readonly #pulses: PulseTotals = new Map();
  readonly #health: HealthReporter;
  #healthTimer: Timer | undefined;
  #state: GatewayStatus['state'] = 'stopped';

  constructor(options: GatewayOptions, plan: Plan) {
    const { config, configFile, clock, random, logger } = options;
    this.#options = options;
    this.#plan = plan;
    this.#version = options.version ?? defaultVersion;
    this.#deadband = newDeadbandMemory(plan);
    this.#health = new HealthReporter(clock, plan.self);
    const resolve = (path: string) => resolvePath(configFile, path);
    this.#outboxFile = resolve(config.outbox.file);
    this.#outbox = new Outbox({
      file: this.#outboxFile,
      plan,
      retention: {
        sentKeepMs: config.outbox.sent_keep_h * 3_600_000,
        unsentKeepMs: config.outbox.unsent_keep_h * 3_600_000,
        sizeLimitBytes: config.outbox.size_limit_mb * 1024 * 1024,
      },
      lingerMs: config.outbox.linger_ms,
      memoryRows: config.outbox.memory_rows,
      clock,
      random,
      logger: logger.child({ part: 'outbox' }),
      onStored: () => this.#uplink.pump(),
    });
    this.#uplink = createUplink({
      config: config.uplink,
      batch: config.outbox.batch,
      plan,
      outbox: this.#outbox,
      version: this.#version,
      resolvePath: resolve,
      clock,
      random,
      logger: logger.child({ part: 'uplink' }),
      onEvent: (event) => this.#onEvent(event),
    });
    this.#drivers = new Map(
      Object.entries(config.drivers).map(([name, driver]) => [
        name,
        new DriverSupervisor({
          name,
          config: driver,
          tags: plan.tags.filter((tag) => tag.driver === name),
          gatewayName: gatewayCommonName(plan.self),
          resolvePath: resolve,
          clock,
          random,
          logger: logger.child({ part: 'driver', driver: name }),
          emit: (batch) => this.#onSamples(batch),
          onEvent: (event) => this.#onEvent(event),
        }),
      ]),
    );
  }

  async start(): Promise<void> {
    if (this.#state !== 'stopped') return;
    const { previous, previousAliveMs } = this.#outbox.open();
    this.#state = 'running';
    this.#restorePulses();
    this.#onEvent({
      type: 'gateway_started',
      version: this.#version,
      previous,
      ...(previousAliveMs === undefined ? {} : { previous_alive_ts: previousAliveMs }),
    });
    this.#healthTimer = this.#options.clock.every(this.#options.config.health.interval_s * 1000, () =>
      this.#reportHealth(),
    );
    await this.#uplink.start();
    await Promise.all([...this.#drivers.values()].map((driver) => driver.start()));
    this.#reportHealth();
  }

  async stop(): Promise<void> {
    if (this.#state !== 'running') return;
    this.#state = 'stopping';
    this.#healthTimer?.cancel();
    await Promise.all([...this.#drivers.values()].map((driver) => driver.stop()));
    this.#onEvent({ type: 'gateway_stopping', reason: 'the gateway was asked to stop' });
    this.#savePulses();
    this.#outbox.flush();
    await this.#uplink.stop();
    this.#outbox.close();
    this.#state = 'stopped';
  }

  status(): GatewayStatus {
    const { config, configFile, clock } = this.#options;
    const outbox = this.#outbox.stats();
    const { taken, suppressed } = this.#deadband;
    const sum = (values: Float64Array) => values.reduce((a, b) => a + b, 0);
    const { oldestUnsentMs } = outbox;
    return {
      gateway: {
        id: config.gateway.id,
        tenant: config.gateway.tenant,
        common_name: gatewayCommonName(this.#plan.self),
      },
      version: this.#version,
      config_file: configFile,
      state: this.#state,
      uptime_s: Math.round(this.#health.uptimeS),
      uplink: { ...this.#uplink.stats(), url: config.uplink.url },
      outbox: { ...outbox, file: this.#outboxFile },
      outbox_oldest_s: oldestUnsentMs === undefined ? 0 : Math.max(0, clock.nowMs() - oldestUnsentMs) / 1000,
      drivers: Object.fromEntries([...this.#drivers].map(([name, driver]) => [name, driver.status()])),
      samples: {
        taken: sum(taken),
        suppressed: sum(suppressed),
        reduction_pct: reductionPct(this.#deadband),
      },
      tags: this.#plan.tags.map((tag) => this.#tagStatus(tag.index)),
    };
  }

  metricsText(): string {
    return metricsText(this.status());
  }

  /** The river on this side: each stage works on the batch in place. */
  #onSamples(batch: SampleBatch): void {
    if (this.#state === 'stopped') return;
    const { clock } = this.#options;
    normalise(batch, this.#pulses);
    deadband(batch, this.#deadband, clock.monotonicMs());
    if (batch.length > 0) this.#outbox.addTelemetry(assemble(batch, clock.nowMs()));
  }

  #onEvent(event: GatewayEvent): void {
    this.#outbox.addEvent(event);
  }

  #reportHealth(): void {
    const failures = [...this.#drivers.values()].reduce((sum, driver) => sum + driver.status().failures, 0);
    const draft = this.#health.report({
      outbox: this.#outbox.stats(),
      driverFailures: failures,
      reductionPct: reductionPct(this.#deadband),
      folder: dirname(this.#outboxFile),
    });
    this.#outbox.addTelemetry([draft]);
    this.#savePulses();
  }

  #restorePulses(): void {
    const saved = this.#outbox.readState('pulses');
    if (saved === undefined) return;
    const totals = JSON.parse(saved) as Record<string, { lastCount: number; pulses: number }>;
    for (const tag of this.#plan.tags) {
      const total = totals[`${tag.device.address.deviceId}/${tag.name}`];
      if (total && tag.signal?.type === 'pulse') this.#pulses.set(tag.index, total);
    }
  }

  #savePulses(): void {
    if (this.#pulses.size === 0) return;
    const totals = [...this.#pulses].map(([index, total]) => {
      const tag = this.#plan.tags[index];
      assertInvariant(tag, 'a pulse total belongs to a tag');
      return [`${tag.device.address.deviceId}/${tag.name}`, total] as const;
    });
    this.#outbox.saveState('pulses', JSON.stringify(Object.fromEntries(totals)));
  }

  #tagStatus(index: number): TagStatus {
    const tag = this.#plan.tags[index];
    const state = this.#deadband.states[index];
    assertInvariant(tag && state, 'every tag has a deadband state');
    return {
      device_id: tag.device.address.deviceId,
      tag: tag.name,
      unit: tag.contract.unit,
      taken: this.#deadband.taken[index] ?? 0,
      suppressed: this.#deadband.suppressed[index] ?? 0,
      last_sent: state.sent ? { v: state.value, q: state.quality } : null,
    };
  }
}
