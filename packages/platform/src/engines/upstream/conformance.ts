import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger, systemClock, systemRandom } from '@millrace/foundation';
import { createMqttClient, type MqttClient } from '@millrace/mqtt';
import {
  Mosquitto,
  makeCertificates,
  startTestPostgres,
  type TempDir,
  type TestPostgres,
  tempDir,
  waitFor,
} from '@millrace/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Database, migrations } from '../../database/index.js';
import { deviceEntry, pumpMessage } from '../../ingest/fixtures.js';
import { River } from '../../ingest/index.js';
import { MapDirectory } from '../../ingest/map-directory.js';
import { MqttUpstream, type UpstreamOptions } from './mqtt/engine.js';

const common = { clock: systemClock, random: systemRandom, logger: silentLogger };

/** What a reader of somebody else's broker must do, in one version of the protocol, against a real Mosquitto. */
export function describeUpstream(version: UpstreamOptions['version']): void {
  describe(`upstream engine mqtt, MQTT ${version}, Mosquitto with client certificates`, () => {
    const world = new World();
    beforeAll(() => world.open(), 60_000);
    afterAll(() => world.close(), 30_000);
    beforeEach(() => world.startRiver());
    afterEach(() => world.stopAll());

    it('stores what devices publish, and acknowledges it', async () => {
      await world.read(version);
      await world.publish(1, 100);
      await world.expectStored(100);
      expect(world.upstream!.stats()).toMatchObject({ taken: 100, acknowledged: 100 });
    });

    it('gets what was published while it was away', async () => {
      await world.read(version);
      await world.stopReading();
      await world.publish(101, 150);
      await world.read(version);
      await world.expectStored(150);
    });

    it('does not acknowledge what is not committed: it comes again, and is stored once', async () => {
      await world.read(version);
      await world.server!.stop();
      await world.publish(151, 160);
      await waitFor(() => world.upstream!.stats().taken === 10);
      expect(world.upstream!.stats().acknowledged).toBe(0);
      // A process that ends now has acknowledged nothing; the broker keeps it all.
      await world.stopReading();
      await world.server!.start();
      await world.read(version);
      await world.expectStored(160);
    });
  });
}

/** A broker, a database, a river and a device. */
class World {
  readonly #directory = new MapDirectory(new Map([['acme', 1]]), [deviceEntry(1, 'P-1')]);
  readonly #home = tempDir('upstream');
  #databaseHome: TempDir | undefined;
  #broker: Mosquitto | undefined;
  #database: Database | undefined;
  #river: River | undefined;
  #publisher: MqttClient | undefined;
  server: TestPostgres | undefined;
  upstream: MqttUpstream | undefined;

  async open(): Promise<void> {
    const folder = this.#home.path;
    makeCertificates(folder, ['millrace-ingest', 'acme::P-1']);
    writeFileSync(join(folder, 'acl'), 'user millrace-ingest\ntopic read #\nuser acme::P-1\ntopic write #\n');
    this.#broker = await Mosquitto.start(folder, [
      'require_certificate true',
      'use_identity_as_username true',
      'allow_anonymous false',
      `acl_file ${join(folder, 'acl')}`,
      `cafile ${join(folder, 'ca.pem')}`,
      `certfile ${join(folder, 'broker.pem')}`,
      `keyfile ${join(folder, 'broker.key')}`,
    ]);
    this.server = await startTestPostgres();
    this.#databaseHome = tempDir('upstream-database');
    const database = { dataDir: this.#databaseHome.path, port: 0, url: this.server.url(), migrations };
    this.#database = new Database({ ...database, clock: systemClock, logger: silentLogger });
    await this.#database.start();
    this.#publisher = createMqttClient({
      ...common,
      url: `mqtts://127.0.0.1:${this.#broker.port}`,
      clientId: 'acme::P-1',
      tls: () => ({
        ca: this.#pem('ca.pem'),
        certificate: this.#pem('client1.pem'),
        key: this.#pem('client1.key'),
      }),
    });
    await this.#publisher.start();
    await waitFor(() => this.#publisher!.state === 'connected');
  }

  async startRiver(): Promise<void> {
    this.#river = new River({ ...common, database: this.#database!, directory: this.#directory });
    await this.#river.start();
  }

  async read(version: UpstreamOptions['version']): Promise<void> {
    const file = (name: string) => join(this.#home.path, name);
    this.upstream = new MqttUpstream({
      ...common,
      url: `mqtts://127.0.0.1:${this.#broker!.port}`,
      clientId: 'millrace-ingest',
      group: 'millrace',
      version,
      sessionExpiryS: 3_600,
      files: { ca: file('ca.pem'), certificate: file('client0.pem'), key: file('client0.key') },
      ingress: () => this.#river!.ingress,
      directory: this.#directory,
    });
    await this.upstream.start();
    await waitFor(() => this.upstream!.stats().connected === 1);
  }

  async stopReading(): Promise<void> {
    await this.upstream?.stop();
    this.upstream = undefined;
  }

  /** Publishes the device's messages `from` to `to`; resolves when the broker has them. */
  async publish(from: number, to: number): Promise<void> {
    const topic = 'acme/north/pumping/line-1/centrifugal-pump/P-1/telemetry';
    for (let seq = from; seq <= to; seq++) {
      const message = pumpMessage('P-1', seq, { meta: { gw_id: 'acme::P-1' } });
      const payload = Buffer.from(JSON.stringify(message));
      const outcome = await new Promise((resolve) =>
        this.#publisher!.publish({ topic, payload, qos: 1 }, resolve),
      );
      // 0x10: nobody subscribes at the moment, so the broker has it for nobody.
      expect(outcome).toBe(0);
    }
  }

  async expectStored(count: number): Promise<void> {
    const counted = async () => {
      const { rows } = await this.#database!.owner.query<{ rows: number; numbers: number }>(
        'SELECT count(*) AS rows, count(DISTINCT seq) AS numbers FROM telemetry_centrifugal_pump',
      );
      return rows[0]!;
    };
    await waitFor(async () => (await counted()).rows >= count, { timeoutMs: 20_000, what: `${count} rows` });
    expect(await counted()).toEqual({ rows: count, numbers: count });
  }

  async stopAll(): Promise<void> {
    await this.stopReading();
    await this.#river?.stop();
    this.#river = undefined;
  }

  async close(): Promise<void> {
    await this.#publisher?.stop();
    await this.#broker?.kill();
    await this.#database?.stop();
    await this.server?.remove();
    this.#databaseHome?.remove();
    this.#home.remove();
  }

  #pem(name: string): Buffer {
    return readFileSync(join(this.#home.path, name));
  }
}
