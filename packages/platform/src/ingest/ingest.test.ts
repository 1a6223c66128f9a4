import { silentLogger, systemClock, systemRandom } from '@millrace/foundation';
import { startTestPostgres, type TempDir, type TestPostgres, tempDir } from '@millrace/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Database, migrations } from '../database/index.js';
import { Ledger } from '../ledger/ledger.js';
import { deviceEntry, principal, pumpMessage, submit } from './fixtures.js';
import { MapDirectory } from './map-directory.js';
import { IngestService } from './service.js';

let server: TestPostgres;
let home: TempDir;
let database: Database;
let service: IngestService;
let nextDevice = 0;

const directory = new MapDirectory(
  new Map([
    ['acme', 1],
    ['globex', 2],
  ]),
  [],
);

function newService(): IngestService {
  return new IngestService({
    database,
    directory,
    ledger: new Ledger(),
    listeners: [],
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  });
}

beforeAll(async () => {
  server = await startTestPostgres();
  home = tempDir('ingest');
  database = new Database({
    dataDir: home.path,
    port: 0,
    url: server.url(),
    migrations,
    clock: systemClock,
    logger: silentLogger,
  });
  await database.start();
  service = newService();
  await service.start();
});

afterAll(async () => {
  await service?.stop();
  await database?.stop();
  await server?.remove();
  home?.remove();
});

/** A new pump and its binding, so that tests do not meet. */
let deviceId = '';
let deviceNo = 0;
let telemetry: object;
beforeEach(() => {
  deviceNo = ++nextDevice;
  deviceId = `P-${deviceNo}`;
  directory.add(deviceEntry(deviceNo, deviceId, { gateway: 'GW-1' }));
  telemetry = bind('telemetry');
});

function bind(topicClass: string): object {
  return service.ingress.bind(
    principal('GW-1'),
    `acme/north/pumping/line-1/centrifugal-pump/${deviceId}/${topicClass}`,
  )!;
}

async function rows(table = 'telemetry_centrifugal_pump', order = 'ts'): Promise<Record<string, unknown>[]> {
  const { rows } = await database.owner.query(
    `SELECT * FROM ${table} WHERE device_no = $1 ORDER BY ${order}`,
    [deviceNo],
  );
  return rows as Record<string, unknown>[];
}

