import { type Clock, silentLogger, systemClock, systemRandom } from '@millrace/foundation';
import { startTestPostgres, type TempDir, type TestPostgres, tempDir, waitFor } from '@millrace/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Database, migrations } from '../database/index.js';
import type { GapPlace, StoredGap } from '../ledger/index.js';
import type { LiveUpdate } from '../live/index.js';
import { deviceEntry, principal, pumpMessage, submit } from './fixtures.js';
import { MapDirectory } from './map-directory.js';
import { River } from './river.js';

let server: TestPostgres;
let home: TempDir;
let database: Database;
let river: River;
let deviceNo = 1;
let deviceId = '';
let aheadMs = 0;
const clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs };
const directory = new MapDirectory(
  new Map([
    ['acme', 1],
    ['globex', 2],
  ]),
  [deviceEntry(1, 'GW-1', { deviceType: 'edge_gateway' })],
);

beforeAll(async () => {
  server = await startTestPostgres();
  home = tempDir('river');
  const logger = silentLogger;
  database = new Database({ dataDir: home.path, port: 0, url: server.url(), migrations, clock, logger });
  await database.start();
  await restart();
});

afterAll(async () => {
  await river?.stop();
  await database?.stop();
  await server?.remove();
  home?.remove();
});

async function restart(): Promise<void> {
  await river?.stop();
  const options = { database, directory, clock, random: systemRandom, logger: silentLogger };
  river = new River({ ...options, tenantIds: () => [1] });
  await river.start();
}

beforeEach(() => {
  deviceNo++;
  deviceId = `P-${deviceNo}`;
  directory.add(deviceEntry(deviceNo, deviceId, { gateway: 'GW-1' }));
});

function bind(topicClass: string, type = 'centrifugal-pump', id = deviceId): object {
  return river.ingress.bind(principal('GW-1'), `acme/north/pumping/line-1/${type}/${id}/${topicClass}`)!;
}

const send = (numbers: readonly number[], ts: (seq: number) => number) =>
  submit(
    river.ingress,
    numbers.map((seq) => ({
      binding: bind('telemetry'),
      payload: pumpMessage(deviceId, seq, { ts: ts(seq) }),
    })),
  );

const say = (event: object, ts: number) =>
  submit(river.ingress, [
    {
      binding: bind('events', 'edge-gateway', 'GW-1'),
      payload: { schema_version: '1.0', device_id: 'GW-1', ts, event },
    },
  ]);

/** Gaps after the grace: the clock is moved on, not waited for. */
async function gaps(): Promise<StoredGap[]> {
  aheadMs += 4_000;
  await river.gaps.tick();
  return river.ledger.gaps(1, deviceNo, { limit: 100 });
}
const T = 1_790_000_000_000;

describe('a gap', () => {
  it('opens after the grace with its cause, and closes itself when the late messages come', async () => {
    await say({ type: 'uplink_lost', reason: 'cable' }, T + 2_500);
    await send([1, 2, 6, 7], (seq) => T + seq * 1_000);
    const opened = await waitFor(async () => (await gaps())[0]);
    expect(opened).toMatchObject({
      kind: 'gap',
      fromSeq: 3,
      toSeq: 5,
      missing: 3,
      cause: 'link_down',
      closedAt: null,
    });
    expect(river.gaps.openGapsOf(deviceNo)).toBe(1);
    expect(await river.ledger.completeness(1, deviceNo, T, T + 60_000)).toMatchObject({
      expected: 7,
      stored: 4,
      missing: 3,
      ranges: [{ fate: 'missing', fromSeq: 3, toSeq: 5 }],
    });
    await send([4], (seq) => T + seq * 1_000);
    await waitFor(async () => (await gaps())[0]?.missing === 2);
    await send([3, 5, 5], (seq) => T + seq * 1_000);
    await waitFor(async () => (await gaps())[0]?.closedAt);
    expect(await river.ledger.completeness(1, deviceNo, T, T + 60_000)).toMatchObject({
      expected: 7,
      stored: 7,
      missing: 0,
      duplicatesRefused: 1,
      ranges: [],
    });
  });

  it('is read newest first, page by page, each once', async () => {
    await send([1, 3, 5, 7, 9], (seq) => T + seq * 1_000);
    await waitFor(async () => (await gaps()).length >= 4);
    const seen: (number | null)[] = [];
    let after: GapPlace | undefined;
    do {
      const rows = await river.ledger.gaps(1, deviceNo, {
        limit: 3,
        newestFirst: after === undefined ? {} : { after },
      });
      seen.push(...rows.map((row) => row.fromSeq));
      after = rows.length === 3 ? rows[2]! : undefined;
    } while (after !== undefined);
    expect(seen).toEqual([8, 6, 4, 2]);
  });

  it('is not opened by messages that are only out of order, nor by a dead letter', async () => {
    await send([1, 3, 2], (seq) => T + seq * 1_000);
    await submit(river.ingress, [
      { binding: bind('telemetry'), payload: pumpMessage(deviceId, 4, { d: { pressure_bar: 'x' } }) },
    ]);
    await send([5], (seq) => T + seq * 1_000);
    await gaps();
    expect(await gaps()).toEqual([]);
    expect(await river.ledger.completeness(1, deviceNo, T, T + 60_000)).toMatchObject({
      expected: 5,
      stored: 4,
      deadLettered: 1,
      missing: 0,
    });
  });

  it('that the gateway reports as lost says so, and is counted apart from what is missing', async () => {
    await send([1, 2, 5], (seq) => T + seq * 1_000);
    const loss = {
      device_id: deviceId,
      cause: 'size_limit',
      count: 2,
      seq_from: 3,
      seq_to: 4,
      ts_from: T + 3_000,
      ts_to: T + 4_000,
      tags: [],
    };
    await say({ type: 'data_loss', ...loss }, T + 90_000);
    await waitFor(async () => (await gaps())[0]?.cause === 'data_loss');
    const answer = await river.ledger.completeness(1, deviceNo, T, T + 60_000);
    expect(answer).toMatchObject({ expected: 5, stored: 3, missing: 0, lost: 2 });
  });

  it('is still known after a restart, and is not opened twice', async () => {
    await send([1, 4], (seq) => T + seq * 1_000);
    await waitFor(async () => (await gaps())[0]);
    await restart();
    expect(river.gaps.openGapsOf(deviceNo)).toBe(1);
    await send([2, 3], (seq) => T + seq * 1_000);
    await waitFor(async () => (await gaps())[0]?.closedAt);
    expect(await gaps()).toHaveLength(1);
  });
});

