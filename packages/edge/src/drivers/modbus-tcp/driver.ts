import { Quality } from '@millrace/contracts';
import { sleep, type Timer } from '@millrace/foundation';
import { FailureWindow } from '@millrace/logic';
import {
  addSample,
  type Driver,
  type DriverContext,
  type DriverState,
  type DriverStats,
  newSampleBatch,
} from '../driver.js';
import { type Block, type Point, planBlocks, pointOf } from './blocks.js';
import { ModbusClient, type ReadResult, readFunction } from './client.js';
import type { Config } from './config.js';

/** PR-1: an alert when over 5 % of the requests of 5 minutes failed; over again at half of that. */
const failureShareMax = 0.05;
const failureWindowMs = 300_000;
const failureRequestsMin = 20;

interface Unit {
  readonly deviceId: string;
  readonly unit: number;
  readonly pollMs: number;
  readonly points: readonly Point[];
  blocks: Block[];
  /** Polls in a row without any answer. */
  deadPolls: number;
  refusalLogged: boolean;
  dueMs: number;
  timer: Timer | undefined;
  running: Promise<void> | undefined;
}

export function createDriver(context: DriverContext<Config>): Driver {
  return new ModbusTcpDriver(context);
}

/** Polls every device on its own schedule over one connection. */
class ModbusTcpDriver implements Driver {
  readonly #context: DriverContext<Config>;
  readonly #units: readonly Unit[];
  readonly #batch = newSampleBatch();
  readonly #window = new FailureWindow(failureWindowMs);
  #client: ModbusClient | undefined;
  #state: DriverState = 'disconnected';
  #reason: string | undefined;
  #failing = false;
  #requests = 0;
  #failures = 0;
  #samples = 0;
  #aliveAtMs = 0;