describe('a telemetry message', () => {
  it('is stored with its values, qualities, times and number before it is acknowledged', async () => {
    const message = pumpMessage(deviceId, 1, {
      ts: 1_790_000_000_123,
      d: { pressure_bar: { v: 4.125, q: 192 }, flow_m3h: { v: null, q: 28 }, run_state: { v: 2, q: 192 } },
      meta: { source_ts: 1_790_000_000_100 },
    });
    expect(await submit(service.ingress, [{ binding: telemetry, payload: message }])).toEqual([0]);
    expect(await rows()).toMatchObject([
      {
        tenant_id: 1,
        ts: new Date(1_790_000_000_123),
        source_ts: new Date(1_790_000_000_100),
        seq: 1,
        epoch: 2 ** 32,
        pressure_bar: 4.125,
        pressure_bar_q: 192,
        flow_m3h: null,
        flow_m3h_q: 28,
        run_state: 2,
        power_kw: null,
        power_kw_q: null,
      },
    ]);
  });

  it('is stored once, however often it is sent, and every copy is acknowledged', async () => {
    const payload = pumpMessage(deviceId, 1);
    const row = { binding: telemetry, payload };
    expect(await submit(service.ingress, [row, row])).toEqual([0, 0]);
    expect(
      await submit(service.ingress, [row, { binding: telemetry, payload: pumpMessage(deviceId, 2) }, row]),
    ).toEqual([0, 0, 0]);
    expect((await rows()).map((each) => each.seq)).toEqual([1, 2]);
  });

  it('of version 1.0, told by nothing, is upgraded at the boundary', async () => {
    const payload = {
      device_id: deviceId,
      ts: systemClock.nowMs(),
      seq: 1,
      d: { temp: 20.5, pressure_kpa: { v: 400, q: 68 } },
    };
    await submit(service.ingress, [{ binding: telemetry, payload }]);
    expect(await rows()).toMatchObject([
      { temp_inlet_c: 20.5, temp_inlet_c_q: 192, pressure_bar: 4, pressure_bar_q: 68 },
    ]);
  });

  it('in the compact form means the same', async () => {
    const payload = { v: '2.1', id: deviceId, t: systemClock.nowMs(), s: 1, p: 4.5, f: [81, 68] };
    await submit(service.ingress, [{ binding: telemetry, payload }]);
    expect(await rows()).toMatchObject([
      { pressure_bar: 4.5, pressure_bar_q: 192, flow_m3h: 81, flow_m3h_q: 68 },
    ]);
  });

  it('keeps tags that the contract does not know', async () => {
    const payload = pumpMessage(deviceId, 1, {
      d: { pressure_bar: 4, seal_temp_c: { v: 31.5, q: 68 }, note: 'a\u0000b' },
    });
    await submit(service.ingress, [{ binding: telemetry, payload }]);
    expect(await rows('telemetry_extra', 'tag')).toMatchObject([
      { tag: 'note', value: 'ab', q: 192, seq: 1 },
      { tag: 'seal_temp_c', value: 31.5, q: 68, seq: 1 },
    ]);
  });

  it('without a number is stored once by its msg_id, and without that by its content', async () => {
    const { seq: _, ...withId } = pumpMessage(deviceId, 1) as { seq: number; msg_id: string };
    const { msg_id: __, ...bare } = withId;
    const row = (payload: object) => ({ binding: telemetry, payload });
    await submit(service.ingress, [row(withId), row(withId), row(bare)]);
    await submit(service.ingress, [row(bare), row(withId), row(pumpMessage(deviceId, 1))]);
    expect(await rows()).toHaveLength(3);
  });

  it('of any age finds or gets its partition', async () => {
    const ages = [946_684_800_000, Date.UTC(2011, 5, 5), systemClock.nowMs() + 80_000_000];
    await submit(
      service.ingress,
      ages.map((ts, i) => ({ binding: telemetry, payload: pumpMessage(deviceId, i + 1, { ts }) })),
    );
    expect(await rows()).toHaveLength(3);
  });
});

describe('bad input', () => {
  const cases: [string, string, (ok: object) => object | string | Buffer][] = [
    ['malformed JSON', 'malformed_payload', () => '{"device_id": "P-1", '],
    ['an empty payload', 'malformed_payload', () => ''],
    ['wrong types', 'schema_violation', (ok) => ({ ...ok, d: { pressure_bar: { v: 'high', q: 192 } } })],
    [
      'a value outside the limits',
      'schema_violation',
      (ok) => ({ ...ok, d: { pressure_bar: { v: 1e6, q: 192 } } }),
    ],
    ['an unknown version', 'unknown_schema_version_9.9', (ok) => ({ ...ok, schema_version: '9.9' })],
    ['a payload of 10 MB', 'payload_too_large', () => Buffer.alloc(10_000_000, 0x20)],
    ['a clock in 1970', 'timestamp_implausible', (ok) => ({ ...ok, ts: 12_345 })],
    [
      'a clock two days ahead',
      'timestamp_implausible',
      (ok) => ({ ...ok, ts: systemClock.nowMs() + 2 * 86_400_000 }),
    ],
    ["another device's id", 'device_mismatch', (ok) => ({ ...ok, device_id: 'P-999' })],
    ["another gateway's id", 'gateway_mismatch', (ok) => ({ ...ok, meta: { gw_id: 'acme::GW-2' } })],
  ];

  it.each(cases)(
    '%s ends as a dead letter with its payload, and the stream goes on',
    async (_, reason, make) => {
      const bad = make(pumpMessage(deviceId, 1));
      const before = service.ingress.counts.deadLettered;
      const codes = await submit(service.ingress, [
        { binding: telemetry, payload: bad },
        { binding: telemetry, payload: pumpMessage(deviceId, 2) },
      ]);
      expect(codes).toEqual([0, 0]);
      expect((await rows()).map((row) => row.seq)).toEqual([2]);
      const [letter] = await rows('dead_letters', 'dead_letter_id');
      const sent = Buffer.isBuffer(bad)
        ? bad
        : Buffer.from(typeof bad === 'string' ? bad : JSON.stringify(bad));
      expect(letter).toMatchObject({
        shown_reason: reason,
        payload_bytes: sent.length,
        client_id: 'acme::GW-1',
      });
      expect(
        (letter!.payload as Buffer).equals(sent.length > 300_000 ? sent.subarray(0, 65_536) : sent),
      ).toBe(true);
      expect(service.ingress.counts.deadLettered).toBe(before + 1);
    },
  );

  it('of an unknown device is kept under its topic', async () => {
    const topic = 'acme/north/pumping/line-1/centrifugal-pump/NEW-1/telemetry';
    const binding = service.ingress.bind(principal('NEW-1'), topic)!;
    expect(await submit(service.ingress, [{ binding, payload: '{}' }])).toEqual([0]);
    const { rows: letters } = await database.owner.query(
      'SELECT reason, device_no FROM dead_letters WHERE topic = $1',
      [topic],
    );
    expect(letters).toEqual([{ reason: 'unknown_device', device_no: null }]);
  });

  it('is kept once when it is sent again, because its number has a fate', async () => {
    const row = { binding: telemetry, payload: pumpMessage(deviceId, 1, { ts: 5 }) };
    await submit(service.ingress, [row]);
    await submit(service.ingress, [row]);
    expect(await rows('dead_letters', 'dead_letter_id')).toMatchObject([{ seq: 1 }]);
  });
});

