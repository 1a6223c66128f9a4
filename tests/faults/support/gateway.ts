import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { type GatewayEvent, Quality } from '@millrace/contracts';
import { checkGatewayConfig, createUplink, Outbox, type TelemetryDraft, type Uplink } from '@millrace/edge';
import { type Clock, type Random, seededRandom, silentLogger } from '@millrace/foundation';
import { DatabaseSync } from '@photostructure/sqlite';
import { MortalClock } from './mortal-clock.js';
import { Relay } from './relay.js';
import type { Script } from './script.js';

export const deviceIds = ['P-101', 'P-102'] as const;

/** A row that the outbox accepted: committed in SQLite, with its number. */
export interface AcceptedRow {
  readonly id: number;
  readonly deviceId: string;
  readonly seq: number | null;
  readonly payload: string;
}

const configText = (port: number, inFlight: number) => `
gateway: { id: GW-01, tenant: acme, site: north, area: pumping, line: line-1 }
uplink: { url: 'mqtt://127.0.0.1:${port}', in_flight: ${inFlight}, keepalive_s: 5, connect_timeout_s: 2, backoff_s_first: 0.1, backoff_s_max: 1 }
devices: { P-101: { type: centrifugal_pump }, P-102: { type: centrifugal_pump } }
drivers:
  plc:
    type: modbus-tcp
    host: 127.0.0.1
    port: 1
    addresses: 0-based
    devices:
      P-101: { tags: { pressure_bar: { table: input, address: 0, data: float32 } } }
      P-102: { unit: 2, tags: { pressure_bar: { table: input, address: 0, data: float32 } } }
`;

/** One gateway over its kills: the real outbox on a real file and the real uplink, without drivers. */
export class TestGateway {
  readonly accepted = new Map<number, AcceptedRow>();
  /** Ids that the outbox noted as acknowledged, at any time. */
  readonly acknowledged = new Set<number>();
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #script: Script;
  readonly #folder: string;
  readonly #brokerPort: () => number | undefined;
  readonly #made = new Map<string, number>();
  #run = 0;
  #mortal: MortalClock | undefined;
  #outbox: Outbox | undefined;
  #uplink: Uplink | undefined;
  #spy: InstanceType<typeof DatabaseSync> | undefined;
  relay: Relay | undefined;
  #lastId = 0;

  constructor(clock: Clock, script: Script, folder: string, brokerPort: () => number | undefined) {
    this.#clock = clock;
    this.#script = script;
    this.#folder = folder;
    this.#brokerPort = brokerPort;
    this.#random = seededRandom(script.seed * 7 + 1);
  }

  get running(): boolean {
    return this.#outbox !== undefined;
  }

  /** Nothing waits to be sent or to be written. */
  get drained(): boolean {
    const stats = this.#outbox?.stats();
    return stats !== undefined && stats.unsent === 0 && stats.waiting === 0;
  }

  get unsent(): number {
    return this.#outbox?.stats().unsent ?? -1;
  }

  async start(mode: Relay['mode'], latencyMs: () => number): Promise<void> {
    const clock = new MortalClock(this.#clock);
    this.#mortal = clock;
    const relay = new Relay(clock, this.#brokerPort);
    this.relay = relay;
    relay.mode = mode;
    relay.latencyMs = latencyMs;
    await relay.open();
    const file = this.#file(this.#run);
    const script = this.#script;
    const { config, plan } = checkGatewayConfig(
      configText(relay.port, script.inFlight),
      join(this.#folder, 'gateway.yaml'),
    );
    const random = seededRandom(this.#script.seed * 1_000 + this.#run);
    const outbox = new Outbox({
      file,
      plan,
      retention: {
        sentKeepMs: 24 * 3_600_000,
        unsentKeepMs: 72 * 3_600_000,
        sizeLimitBytes: this.#script.outboxBytes,
      },
      lingerMs: 40,
      memoryRows: this.#script.memoryRows,
      clock,
      random,
      logger: silentLogger,
      onStored: () => this.#uplink?.pump(),
    });
    this.#uplink = createUplink({
      config: config.uplink,
      batch: 100,
      plan,
      outbox,
      version: '0',
      resolvePath: (path) => path,
      clock,
      random,
      logger: silentLogger,
      onEvent: (event: GatewayEvent) => outbox.addEvent(event),
    });
    const { previous } = outbox.open();
    outbox.addEvent({ type: 'gateway_started', version: '0', previous });
    this.#outbox = outbox;
    this.#plan = plan;
    this.#spy = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
    await this.#uplink.start();
  }

  #plan: ReturnType<typeof checkGatewayConfig>['plan'] | undefined;

  /** What the devices have to say now. */
  sample(count: number): void {
    for (let i = 0; i < count; i++) {
      const deviceId = deviceIds[this.#random.int(deviceIds.length)]!;
      this.sampleOf(deviceId);
    }
  }

  sampleOf(deviceId: string): void {
    const device = this.#plan?.devices.find(({ address }) => address.deviceId === deviceId);
    if (device === undefined || this.#outbox === undefined) return;
    const n = (this.#made.get(deviceId) ?? 0) + 1;
    this.#made.set(deviceId, n);
    const nowMs = this.#clock.nowMs();
    const draft: TelemetryDraft = {
      device,
      tsMs: nowMs,
      sourceTsMs: nowMs,
      // Sixteenths are exact in every float, so the stored value can be compared.
      d: { pressure_bar: { v: (n % 256) / 16, q: Quality.good } },
    };
    this.#outbox.addTelemetry([draft]);
  }

  /** Reads what the outbox committed since the last look, from the file and not from the outbox. */
  look(): void {
    const spy = this.#spy;
    if (spy === undefined) return;
    const rows = spy
      .prepare('SELECT id, device_id AS deviceId, seq, payload FROM outbox WHERE id > ? ORDER BY id')
      .all(this.#lastId) as unknown as AcceptedRow[];
    for (const row of rows) this.accepted.set(row.id, row);
    this.#lastId = rows.at(-1)?.id ?? this.#lastId;
  }

  /** Notes what counts as acknowledged; marks are only taken back by a kill, so a look before each is enough. */
  lookAtMarks(): void {
    const rows = this.#spy?.prepare('SELECT id FROM outbox WHERE sent_ms IS NOT NULL').all() ?? [];
    for (const row of rows as unknown as { id: number }[]) this.acknowledged.add(row.id);
  }

  /** `kill -9`: what was written stays, what was in memory is gone, connections break. */
  async kill(): Promise<void> {
    if (this.#outbox === undefined) return;
    this.look();
    this.lookAtMarks();
    this.#mortal?.die();
    const next = this.#file(this.#run + 1);
    for (const suffix of ['', '-wal']) {
      const from = this.#file(this.#run) + suffix;
      if (existsSync(from)) copyFileSync(from, next + suffix);
    }
    await this.#end();
    this.#run++;
  }

  async stop(): Promise<void> {
    this.#mortal?.die();
    await this.#end();
  }

  async #end(): Promise<void> {
    this.#spy?.close();
    this.#spy = undefined;
    const outbox = this.#outbox;
    this.#outbox = undefined;
    this.#uplink = undefined;
    await this.relay?.close();
    // The copy was made before: this only gives the old file's handles back.
    outbox?.close();
  }

  #file(run: number): string {
    return join(this.#folder, `outbox-${run}.db`);
  }
}
