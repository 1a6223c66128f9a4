import { type Clock, silentLogger, systemClock, systemRandom } from '@millrace/foundation';
import { startTestPostgres, type TempDir, type TestPostgres, tempDir } from '@millrace/testing';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Database, migrations } from '../database/index.js';
import { deviceEntry, principal, pumpMessage, submit } from '../ingest/fixtures.js';
import { MapDirectory } from '../ingest/map-directory.js';
import { River } from '../ingest/river.js';

let server: TestPostgres;
let home: TempDir;
let database: Database;
let river: River;
let gatewayNo = 100;
let gateway = '';
let pumps: string[] = [];
let aheadMs = 0;
const clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs };
const directory = new MapDirectory(new Map([['acme', 1]]), []);
const seqs = new Map<string, number>();

beforeAll(async () => {
  server = await startTestPostgres();
  home = tempDir('clocks');
  const logger = silentLogger;
  database = new Database({ dataDir: home.path, port: 0, url: server.url(), migrations, clock, logger });
  await database.start();
  river = new River({ database, directory, clock, random: systemRandom, logger });
  await river.start();
});

afterAll(async () => {
  await river?.stop();
  await database?.stop();
  await server?.remove();
  home?.remove();
});

beforeEach(() => {
  gatewayNo += 10;
  gateway = `GW-${gatewayNo}`;
  pumps = [1, 2].map((i) => `P-${gatewayNo + i}`);
  directory.add(deviceEntry(gatewayNo, gateway, { deviceType: 'edge_gateway' }));
  for (const [i, id] of pumps.entries()) directory.add(deviceEntry(gatewayNo + 1 + i, id, { gateway }));
});

/** Periods with a message of each pump; offsets in ms. */
async function run(periods: number, offsets: { gateway?: number; source?: number }): Promise<void> {
  for (let i = 0; i < periods; i++) {
    aheadMs += 10_000;
    const now = clock.nowMs();
    const ts = now - 50 + (offsets.gateway ?? 0);
    const meta = { gw_id: `acme::${gateway}`, source_ts: ts - 10 + (offsets.source ?? 0) };
    const rows = pumps.map((id) => {
      const seq = (seqs.get(id) ?? 0) + 1;
      seqs.set(id, seq);
      const topic = `acme/north/pumping/line-1/centrifugal-pump/${id}/telemetry`;
      return {
        binding: river.ingress.bind(principal(gateway), topic)!,
        payload: pumpMessage(id, seq, { ts, meta }),
      };
    });
    await submit(river.ingress, rows, now);
    await river.clocks.tick();
  }
}

async function events(): Promise<[number | null, string, unknown][]> {
  const rows = await river.events.list(1, { limit: 500 });
  return rows
    .filter(({ deviceNo }) => deviceNo !== null && deviceNo >= gatewayNo && deviceNo < gatewayNo + 10)
    .map(({ deviceNo, type, body }): [number | null, string, unknown] => [deviceNo, type, body])
    .reverse();
}

it('shows the offsets of clocks that agree, and raises nothing', async () => {
  await run(4, {});
  expect(river.clocks.view(gatewayNo + 1)).toEqual({
    sourceOffsetMs: -10,
    gatewayOffsetMs: -50,
    asOf: expect.any(Number),
    state: 'ok',
  });
  expect(await events()).toEqual([]);
});

it('raises one event for a gateway that runs ahead, not one a device, and clears it', async () => {
  await run(4, { gateway: 60_000 });
  expect(river.clocks.view(gatewayNo + 2)).toMatchObject({ gatewayOffsetMs: 59_950, state: 'drifting' });
  const raised = [gatewayNo, 'clock_drift', { clock: 'gateway', offset_ms: 59_950, limit_ms: 5_000 }];
  expect(await events()).toEqual([raised]);
  expect(new Map(river.clocks.gatewayOffsets()).get(`acme::${gateway}`)).toBe(59_950);
  await run(16, {});
  expect(river.clocks.view(gatewayNo + 2)).toMatchObject({ gatewayOffsetMs: -50, state: 'ok' });
  expect(await events()).toEqual([raised, [gatewayNo, 'clock_drift_cleared', expect.anything()]]);
});

it('names the device whose own clock runs behind its gateway', async () => {
  pumps = pumps.slice(0, 1);
  await run(4, { source: -20_000 });
  expect(await events()).toEqual([
    [gatewayNo + 1, 'clock_drift', { clock: 'source', offset_ms: -20_010, limit_ms: 5_000 }],
  ]);
  expect(river.clocks.view(gatewayNo + 1)).toMatchObject({ state: 'drifting' });
  expect(river.clocks.view(gatewayNo)).toMatchObject({ sourceOffsetMs: null });
});

it('neither repeats nor forgets a drift over a restart', async () => {
  await run(4, { gateway: 60_000 });
  await river.stop();
  river = new River({ database, directory, clock, random: systemRandom, logger: silentLogger });
  await river.start();
  await run(4, { gateway: 60_000 });
  expect((await events()).map((event) => event[1])).toEqual(['clock_drift']);
  await run(16, {});
  expect((await events()).map((event) => event[1])).toEqual(['clock_drift', 'clock_drift_cleared']);
});

it('knows nothing of a clock that was not heard of for 15 minutes', async () => {
  await run(4, {});
  aheadMs += 900_001;
  expect(river.clocks.view(gatewayNo + 1)).toMatchObject({
    sourceOffsetMs: null,
    gatewayOffsetMs: null,
    state: 'unknown',
  });
});