describe('the ledger in the database', () => {
  it('refuses what was stored before a restart, from the journal and from the checkpoint', async () => {
    const send = async (...numbers: number[]) =>
      submit(
        service.ingress,
        numbers.map((seq) => ({
          binding: telemetry,
          payload: pumpMessage(deviceId, seq, { ts: 1_790_000_000_000 + seq }),
        })),
      );
    await send(1, 2, 3, 7);
    await service.checkpoint();
    await send(5, 8);
    const crashed = service;
    service = newService();
    await service.start();
    telemetry = bind('telemetry');
    await send(1, 2, 3, 4, 5, 7, 8, 9);
    expect((await rows()).map((row) => row.seq)).toEqual([1, 2, 3, 4, 5, 7, 8, 9]);
    await service.checkpoint();
    const { rows: runs } = await database.owner.query(
      'SELECT first_seq, last_seq FROM ledger_runs WHERE device_no = $1 ORDER BY first_seq',
      [deviceNo],
    );
    expect(runs).toEqual([
      { first_seq: 1, last_seq: 5 },
      { first_seq: 7, last_seq: 9 },
    ]);
    await crashed.stop();
  });

  it('tells a restarted numbering from a late arrival', async () => {
    const at = 1_790_000_000_000;
    const send = (seq: number, ts: number) =>
      submit(service.ingress, [{ binding: telemetry, payload: pumpMessage(deviceId, seq, { ts }) }]);
    await send(10, at);
    await send(12, at + 2_000);
    await send(11, at + 1_000);
    await send(1, at + 60_000);
    await send(2, at + 61_000);
    await send(13, at + 3_000);
    expect((await rows()).map((row) => [row.seq, Number(row.epoch) - 2 ** 32])).toEqual([
      [10, 0],
      [11, 0],
      [12, 0],
      [13, 0],
      [1, 1],
      [2, 1],
    ]);
  });
});

describe('events', () => {
  it('are stored once with their body', async () => {
    const binding = bind('events');
    const payload = {
      schema_version: '1.0',
      msg_id: '01HX0000000000000000000001',
      device_id: deviceId,
      ts: systemClock.nowMs(),
      event: { type: 'uplink_lost', reason: "it's down" },
    };
    await submit(service.ingress, [{ binding, payload }]);
    await submit(service.ingress, [{ binding, payload }]);
    expect(await rows('events')).toMatchObject([{ type: 'uplink_lost', body: { reason: "it's down" } }]);
  });
});