  constructor(context: DriverContext<Config>) {
    this.#context = context;
    const { config } = context;
    const base = config.addresses === '1-based' ? 1 : 0;
    this.#units = Object.entries(config.devices).map(([deviceId, device]) => {
      const points = Object.entries(device.tags).map(([tag, settings]) =>
        pointOf(context.find(deviceId, tag), settings, base),
      );
      return {
        deviceId,
        unit: device.unit,
        pollMs: device.poll_ms ?? config.poll_ms,
        points,
        blocks: planBlocks(points, config.max_gap),
        deadPolls: 0,
        refusalLogged: false,
        dueMs: 0,
        timer: undefined,
        running: undefined,
      };
    });
  }

  async start(): Promise<void> {
    if (this.#client) return;
    const { config, clock } = this.#context;
    this.#client = new ModbusClient({
      host: config.host,
      port: config.port,
      timeoutMs: config.timeout_ms,
      inFlightMax: config.in_flight,
      clock,
    });
    this.#aliveAtMs = clock.monotonicMs();
    for (const unit of this.#units) {
      unit.dueMs = clock.monotonicMs();
      this.#schedule(unit);
    }
  }

  async stop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    for (const unit of this.#units) unit.timer?.cancel();
    client?.stop();
    await Promise.all(this.#units.map((unit) => unit.running));
  }

  stats(): DriverStats {
    const polls = this.#units.map((unit) => unit.pollMs);
    return {
      state: this.#state,
      requests: this.#requests,
      failures: this.#failures,
      samples: this.#samples,
      aliveAtMs: this.#units.length === 0 ? this.#context.clock.monotonicMs() : this.#aliveAtMs,
      aliveEveryMs: Math.max(Math.min(...polls, 3_600_000), this.#context.config.dead_poll_ms_max),
    };
  }

  #schedule(unit: Unit): void {
    const { clock } = this.#context;
    unit.timer = clock.after(Math.max(0, unit.dueMs - clock.monotonicMs()), () => {
      unit.running = this.#poll(unit).finally(() => {
        unit.running = undefined;
        if (!this.#client) return;
        unit.dueMs = this.#nextDue(unit);
        this.#schedule(unit);
      });
    });
  }

  /** The next point of the device's own grid that lies ahead; a dead device waits twice as long each time. */
  #nextDue(unit: Unit): number {
    const now = this.#context.clock.monotonicMs();
    const wait =
      unit.deadPolls <= 1
        ? unit.pollMs
        : Math.max(
            unit.pollMs,
            Math.min(
              unit.pollMs * 2 ** Math.min(unit.deadPolls - 1, 20),
              this.#context.config.dead_poll_ms_max,
            ),
          );
    let due = unit.dueMs + wait;
    if (due < now) due += Math.ceil((now - due) / unit.pollMs) * unit.pollMs;
    return due;
  }

  async #poll(unit: Unit): Promise<void> {
    const batch = this.#batch;
    const client = this.#client;
    if (!client) return;
    this.#aliveAtMs = this.#context.clock.monotonicMs();
    const samples: {
      readonly block: Block;
      readonly data: Buffer | undefined;
      readonly q: number;
      readonly atMs: number;
    }[] = [];
    let answered = false;
    let lastReason: string | undefined;
    for (const block of [...unit.blocks]) {
      // A unit that is known to be dead is asked once, not three times: the others are waiting.
      const tries = unit.deadPolls > 0 && !answered ? 1 : this.#context.config.tries;
      const silentNow = !answered && lastReason !== undefined;
      const result = silentNow ? undefined : await this.#read(client, unit, block, tries);
      if (!this.#client) return;
      const atMs = this.#context.clock.nowMs();
      if (result?.ok) {
        answered = true;
        samples.push({ block, data: result.data, q: Quality.good, atMs });
        continue;
      }
      if (result) lastReason = result.reason;
      if (result?.cause === 'exception' || result?.cause === 'bad_data') answered = true;
      const q =
        result?.cause === 'exception' ? this.#onException(unit, block, result) : Quality.badDeviceFailure;
      samples.push({ block, data: undefined, q, atMs });
    }
    batch.length = 0;
    for (const { block, data, q, atMs } of samples) {
      for (const point of block.points) {
        const value = data ? point.read(data, point.address - block.address) : null;
        addSample(batch, point.tag, value, value === null ? Math.min(q, Quality.badDeviceFailure) : q, atMs);
      }
    }
    this.#samples += batch.length;
    unit.deadPolls = answered || unit.blocks.length === 0 ? 0 : unit.deadPolls + 1;
    this.#judge(lastReason);
    if (batch.length > 0) this.#context.emit(batch);
  }

  async #read(client: ModbusClient, unit: Unit, block: Block, tries: number): Promise<ReadResult> {
    const { clock, config } = this.#context;
    let result: ReadResult | undefined;
    for (let attempt = 0; attempt < tries; attempt++) {
      if (attempt > 0) await sleep(clock, config.retry_ms);
      if (!this.#client) break;
      result = await client.read(unit.unit, readFunction[block.table], block.address, block.count);
      // Illegal function, address or value will not become legal by asking again.
      const hopeless = !result.ok && result.exception !== undefined && result.exception <= 3;
      if (result.ok || hopeless) break;
    }
    this.#requests++;
    const failed = !result?.ok;
    if (failed) this.#failures++;
    this.#window.add(failed, clock.monotonicMs());
    return result ?? { ok: false, cause: 'connection', reason: 'the driver stops' };
  }

  /** A merged block may span addresses the device does not have; its points are then asked for one by one. */
  #onException(unit: Unit, block: Block, result: ReadResult & { ok: false }): number {
    const illegal = result.exception !== undefined && result.exception <= 3;
    if (illegal && block.points.length > 1) {
      const single = block.points.flatMap((point) => planBlocks([point], 0));
      unit.blocks = unit.blocks.flatMap((candidate) => (candidate === block ? single : [candidate]));
      this.#context.logger.warn('A merged read was refused; its tags are read one by one from now on.', {
        device_id: unit.deviceId,
        reason: result.reason,
      });
    } else if (!unit.refusalLogged) {
      unit.refusalLogged = true;
      this.#context.logger.warn('The device refuses a read; look at table and address of the tag.', {
        device_id: unit.deviceId,
        tags: block.points.map((point) => point.tag.name),
        reason: result.reason,
      });
    }
    return illegal ? Quality.bad : Quality.badDeviceFailure;
  }

  #judge(lastReason: string | undefined): void {
    const { total, share } = this.#window.read(this.#context.clock.monotonicMs());
    if (total >= failureRequestsMin && share > failureShareMax) this.#failing = true;
    else if (share < failureShareMax / 2) this.#failing = false;
    const dead = this.#units.filter((unit) => unit.deadPolls > 0).length;
    if (dead === this.#units.length && dead > 0) this.#setState('disconnected', lastReason);
    else if (dead > 0)
      this.#setState('degraded', lastReason ?? `${dead} of ${this.#units.length} devices do not answer`);
    else if (this.#failing)
      this.#setState('degraded', `${(share * 100).toFixed(1)} % of ${total} requests failed in 5 minutes`);
    else this.#setState('connected', undefined);
  }

  #setState(state: DriverState, reason: string | undefined): void {
    // A new reason alone is no new state; it would flood the events of a flapping line.
    if (state === this.#state && (state === 'connected' || this.#reason !== undefined)) return;
    this.#state = state;
    this.#reason = reason;
    this.#context.onState(state, reason);
  }
}