describe('a silence', () => {
  it('is time without messages and with no number missing', async () => {
    await send([1, 2, 3], (seq) => T + 3_600_000 + (seq === 3 ? 600_000 : seq * 1_000));
    const silence = await waitFor(async () => (await gaps())[0]);
    expect(silence).toMatchObject({
      kind: 'silence',
      fromTs: T + 3_602_000,
      toTs: T + 4_200_000,
      missing: 0,
      cause: 'unknown',
    });
  });

  it('tells of an orderly stop of the gateway, however short', async () => {
    const at = T + 10 * 3_600_000;
    await send([1, 2], (seq) => at + seq * 1_000);
    await say({ type: 'gateway_stopping', reason: 'SIGTERM' }, at + 2_500);
    await say({ type: 'gateway_started', version: '1', previous: 'orderly' }, at + 12_000);
    await send([3], () => at + 12_500);
    const silence = await waitFor(async () => (await gaps())[0]);
    expect(silence).toMatchObject({
      kind: 'silence',
      fromTs: at + 2_000,
      toTs: at + 12_500,
      cause: 'gateway_stopped',
    });
  });
});

describe('last-known values', () => {
  it('are there once stored, coalesced for subscribers, and after a restart', async () => {
    const seen: LiveUpdate[] = [];
    const end = river.live.subscribe((updates) =>
      seen.push(...updates.filter((each) => each.deviceNo === deviceNo)),
    );
    const at = systemClock.nowMs();
    await submit(river.ingress, [
      { binding: bind('telemetry'), payload: pumpMessage(deviceId, 1, { ts: at - 1_000 }) },
      {
        binding: bind('telemetry'),
        payload: pumpMessage(deviceId, 2, { ts: at, d: { pressure_bar: { v: null, q: 28 } } }),
      },
    ]);
    const valuesNow = () =>
      Object.fromEntries(river.live.values(deviceNo).map(({ tag, v, q, ts }) => [tag, [v, q, ts]]));
    const expected = {
      pressure_bar: [null, 28, at],
      flow_m3h: [82.5, 192, at - 1_000],
      power_kw: [15.5, 192, at - 1_000],
    };
    expect(valuesNow()).toMatchObject(expected);
    await waitFor(() => seen.length > 0);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({
      ts: at,
      d: { pressure_bar: { v: null, q: 28 }, flow_m3h: { v: 82.5, q: 192 } },
    });
    end();
    expect(river.live.view(deviceNo)).toMatchObject({
      state: 'online',
      fwVersion: '3.2.1',
      schemaVersion: '2.1',
    });
    await restart();
    expect(valuesNow()).toMatchObject(expected);
    expect(river.live.view(deviceNo)).toMatchObject({ fwVersion: '3.2.1' });
  });

  it('follow the rows, not the checkpoint, after a crash', async () => {
    await submit(river.ingress, [{ binding: bind('telemetry'), payload: pumpMessage(deviceId, 1) }]);
    await database.owner.query('DELETE FROM device_states');
    const { River: Another } = await import('./river.js');
    const options = { database, directory, clock, random: systemRandom, logger: silentLogger };
    const heir = new Another(options);
    await heir.start();
    expect(heir.live.values(deviceNo)).toHaveLength(6);
    await heir.stop();
  });

  it('say that a device is offline when its gateway is', async () => {
    await submit(river.ingress, [{ binding: bind('telemetry'), payload: pumpMessage(deviceId, 1) }]);
    expect(river.live.view(deviceNo)?.state).toBe('online');
    const status = {
      schema_version: '1.0',
      device_id: 'GW-1',
      online: false,
      ts: systemClock.nowMs() + 1_000,
      reason: 'stopped',
    };
    await submit(river.ingress, [{ binding: bind('status', 'edge-gateway', 'GW-1'), payload: status }]);
    expect(river.live.view(deviceNo)).toMatchObject({
      state: 'offline',
      stateReason: expect.stringContaining('GW-1'),
    });
  });
});

describe('reading for people', () => {
  it('shows dead letters and events to their own tenant only', async () => {
    await submit(river.ingress, [{ binding: bind('telemetry'), payload: '{' }]);
    const [letter] = await river.deadLetters.list(1, { deviceNo, limit: 10 });
    expect(letter).toMatchObject({ reason: 'malformed_payload', payloadBytes: 1 });
    expect((await river.deadLetters.get(1, letter!.deadLetterId))?.payload.toString()).toBe('{');
    expect(await river.deadLetters.get(2, letter!.deadLetterId)).toBeUndefined();
    expect(await river.deadLetters.list(2, { limit: 10 })).toEqual([]);
    expect((await river.events.list(1, { limit: 500 })).map((event) => event.type)).toContain(
      'platform_started',
    );
    expect(await river.events.list(2, { limit: 10 })).toEqual([]);
    expect(await river.ledger.gaps(2, undefined, { limit: 10 })).toEqual([]);
  });
});
