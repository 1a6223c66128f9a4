import { silentLogger, systemClock, systemRandom } from '@millrace/foundation';
import { startTestPostgres, type TempDir, type TestPostgres, tempDir } from '@millrace/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Database, migrations } from '../database/index.js';
import { Ledger } from '../ledger/ledger.js';
import { deviceEntry, principal, pumpMessage, submit } from './fixtures.js';
import { MapDirectory } from './map-directory.js';
import { IngestService } from './service.js';

/** Two processes that share the partitions of one platform; here they live in one. */
let server: TestPostgres;
let home: TempDir;
let database: Database;
const directory = new MapDirectory(new Map([['acme', 1]]), [deviceEntry(1, 'P-1')]);
const started: IngestService[] = [];

async function newService(): Promise<IngestService> {
  const service = new IngestService({
    database,
    directory,
    ledger: new Ledger(),
    listeners: [],
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    partitioned: true,
  });
  await service.start();
  started.push(service);
  return service;
}

beforeAll(async () => {
  server = await startTestPostgres();
  home = tempDir('ownership');
  const common = { migrations, clock: systemClock, logger: silentLogger };
  database = new Database({ dataDir: home.path, port: 0, url: server.url(), ...common });
  await database.start();
});

afterAll(async () => {
  for (const service of started) await service.stop();
  await database?.stop();
  await server?.remove();
  home?.remove();
});

const messages = Array.from({ length: 30 }, (_, i) =>
  pumpMessage('P-1', i + 1, { meta: { gw_id: 'acme::P-1' } }),
);

/** The device's messages `from` to `to`, the same ones at each call. */
function rowsFor(service: IngestService, from: number, to: number) {
  const topic = 'acme/north/pumping/line-1/centrifugal-pump/P-1/telemetry';
  const binding = service.ingress.bind(principal('P-1'), topic)!;
  return messages.slice(from - 1, to).map((payload) => ({ binding, payload }));
}

async function stored(): Promise<{ rows: number; numbers: number }> {
  const { rows } = await database.owner.query<{ rows: number; numbers: number }>(
    'SELECT count(*) AS rows, count(DISTINCT seq) AS numbers FROM telemetry_centrifugal_pump',
  );
  return rows[0]!;
}

it('a process whose partition was taken writes nothing more, and its successor knows what it wrote', async () => {
  const [old, next] = [await newService(), await newService()];
  let lost = 0;
  old.onOwnershipLost = () => lost++;
  await old.own([0], 1);
  await submit(old.ingress, rowsFor(old, 1, 10));
  // It never hears of it, as a process that was suspended: nothing is released and no checkpoint is written.
  await next.own([0], 1);
  let settled = false;
  void submit(old.ingress, rowsFor(old, 11, 20)).then(() => {
    settled = true;
  });
  await expect.poll(() => lost, { timeout: 10_000 }).toBe(1);
  await submit(next.ingress, rowsFor(next, 1, 30));
  expect(await stored()).toEqual({ rows: 30, numbers: 30 });
  expect(next.ingress.counts).toMatchObject({ stored: 20, duplicates: 10 });
  expect(settled).toBe(false);
});

it('a checkpoint of the old owner does not write over what its successor knows', async () => {
  const [old, next] = started as [IngestService, IngestService];
  await old.checkpoint();
  await next.checkpoint();
  await next.release();
  const third = await newService();
  await third.own([0], 1);
  await submit(third.ingress, rowsFor(third, 1, 30));
  expect(third.ingress.counts).toMatchObject({ stored: 0, duplicates: 30 });
});
