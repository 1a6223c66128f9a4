import type { GatewayEvent } from '@millrace/contracts';
import {
  assertInvariant,
  type Clock,
  errorMessage,
  type Logger,
  type Random,
  type Service,
  type Timer,
} from '@millrace/foundation';
import type { DriverConfig } from '../config/declaration.js';
import type { TagPlan } from '../config/plan.js';
import type { DriverStatus } from '../status.js';
import type { Driver, DriverContext, DriverModule, DriverState, SampleBatch } from './driver.js';
import { driverModules } from './registry.generated.js';

export interface SupervisorOptions {
  readonly name: string;
  readonly config: DriverConfig;
  readonly tags: readonly TagPlan[];
  readonly gatewayName: string;
  resolvePath(path: string): string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  emit(batch: SampleBatch): void;
  onEvent(event: GatewayEvent): void;
  /** Loads the driver's module; the registry's import when absent. */
  readonly load?: () => Promise<DriverModule<DriverConfig>>;
}

const watchEveryMs = 5000;
/** A driver without a sign of life for three of its own periods, but at least this long, is stuck. */
const stuckMsMin = 30_000;
const stuckPeriods = 3;
const restartMsMax = 60_000;

/**
 * Runs one driver: loads its module when it is needed, restarts it when it is stuck or did not start (ED-8), and
 * turns its state into events. One driver's trouble stays its own.
 */
export class DriverSupervisor implements Service {
  readonly #options: SupervisorOptions;
  #driver: Driver | undefined;
  #state: DriverState = 'disconnected';
  #reason: string | undefined;
  #sinceMs: number;
  #restarts = 0;
  #timer: Timer | undefined;
  #changing: Promise<void> | undefined;
  #failedStarts = 0;
  #nextStartMs = 0;
  #past = { requests: 0, failures: 0, samples: 0 };

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#sinceMs = options.clock.nowMs();
  }

  async start(): Promise<void> {
    if (this.#timer) return;
    this.#timer = this.#options.clock.every(watchEveryMs, () => this.#watch());
    await this.#change(() => this.#begin());
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#changing;
    await this.#end();
  }

  status(): DriverStatus {
    const now = this.#driver?.stats();
    return {
      type: this.#options.config.type,
      state: this.#state,
      reason: this.#reason,
      since_ms: this.#sinceMs,
      restarts: this.#restarts,
      requests: this.#past.requests + (now?.requests ?? 0),
      failures: this.#past.failures + (now?.failures ?? 0),
      samples: this.#past.samples + (now?.samples ?? 0),
      aliveAtMs: now?.aliveAtMs ?? 0,
      aliveEveryMs: now?.aliveEveryMs ?? 0,
    };
  }

  async #begin(): Promise<void> {
    const { clock, logger, config } = this.#options;
    try {
      const load =
        this.#options.load ?? (driverModules[config.type] as () => Promise<DriverModule<DriverConfig>>);
      const module = await load();
      this.#driver = module.createDriver(this.#context());
      await this.#driver.start();
      this.#failedStarts = 0;
    } catch (error) {
      // A driver must start without its device; what is left are faults in its own files (a key that is not one).
      this.#driver = undefined;
      this.#failedStarts++;
      this.#nextStartMs =
        clock.monotonicMs() + Math.min(5000 * 2 ** Math.min(this.#failedStarts - 1, 10), restartMsMax);
      const reason = errorMessage(error);
      logger.error('A driver did not start; it is tried again.', { reason });
      this.#onState('disconnected', reason);
    }
  }

  async #end(): Promise<void> {
    const driver = this.#driver;
    this.#driver = undefined;
    if (!driver) return;
    const stats = driver.stats();
    this.#past = {
      requests: this.#past.requests + stats.requests,
      failures: this.#past.failures + stats.failures,
      samples: this.#past.samples + stats.samples,
    };
    try {
      await driver.stop();
    } catch (error) {
      this.#options.logger.error('A driver did not stop cleanly.', { error: errorMessage(error) });
    }
  }

  #watch(): void {
    if (this.#changing) return;
    const { clock, logger } = this.#options;
    const now = clock.monotonicMs();
    if (!this.#driver) {
      if (now >= this.#nextStartMs) void this.#change(() => this.#begin());
      return;
    }
    const { aliveAtMs, aliveEveryMs } = this.#driver.stats();
    if (now - aliveAtMs <= Math.max(stuckMsMin, aliveEveryMs * stuckPeriods)) return;
    this.#restarts++;
    logger.error('A driver is stuck and is restarted.', { silent_s: Math.round((now - aliveAtMs) / 1000) });
    void this.#change(async () => {
      // A stuck driver may hang in its stop as well; the new one does not wait for it longer than a few seconds.
      await Promise.race([this.#end(), new Promise<void>((resolve) => clock.after(5000, resolve))]);
      await this.#begin();
    });
  }

  async #change(work: () => Promise<void>): Promise<void> {
    const running = work().finally(() => {
      this.#changing = undefined;
    });
    this.#changing = running;
    await running;
  }

  #context(): DriverContext<DriverConfig> {
    const { name, config, tags, gatewayName, resolvePath, clock, random, logger, emit } = this.#options;
    const byKey = new Map(tags.map((tag) => [`${tag.device.address.deviceId}/${tag.name}`, tag]));
    return {
      name,
      config,
      tags,
      find: (deviceId, tag) => {
        const found = byKey.get(`${deviceId}/${tag}`);
        assertInvariant(found, `driver ${name} asks for its own tag ${deviceId}/${tag}`);
        return found;
      },
      gatewayName,
      resolvePath,
      clock,
      random,
      logger,
      emit,
      onState: (state, reason) => this.#onState(state, reason),
    };
  }

  #onState(state: DriverState, reason: string | undefined): void {
    const { name, clock, logger, onEvent } = this.#options;
    if (state === this.#state && reason === this.#reason && state !== 'disconnected') return;
    if (state === this.#state && reason === this.#reason && this.#reason !== undefined) return;
    this.#state = state;
    this.#reason = reason;
    this.#sinceMs = clock.nowMs();
    const log = { state, ...(reason === undefined ? {} : { reason }) };
    if (state === 'connected') logger.info('The driver is connected.', log);
    else logger.warn('The driver is not well connected.', log);
    onEvent({ type: 'driver_state', driver: name, state, ...(reason === undefined ? {} : { reason }) });
  }
}
