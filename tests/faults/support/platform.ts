import { type Broker, createBroker, silentObserver } from '@millrace/broker';
import { topicPrefix } from '@millrace/contracts';
import { type Clock, seededRandom, silentLogger } from '@millrace/foundation';
import type { Authenticator, Authorizer } from '@millrace/mqtt';
import { Database, type DeviceDirectory, type DeviceEntry, migrations, River } from '@millrace/platform';
import type { TestPostgres } from '@millrace/testing';
import { MortalClock } from './mortal-clock.js';
import { Relay } from './relay.js';
import { type Disorder, type Sabotage, UnrulyIngress } from './unruly-ingress.js';

const tenantId = 1;

/** The devices of one seed, under numbers of their own, so that every seed can use one database. */
export function directoryOf(seed: number): DeviceDirectory & { entries: readonly DeviceEntry[] } {
  const entry = (at: number, deviceId: string, deviceType: string, gateway: string | null): DeviceEntry => {
    const address = {
      enterprise: 'acme',
      site: 'north',
      area: 'pumping',
      line: 'line-1',
      deviceType,
      deviceId,
    };
    return {
      ...address,
      tenantId,
      deviceNo: seed * 4 + at,
      topicPrefix: topicPrefix(address),
      gatewayDeviceId: gateway,
    };
  };
  const entries = [
    entry(0, 'GW-01', 'edge_gateway', null),
    entry(1, 'P-101', 'centrifugal_pump', 'GW-01'),
    entry(2, 'P-102', 'centrifugal_pump', 'GW-01'),
  ];
  return {
    entries,
    tenantId: (slug) => (slug === 'acme' ? tenantId : undefined),
    lookup: (prefix) => entries.find((each) => each.topicPrefix === prefix),
    byNo: (deviceNo) => entries.find((each) => each.deviceNo === deviceNo),
    byId: (tenant, deviceId) =>
      tenant === tenantId ? entries.find((each) => each.deviceId === deviceId) : undefined,
    childrenOf: (_tenant, gateway) => entries.filter((each) => each.gatewayDeviceId === gateway),
    all: () => entries,
  };
}

const authenticator: Authenticator = {
  authenticate: async ({ clientId }) => ({
    ok: true,
    principal: {
      clientId,
      tenant: 'acme',
      certificateSerial: undefined,
      messagesPerMinuteAlert: Number.POSITIVE_INFINITY,
    },
  }),
};
const authorizer: Authorizer = { mayPublish: () => true, maySubscribe: () => true };

/** One platform over its restarts and kills: real broker, real river, a relay in front of the real database. */
export class TestPlatform {
  readonly directory: ReturnType<typeof directoryOf>;
  readonly #clock: Clock;
  readonly #server: TestPostgres;
  readonly #seed: number;
  readonly #folder: string;
  readonly #disorder: Disorder;
  readonly #sabotage: Sabotage;
  #run = 0;
  #mortal: MortalClock | undefined;
  #database: Database | undefined;
  #broker: Broker | undefined;
  river: River | undefined;
  relay: Relay | undefined;
  /** Read latency of the database's link, ms; survives restarts. */
  latencyMs: () => number = () => 0;

  constructor(
    clock: Clock,
    server: TestPostgres,
    seed: number,
    folder: string,
    disorder: Disorder,
    sabotage: Sabotage,
  ) {
    this.#clock = clock;
    this.#server = server;
    this.#seed = seed;
    this.#folder = folder;
    this.#disorder = disorder;
    this.#sabotage = sabotage;
    this.directory = directoryOf(seed);
  }

  get brokerPort(): number | undefined {
    return this.#broker?.listenerPorts[0];
  }

  /** Rejects while the database is away; nothing is left behind then. */
  async start(): Promise<void> {
    const clock = new MortalClock(this.#clock);
    this.#mortal = clock;
    this.#run++;
    const random = seededRandom(this.#seed * 1_000 + 500 + this.#run);
    const passedIn = { clock, random, logger: silentLogger };
    const relay = new Relay(clock, () => this.#server.port);
    relay.latencyMs = () => this.latencyMs();
    this.relay = relay;
    await relay.open();
    const url = this.#server.url().replace(`:${this.#server.port}/`, `:${relay.port}/`);
    const database = new Database({ dataDir: this.#folder, port: 0, url, migrations, ...passedIn });
    const river = new River({ database, directory: this.directory, ...passedIn });
    try {
      await database.start();
      await river.start();
    } catch (error) {
      clock.die();
      await relay.close();
      await database.stop().catch(() => {});
      throw error;
    }
    const ingress = new UnrulyIngress(river.ingress, this.#disorder, clock, this.#sabotage);
    const broker = createBroker({
      listeners: [{ url: 'mqtt://127.0.0.1:0' }],
      ingress,
      authenticator,
      authorizer,
      observer: silentObserver,
      ...passedIn,
    });
    await broker.start();
    this.#database = database;
    this.river = river;
    this.#broker = broker;
  }

  /** An orderly stop, as SIGTERM causes: the broker first, then the river, then the database's connections. */
  async stop(): Promise<void> {
    const [broker, river, database] = [this.#broker, this.river, this.#database];
    this.#broker = undefined;
    this.river = undefined;
    this.#database = undefined;
    await broker?.stop();
    await river?.stop();
    await database?.stop();
    this.#mortal?.die();
    await this.relay?.close();
  }

  /**
   * `kill -9`: memory is gone and connections break. With `deliver` what was sent to the database still reaches it,
   * as bytes do that the operating system had taken.
   */
  async kill(deliver: boolean): Promise<void> {
    const [broker, database] = [this.#broker, this.#database];
    if (broker === undefined) return;
    this.#broker = undefined;
    this.river = undefined;
    this.#database = undefined;
    this.#mortal?.die();
    await this.relay?.close(deliver);
    // Only gives ports and handles back; nothing of it reaches the database or a gateway any more.
    void broker.stop();
    void database?.stop();
  }
}
