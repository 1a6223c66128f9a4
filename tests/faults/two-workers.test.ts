import { readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { socketPath } from '@millrace/cli';
import {
  createUlidFactory,
  seededRandom,
  silentLogger,
  systemClock,
  systemRandom,
} from '@millrace/foundation';
import { createMqttClient, type MqttClient } from '@millrace/mqtt';
import {
  freePort,
  type ProductProcess,
  peer,
  requirePeer,
  runProduct,
  startProduct,
  startTestKafka,
  startTestPostgres,
  type TempDir,
  type TestKafka,
  type TestPostgres,
  tempDir,
  waitFor,
} from '@millrace/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';

const devices = Array.from({ length: 6 }, (_, i) => `P-${i + 1}`);
const messagesEach = 400;
const nextUlid = createUlidFactory(systemClock, seededRandom(11));

/** One platform of several processes: a front (broker and API) and two that store, with Kafka between them. */
class Processes {
  readonly #home: TempDir = tempDir('two-workers');
  readonly #running: ProductProcess[] = [];
  #kafka: TestKafka | undefined;
  #server: TestPostgres | undefined;
  #env: Record<string, string> = {};
  mqttPort = 0;
  database = new pg.Client();

  async open(): Promise<void> {
    [this.#kafka, this.#server] = await Promise.all([startTestKafka(), startTestPostgres()]);
    this.#env = { MILLRACE_BUILD_CHECK: 'off', DATABASE_URL: this.#server.url() };
    this.mqttPort = await freePort();
    const file = join(this.#home.path, 'platform.yaml');
    writeFileSync(
      file,
      `api: { port: 0 }\nmqtt: { port: ${this.mqttPort} }\ntenants: [{ slug: acme }]\nbus: { url: "${this.#kafka.url}", session_timeout_s: 2 }\n`,
    );
    await this.up('front', 'broker,api,jobs');
    const list = devices.map((id) => ({
      device_id: id,
      device_type: 'centrifugal_pump',
      title: id,
      enterprise: 'acme',
      site: 'north',
      area: 'pumping',
      line: 'line-1',
    }));
    const devicesFile = join(this.#home.path, 'devices.yaml');
    writeFileSync(devicesFile, JSON.stringify({ devices: list }));
    await this.#cli('device', 'import', devicesFile);
    await Promise.all(
      devices.map((id) => this.#cli('certificate', 'issue', '--device', id, '--out', this.#pki(id))),
    );
    this.database = new pg.Client(this.#server.url());
    await this.database.connect();
  }

  /** Starts a process of the platform on a data folder of its own. */
  async up(name: string, roles: string): Promise<ProductProcess> {
    const config = join(this.#home.path, 'platform.yaml');
    const child = startProduct(
      ['up', '--config', config, '--roles', roles, '--data', join(this.#home.path, name)],
      { env: this.#env },
    );
    this.#running.push(child);
    await child.waitForLine(/ready/, 30_000);
    return child;
  }

  client(deviceId: string): MqttClient {
    const read = (name: string) => readFileSync(join(this.#pki(deviceId), name));
    return createMqttClient({
      url: `mqtts://127.0.0.1:${this.mqttPort}`,
      clientId: `acme::${deviceId}`,
      tls: () => ({ ca: read('ca.pem'), certificate: read('cert.pem'), key: read('key.pem') }),
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
    });
  }

  /** How many processes own partitions; all twelve have an owner. */
  async owners(): Promise<number> {
    const { rows } = await this.database.query<{ owners: string; owned: string }>(
      "SELECT count(DISTINCT owner) AS owners, count(*) AS owned FROM ingest_ownership WHERE owner <> ''",
    );
    expect(Number(rows[0]!.owned)).toBe(12);
    return Number(rows[0]!.owners);
  }

  /** What the front answers to a GET, over its local socket. */
  api<T>(path: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const call = get(
        { socketPath: socketPath(join(this.#home.path, 'front'), 'platform'), path },
        (answer) => {
          let text = '';
          answer.setEncoding('utf8').on('data', (part: string) => {
            text += part;
          });
          answer.on('end', () =>
            answer.statusCode === 200
              ? resolve(JSON.parse(text) as T)
              : reject(new Error(`${path}: ${text}`)),
          );
        },
      );
      call.on('error', reject);
    });
  }

  async close(): Promise<void> {
    await this.database.end().catch(() => {});
    for (const child of this.#running) if (child.running) await child.stop().catch(() => child.kill());
    await this.#server?.remove();
    await this.#kafka?.remove();
    this.#home.remove();
  }

  #pki(deviceId: string): string {
    return join(this.#home.path, 'pki', deviceId);
  }

  async #cli(...args: string[]): Promise<void> {
    const result = await runProduct([...args, '--data', join(this.#home.path, 'front')], { env: this.#env });
    if (result.code !== 0) throw new Error(`millrace ${args.join(' ')}: ${result.stderr}`);
  }
}

/** Publishes a device's messages, eight on their way at a time, each until it is acknowledged. */
async function publishAll(client: MqttClient, deviceId: string): Promise<void> {
  const topic = `acme/north/pumping/line-1/centrifugal-pump/${deviceId}/telemetry`;
  const send = async (seq: number) => {
    const message = {
      schema_version: '2.1',
      msg_id: nextUlid(),
      device_id: deviceId,
      device_type: 'centrifugal_pump',
      ts: systemClock.nowMs(),
      seq,
      d: { pressure_bar: { v: 4, q: 192 } },
      meta: { fw_version: '1.0.0', gw_id: `acme::${deviceId}` },
    };
    const payload = Buffer.from(JSON.stringify(message));
    const attempt = () =>
      new Promise<unknown>((resolve) => {
        if (!client.publish({ topic, payload, qos: 1 }, resolve)) resolve('no room');
      });
    await waitFor(async () => (await attempt()) === 0, { timeoutMs: 30_000, what: `${deviceId} ${seq}` });
  };
  for (let seq = 1; seq <= messagesEach; seq += 8)
    await Promise.all(Array.from({ length: Math.min(8, messagesEach - seq + 1) }, (_, i) => send(seq + i)));
}

const here = requirePeer('kafka');
const processes = new Processes();
beforeAll(() => (here ? processes.open() : undefined), 60_000);
afterAll(() => (here ? processes.close() : undefined), 30_000);

const name = 'two ingest processes, one killed: partitions move and every message is stored once';
test.skipIf(!here)(
  here ? name : `${name} (needs the peer kafka: ${peer('kafka').why})`,
  async () => {
    const victim = await processes.up('ingest-1', 'ingest');
    const survivor = await processes.up('ingest-2', 'ingest');
    const owns = /writes the devices of its partitions/;
    await victim.waitForLine(owns);
    await survivor.waitForLine(owns);
    const clients = devices.map((deviceId) => processes.client(deviceId));
    for (const client of clients) await client.start();
    const publishing = Promise.all(clients.map((client, i) => publishAll(client, devices[i]!)));
    const count = async () => {
      const { rows } = await processes.database.query<{ rows: string; numbers: string }>(
        'SELECT count(*) AS rows, count(DISTINCT (device_no, epoch, seq)) AS numbers FROM telemetry_centrifugal_pump',
      );
      return { rows: Number(rows[0]!.rows), numbers: Number(rows[0]!.numbers) };
    };
    await waitFor(async () => (await count()).rows > 200, { timeoutMs: 30_000, what: '200 rows' });
    expect(await processes.owners()).toBe(2);
    process.kill(victim.pid, 'SIGKILL');
    await publishing;
    const all = devices.length * messagesEach;
    await waitFor(async () => (await count()).rows >= all, {
      timeoutMs: 40_000,
      what: () => `${all} rows; the survivor said:\n${survivor.lines().slice(-15).join('\n')}`,
    });
    expect(await count()).toEqual({ rows: all, numbers: all });
    expect(await processes.owners()).toBe(1);
    // The front ingests nothing: it tells what the others stored.
    await waitFor(
      async () => {
        const device = await processes.api<{ latest: Record<string, { v: unknown }> }>('/v1/devices/P-1');
        return device.latest.pressure_bar?.v === 4;
      },
      { timeoutMs: 5_000, what: 'the last-known value at the front' },
    );
    const range = 'from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z';
    const proof = await processes.api(`/v1/devices/P-1/completeness?${range}`);
    expect(proof).toMatchObject({ expected: messagesEach, stored: messagesEach, missing: 0 });
    for (const client of clients) await client.stop();
  },
  90_000,
);
