import type { EventEnvelope } from '@millrace/contracts';
import { errorMessage, seededRandom } from '@millrace/foundation';
import { ManualClock, type TempDir, type TestPostgres, tempDir } from '@millrace/testing';
import { type Accepted, type Findings, type Kept, type LostRange, violations } from './check.js';
import { deviceIds, TestGateway } from './gateway.js';
import { TestPlatform } from './platform.js';
import type { Fault, Script } from './script.js';
import { Disorder, type Sabotage } from './unruly-ingress.js';

export interface WorldOptions {
  readonly sabotage?: Sabotage;
  /** Runs SQL against the database before each start of the platform but the first; to break it on purpose. */
  readonly beforeRestart?: (query: (sql: string) => Promise<unknown>) => Promise<void>;
}

export interface Outcome {
  /** Sentences about what broke the invariant; empty when it held. */
  readonly violations: readonly string[];
  readonly accepted: number;
  readonly lost: number;
  readonly repeated: number;
}

const stepMs = 20;
const drainMsMax = 240_000;

export interface Queries {
  query(sql: string): Promise<{ rows: unknown[] }>;
}

/**
 * Runs one script from end to end in this process. Time is virtual and the faults come at the times of the script;
 * sockets, SQLite and PostgreSQL are real, so how their work falls between two steps is the machine's, and a seed
 * repeats the faults exactly and the interleaving closely.
 */
export async function runScript(
  script: Script,
  server: TestPostgres,
  connect: () => Promise<Queries & { end(): Promise<void> }>,
  options: WorldOptions = {},
): Promise<Outcome> {
  const folder = tempDir('fault-seed');
  const world = new World(script, server, connect, folder, options);
  try {
    return await world.run();
  } finally {
    await world.close();
    folder.remove();
  }
}

class World {
  readonly #script: Script;
  readonly #server: TestPostgres;
  readonly #connect: () => Promise<Queries & { end(): Promise<void> }>;
  readonly #options: WorldOptions;
  /** The platform's time, and the gateway's: they run alike, but only the gateway's wall clock is stepped. */
  readonly #clock = new ManualClock();
  readonly #gatewayClock = new ManualClock();
  readonly #disorder: Disorder;
  readonly #gateway: TestGateway;
  readonly #platform: TestPlatform;
  readonly #timing;
  readonly #pending = new Set<Promise<void>>();
  readonly #errors: string[] = [];
  #wantsGateway = true;
  #wantsPlatform = true;
  #platformStarts = 0;
  #platformBusy: Promise<void> = Promise.resolve();
  #linkMode: 'open' | 'refuse' | 'silent' | 'mute' = 'open';
  #linkLatencyMs = 0;

