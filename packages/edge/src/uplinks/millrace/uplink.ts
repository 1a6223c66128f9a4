import { readFileSync } from 'node:fs';
import { contentTypes, deviceTopic, type GatewayEvent, type StatusMessage } from '@millrace/contracts';
import { type Clock, type Logger, type Random, type Service, sleep, type Timer } from '@millrace/foundation';
import { createMqttClient, type MqttClient, type MqttClientStats, type TlsMaterial } from '@millrace/mqtt';
import type { GatewayConfig } from '../../config/declaration.js';
import type { Plan } from '../../config/plan.js';
import { gatewayCommonName } from '../../outbox/message.js';
import type { Outbox, TakenRow } from '../../outbox/outbox.js';

export interface UplinkOptions {
  readonly config: GatewayConfig['uplink'];
  readonly batch: number;
  readonly plan: Plan;
  readonly outbox: Outbox;
  readonly version: string;
  resolvePath(path: string): string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  onEvent(event: GatewayEvent): void;
}

export interface UplinkStats extends MqttClientStats {
  readonly connectedSinceMs: number | undefined;
}

export interface Uplink extends Service {
  /** Sends what the outbox has, as far as there is room; called when rows were stored. */
  pump(): void;
  stats(): UplinkStats;
}

/** How often refused rows are looked at, and the pump is nudged whatever happened. */
const nudgeMs = 5000;
const stopDrainMs = 2000;

export function createUplink(options: UplinkOptions): Uplink {
  return new MillraceUplink(options);
}

class MillraceUplink implements Uplink {
  readonly #options: UplinkOptions;
  readonly #client: MqttClient;
  readonly #statusTopic: string;
  #timer: Timer | undefined;
  #buffer: TakenRow[] = [];
  #at = 0;
  #pumping = false;
  #dry = false;
  #unacknowledged = 0;
  #lostAtMs: number | undefined;
  #connectedSinceMs: number | undefined;
  #lastReason: string | undefined;