  constructor(
    script: Script,
    server: TestPostgres,
    connect: () => Promise<Queries & { end(): Promise<void> }>,
    folder: TempDir,
    options: WorldOptions,
  ) {
    this.#script = script;
    this.#server = server;
    this.#connect = connect;
    this.#options = options;
    this.#timing = seededRandom(script.seed * 13 + 5);
    this.#disorder = new Disorder(seededRandom(script.seed * 17 + 3));
    this.#gateway = new TestGateway(this.#gatewayClock, script, folder.path, () => this.#platform.brokerPort);
    this.#platform = new TestPlatform(
      this.#clock,
      server,
      script.seed,
      folder.path,
      this.#disorder,
      options.sabotage ?? 'none',
    );
  }

  async run(): Promise<Outcome> {
    await this.#platform.start();
    await this.#startGateway();
    const steps = [...this.#script.steps];
    while (this.#clock.monotonicMs() < this.#script.lengthMs) {
      while (steps[0] !== undefined && steps[0].atMs <= this.#clock.monotonicMs())
        this.#inflict(steps.shift()!.fault);
      if (this.#timing.next() < 0.5) this.#gateway.sample(1 + this.#timing.int(this.#script.burst));
      await this.#step();
    }
    await this.#heal();
    await this.#drain();
    return this.#judge();
  }

  async close(): Promise<void> {
    await this.#gateway.stop();
    await this.#platform.kill(false);
    await this.#server.start();
  }

  async #step(): Promise<void> {
    this.#clock.advance(stepMs);
    this.#gatewayClock.advance(stepMs);
    this.#gateway.look();
    // A millisecond of real time, so that virtual time does not run away from sockets and databases.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }

  #inflict(fault: Fault): void {
    const later = (forMs: number, fn: () => void) => this.#clock.after(forMs, fn);
    switch (fault.kind) {
      case 'gateway_kill':
        this.#track(this.#killGateway(fault.downMs));
        break;
      case 'gateway_clock':
        this.#gatewayClock.stepWall(fault.stepMs);
        break;
      case 'link_cut':
        this.#gateway.relay?.cut();
        break;
      case 'link_refused':
        this.#gateway.relay?.cut();
        this.#link('refuse', fault.forMs);
        break;
      case 'link_half_open':
        this.#link('silent', fault.forMs);
        break;
      case 'puback_lost':
        this.#link('mute', fault.forMs);
        break;
      case 'link_slow':
        this.#linkLatencyMs = fault.latencyMs;
        later(fault.forMs, () => {
          this.#linkLatencyMs = 0;
        });
        break;
      case 'duplicate_storm':
        this.#disorder.stormChance = 0.5;
        later(fault.forMs, () => {
          this.#disorder.stormChance = 0;
        });
        break;
      case 'reorder':
        this.#disorder.holdMs = fault.holdMs;
        later(fault.forMs, () => {
          this.#disorder.holdMs = 0;
        });
        break;
      default:
        this.#inflictOnPlatform(fault);
    }
  }

  #inflictOnPlatform(fault: Fault): void {
    switch (fault.kind) {
      case 'platform_restart':
        this.#platformTurn(async () => {
          await this.#platform.stop();
          await this.#startPlatform();
        });
        break;
      case 'platform_kill':
        this.#platformTurn(async () => {
          await this.#platform.kill(fault.deliver);
          await this.#wait(fault.downMs);
          await this.#startPlatform();
        });
        break;
      case 'database_kill':
        this.#track(this.#endDatabase(() => this.#server.kill(), fault.downMs));
        break;
      case 'database_restart':
        this.#track(this.#endDatabase(() => this.#server.stop(), fault.downMs));
        break;
      case 'commit_answer_lost':
        if (this.#platform.relay) this.#platform.relay.cutAfter = (bytes) => bytes.includes('ledger_journal');
        break;
      case 'database_cut':
        this.#platform.relay?.cut();
        break;
      case 'database_stall':
        this.#track(this.#stallWrites(fault.forMs));
        break;
      case 'database_slow':
        this.#platform.latencyMs = () => fault.latencyMs;
        this.#clock.after(fault.forMs, () => {
          this.#platform.latencyMs = () => 0;
        });
        break;
    }
  }

  /** The link is bad for a time; whoever ends it last opens it. */
  #link(mode: 'refuse' | 'silent' | 'mute', forMs: number): void {
    this.#setLink(mode);
    this.#clock.after(forMs, () => {
      if (this.#linkMode === mode) this.#setLink('open');
    });
  }

  #setLink(mode: 'open' | 'refuse' | 'silent' | 'mute'): void {
    const { relay } = this.#gateway;
    this.#linkMode = mode;
    if (relay === undefined) return;
    // Bytes have vanished: TCP would break such a connection once it carries again.
    if (relay.mode === 'silent' || relay.mode === 'mute') relay.cut();
    relay.mode = mode;
  }

  async #killGateway(downMs: number): Promise<void> {
    if (!this.#gateway.running) return;
    await this.#gateway.kill();
    await this.#wait(downMs);
    await this.#startGateway();
  }

  async #startGateway(): Promise<void> {
    if (!this.#wantsGateway || this.#gateway.running) return;
    await this.#gateway.start(this.#linkMode, () =>
      this.#linkLatencyMs === 0 ? 0 : this.#timing.int(this.#linkLatencyMs),
    );
  }

  /** Stops and starts of the platform come one after the other. */
  #platformTurn(turn: () => Promise<void>): void {
    this.#platformBusy = this.#platformBusy.then(turn);
    this.#track(this.#platformBusy);
  }

  /** As a supervisor does: tries until it runs. */
  async #startPlatform(): Promise<void> {
    this.#platformStarts++;
    while (this.#wantsPlatform) {
      try {
        await this.#options.beforeRestart?.((sql) => this.#query(sql));
        await this.#platform.start();
        return;
      } catch (error) {
        if (this.#platformStarts++ > 500) throw error;
        await this.#wait(200);
      }
    }
  }

  async #endDatabase(end: () => Promise<void>, downMs: number): Promise<void> {
    await end();
    await this.#wait(downMs);
    await this.#server.start();
  }

  async #stallWrites(forMs: number): Promise<void> {
    const client = await this.#connect().catch(() => undefined);
    // A server that is down stalls by itself.
    if (client === undefined) return;
    try {
      await client.query('BEGIN');
      await client.query('LOCK TABLE ledger_journal IN EXCLUSIVE MODE');
      await this.#wait(forMs);
      await client.query('ROLLBACK');
    } catch {
      // The server was killed meanwhile, which ends the stall as well.
    } finally {
      await client.end().catch(() => {});
    }
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.#clock.after(ms, resolve));
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error) => {
        this.#errors.push(`the harness failed: ${errorMessage(error)}`);
      })
      .finally(() => this.#pending.delete(tracked));
    this.#pending.add(tracked);
  }

  /** Ends every fault and waits until all parts run again. */
  async #heal(): Promise<void> {
    while (this.#pending.size > 0) await this.#step();
    this.#disorder.stormChance = 0;
    this.#disorder.holdMs = 0;
    this.#platform.latencyMs = () => 0;
    if (this.#platform.relay) this.#platform.relay.cutAfter = undefined;
    this.#linkLatencyMs = 0;
    this.#setLink('open');
  }

  /** The gateway delivers what it has; then one message more of each device, which shows losses at the end. */
  async #drain(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      const deadlineMs = this.#clock.monotonicMs() + drainMsMax;
      if (round === 1) for (const deviceId of deviceIds) this.#gateway.sampleOf(deviceId);
      // Long enough for the linger and for the retention's next look.
      for (let i = 0; i < 5; i++) await this.#step();
      while (!this.#gateway.drained && this.#clock.monotonicMs() < deadlineMs) await this.#step();
      if (!this.#gateway.drained)
        this.#errors.push(`${this.#gateway.unsent} messages were still unsent after the drain`);
    }
    this.#gateway.look();
    this.#gateway.lookAtMarks();
  }

  async #judge(): Promise<Outcome> {
    const found = [...this.#errors];
    const rows = [...this.#gateway.accepted.values()];
    const losses = rows.filter(({ seq }) => seq === null).flatMap(({ payload }) => lossOf(payload));
    let lost = 0;
    for (const deviceId of deviceIds) {
      const findings = await this.#findings(deviceId, losses);
      lost += findings.completeness.lost;
      found.push(...violations(findings));
    }
    const numbered = rows.filter(({ seq }) => seq !== null).length;
    return { violations: found, accepted: numbered, lost, repeated: this.#disorder.repeated };
  }

  async #findings(
    deviceId: string,
    losses: readonly (LostRange & { readonly deviceId: string })[],
  ): Promise<Findings> {
    const { deviceNo } = this.#platform.directory.entries.find((entry) => entry.deviceId === deviceId)!;
    const accepted: Accepted[] = [];
    for (const row of this.#gateway.accepted.values()) {
      if (row.deviceId !== deviceId || row.seq === null) continue;
      const message = JSON.parse(row.payload) as {
        d: { pressure_bar: { v: number } };
        meta: { epoch: number };
      };
      accepted.push({
        epoch: message.meta.epoch,
        seq: row.seq,
        value: message.d.pressure_bar.v,
        acknowledged: this.#gateway.acknowledged.has(row.id),
      });
    }
    const read = async (sql: string) =>
      ((await this.#query(sql)).rows as Record<string, unknown>[]).map(
        (row): Kept => ({
          epoch: Number(row.epoch),
          seq: Number(row.seq),
          value: row.value === null ? null : Number(row.value),
        }),
      );
    return {
      deviceId,
      accepted,
      stored: await read(
        `SELECT epoch, seq, pressure_bar AS value FROM telemetry_centrifugal_pump WHERE device_no = ${deviceNo}`,
      ),
      deadLetters: await read(
        `SELECT epoch, seq, NULL AS value FROM dead_letters WHERE device_no = ${deviceNo}`,
      ),
      lost: losses.filter((loss) => loss.deviceId === deviceId),
      completeness: await this.#platform.river!.ledger.completeness(1, deviceNo, 0, 4_000_000_000_000),
    };
  }

  async #query(sql: string): Promise<{ rows: unknown[] }> {
    const client = await this.#connect();
    try {
      return await client.query(sql);
    } finally {
      await client.end();
    }
  }
}

function lossOf(payload: string): (LostRange & { deviceId: string })[] {
  const { event } = JSON.parse(payload) as EventEnvelope;
  if (event.type !== 'data_loss') return [];
  return [{ deviceId: event.device_id, from: event.seq_from, to: event.seq_to }];
}