  constructor(options: UplinkOptions) {
    this.#options = options;
    const { config, plan } = options;
    this.#statusTopic = deviceTopic(plan.self.address, 'status');
    this.#client = createMqttClient({
      url: config.url,
      clientId: gatewayCommonName(plan.self),
      keepaliveS: config.keepalive_s,
      inFlightMax: config.in_flight,
      connectTimeoutMs: config.connect_timeout_s * 1000,
      backoff: { firstMs: config.backoff_s_first * 1000, maxMs: config.backoff_s_max * 1000 },
      tls: () => this.#tlsMaterial(),
      // PR-5: whoever subscribes later still learns that the gateway is gone.
      will: { topic: this.#statusTopic, payload: this.#status(false), qos: 1, retain: true },
      clock: options.clock,
      random: options.random,
      logger: options.logger,
      onConnected: () => this.#onConnected(),
      onDisconnected: (reason, wasConnected) => this.#onDisconnected(reason, wasConnected),
      onDrain: () => this.pump(),
    });
  }

  async start(): Promise<void> {
    if (this.#timer) return;
    this.#timer = this.#options.clock.every(nudgeMs, () => this.pump());
    await this.#client.start();
  }

  /** Sends what is left for at most two seconds, says goodbye, disconnects. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { clock } = this.#options;
    const deadline = clock.monotonicMs() + stopDrainMs;
    this.pump();
    while (this.#client.state === 'connected' && clock.monotonicMs() < deadline) {
      if (this.#unacknowledged === 0 && this.#at >= this.#buffer.length) break;
      await sleep(clock, 10);
      this.pump();
    }
    if (this.#client.state === 'connected') await this.#sayGoodbye(deadline + 500);
    await this.#client.stop();
  }

  pump(): void {
    this.#dry = false;
    this.#send();
  }

  #send(): void {
    // An outcome can arrive while publishing and lead back here; one loop is enough.
    if (this.#pumping || this.#dry) return;
    this.#pumping = true;
    try {
      while (this.#client.room > 0) {
        if (this.#at >= this.#buffer.length) {
          this.#buffer = this.#options.outbox.take(this.#options.batch);
          this.#at = 0;
          if (this.#buffer.length === 0) {
            // Acknowledgements need not look again until something was stored.
            this.#dry = true;
            break;
          }
        }
        this.#publish(this.#buffer[this.#at++]!);
      }
    } finally {
      this.#pumping = false;
    }
  }

  stats(): UplinkStats {
    return { ...this.#client.stats(), connectedSinceMs: this.#connectedSinceMs };
  }

  #publish(row: TakenRow): void {
    this.#unacknowledged++;
    this.#client.publish(
      {
        topic: row.topic,
        payload: Buffer.from(row.payload, 'utf8'),
        qos: 1,
        contentType: contentTypes.json,
      },
      (outcome) => {
        this.#unacknowledged--;
        if (outcome === 'lost') return;
        if (outcome >= 0x80)
          this.#options.logger.warn('The platform refused a message; it is tried again later.', {
            id: row.id,
            topic: row.topic,
            reason_code: outcome,
            attempts: row.attempts + 1,
          });
        this.#options.outbox.settle(row, outcome);
        this.#send();
      },
    );
  }

  #onConnected(): void {
    const { outbox, clock, logger } = this.#options;
    this.#forget();
    this.#client.publish({ topic: this.#statusTopic, payload: this.#status(true), qos: 1, retain: true });
    const now = clock.monotonicMs();
    this.#connectedSinceMs = clock.nowMs();
    const buffered = outbox.stats().unsent;
    logger.info('Connected to the platform.', { url: this.#options.config.url, buffered });
    if (this.#lostAtMs !== undefined) {
      this.#options.onEvent({
        type: 'uplink_restored',
        down_ms: Math.round(now - this.#lostAtMs),
        buffered,
      });
      this.#lostAtMs = undefined;
    }
    this.#lastReason = undefined;
    this.pump();
  }

  #onDisconnected(reason: string, wasConnected: boolean): void {
    this.#forget();
    this.#connectedSinceMs = undefined;
    if (wasConnected) {
      this.#lostAtMs = this.#options.clock.monotonicMs();
      this.#options.onEvent({ type: 'uplink_lost', reason });
    }
    // The same sentence every minute of a long outage helps nobody.
    if (wasConnected || reason !== this.#lastReason)
      this.#options.logger.warn('No connection to the platform; messages wait in the outbox.', { reason });
    this.#lastReason = reason;
  }

  #forget(): void {
    this.#buffer = [];
    this.#at = 0;
    this.#options.outbox.forgetInFlight();
  }

  async #sayGoodbye(deadlineMs: number): Promise<void> {
    const { clock } = this.#options;
    let settled = false;
    const sent = this.#client.publish(
      { topic: this.#statusTopic, payload: this.#status(false, 'stopped'), qos: 1, retain: true },
      () => {
        settled = true;
      },
    );
    while (sent && !settled && clock.monotonicMs() < deadlineMs) await sleep(clock, 5);
  }

  #status(online: boolean, reason?: string): Buffer {
    const message: StatusMessage = {
      schema_version: '1.0',
      device_id: this.#options.plan.self.address.deviceId,
      online,
      ts: this.#options.clock.nowMs(),
      ...(reason === undefined ? {} : { reason }),
      fw_version: this.#options.version,
    };
    return Buffer.from(JSON.stringify(message));
  }

  #tlsMaterial(): TlsMaterial {
    const { config, resolvePath } = this.#options;
    const read = (path: string | undefined) =>
      path === undefined ? undefined : readFileSync(resolvePath(path));
    const [ca, certificate, key] = [read(config.ca), read(config.certificate), read(config.key)];
    return {
      ...(ca ? { ca } : {}),
      ...(certificate ? { certificate } : {}),
      ...(key ? { key } : {}),
    };
  }
}
