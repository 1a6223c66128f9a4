import { silentLogger, systemClock, systemRandom } from '@millrace/foundation';
import { startTestPostgres, type TempDir, type TestPostgres, tempDir } from '@millrace/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Database, migrations } from '../database/index.js';
import { deviceEntry, principal, pumpMessage, type Row, submit } from '../ingest/fixtures.js';
import { MapDirectory } from '../ingest/map-directory.js';
import { River } from '../ingest/river.js';
import type { DeadLetterSummary } from './model.js';

let server: TestPostgres;
let home: TempDir;
let database: Database;
let river: River;
let deviceNo = 1;
let deviceId = '';
const clock = systemClock;
const directory = new MapDirectory(
  new Map([
    ['acme', 1],
    ['globex', 2],
  ]),
  [deviceEntry(1, 'GW-1', { deviceType: 'edge_gateway' })],
);

beforeAll(async () => {
  server = await startTestPostgres();
  home = tempDir('dead-letters');
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
  river = new River({ database, directory, clock, random: systemRandom, logger: silentLogger });
  await river.start();
}

beforeEach(() => {
  deviceNo++;
  deviceId = `P-${deviceNo}`;
});

const register = () => directory.add(deviceEntry(deviceNo, deviceId, { gateway: 'GW-1' }));

function row(payload: Row['payload'], more: Partial<Row> = {}): Row {
  const topic = `acme/north/pumping/line-1/centrifugal-pump/${deviceId}/telemetry`;
  return { binding: river.ingress.bind(principal('GW-1'), topic)!, payload, ...more };
}

/** The letters of this test's device, oldest first: a device that is not registered has no number yet. */
async function letters(): Promise<DeadLetterSummary[]> {
  const all = await river.deadLetters.list(1, { limit: 1_000 });
  return all.filter((letter) => letter.topic.includes(`/${deviceId}/`)).reverse();
}

async function readings(): Promise<{ seq: number | null; received: number }[]> {
  const { rows } = await database.owner.query<{ seq: number | null; received: number }>(
    `SELECT seq, (extract(epoch FROM received_at) * 1000)::bigint AS received
       FROM telemetry_centrifugal_pump WHERE device_no = $1 ORDER BY seq`,
    [deviceNo],
  );
  return rows;
}

const account = () =>
  river.ledger.completeness(1, deviceNo, clock.nowMs() - 3_600_000, clock.nowMs() + 3_600_000);

/** Two good readings around one with a version that nobody knows. */
async function sendThree(): Promise<DeadLetterSummary> {
  register();
  await submit(
    river.ingress,
    [
      row(pumpMessage(deviceId, 1)),
      row(pumpMessage(deviceId, 2, { d: { pressure_bar: 'high' } })),
      row(pumpMessage(deviceId, 3)),
    ],
    clock.nowMs() - 60_000,
  );
  return (await letters())[0]!;
}

/** As if the payload had been right and a contract of the time wrong: what a fix of a contract looks like to a letter. */
const mend = (letter: DeadLetterSummary, message: object) =>
  database.owner.query(
    'UPDATE dead_letters SET payload = $2::bytea, payload_bytes = length($2::bytea) WHERE dead_letter_id = $1',
    [letter.deadLetterId, Buffer.from(JSON.stringify(message))],
  );

describe('a replay', () => {
  it('turns a dead-lettered number into a stored one, exactly once, with its time of arrival', async () => {
    const letter = await sendThree();
    expect(await account()).toMatchObject({ expected: 3, stored: 2, deadLettered: 1, missing: 0 });
    await mend(letter, pumpMessage(deviceId, 2));
    const both = await Promise.allSettled(
      ['ann', 'bob'].map((who) => river.deadLetters.replay(1, letter.deadLetterId, who)),
    );
    expect(both.map((each) => each.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(both.find((each) => each.status === 'fulfilled')).toMatchObject({ value: { outcome: 'stored' } });
    await expect(river.deadLetters.replay(1, letter.deadLetterId, 'cyd')).rejects.toMatchObject({
      code: 'already_exists',
    });
    expect(await readings()).toEqual([1, 2, 3].map((seq) => ({ seq, received: letter.receivedAt })));
    expect(await account()).toMatchObject({ expected: 3, stored: 3, deadLettered: 0, ranges: [] });
    const after = await river.deadLetters.get(1, letter.deadLetterId);
    expect(after).toMatchObject({ status: 'stored', actions: [{ outcome: 'stored' }] });
    expect(['ann', 'bob']).toContain(after!.actions[0]!.by);
  });

  it('is still counted as stored after a restart, and the same message sent again is a duplicate', async () => {
    const letter = await sendThree();
    const message = pumpMessage(deviceId, 2);
    await mend(letter, message);
    await river.deadLetters.replay(1, letter.deadLetterId, 'ann');
    await restart();
    expect(await account()).toMatchObject({ expected: 3, stored: 3, deadLettered: 0, missing: 0 });
    await submit(river.ingress, [row(message)]);
    expect(await readings()).toHaveLength(3);
    expect(await account()).toMatchObject({ stored: 3, duplicatesRefused: 1 });
    expect(await letters()).toHaveLength(1);
  });

  it('that is refused again leaves the letter kept, writes no second one, and says why', async () => {
    const letter = await sendThree();
    const result = await river.deadLetters.replay(1, letter.deadLetterId, 'ann');
    expect(result).toMatchObject({ outcome: 'refused', detail: expect.stringContaining('schema_violation') });
    expect(await letters()).toMatchObject([{ status: 'kept' }]);
    expect(await account()).toMatchObject({ stored: 2, deadLettered: 1 });
    const { actions } = (await river.deadLetters.get(1, letter.deadLetterId))!;
    expect(actions).toMatchObject([{ by: 'ann', outcome: 'refused', detail: result.detail }]);
  });

  it('of what the database refuses stays kept, and the row beside it is stored', async () => {
    const letter = await sendThree();
    await database.owner.query(
      `ALTER TABLE telemetry_centrifugal_pump ADD CONSTRAINT ours CHECK (pressure_bar <> 5.5)`,
    );
    try {
      await mend(letter, pumpMessage(deviceId, 2, { d: { pressure_bar: { v: 5.5, q: 192 } } }));
      const [result] = await Promise.all([
        river.deadLetters.replay(1, letter.deadLetterId, 'ann'),
        submit(river.ingress, [row(pumpMessage(deviceId, 4))]),
      ]);
      expect(result).toMatchObject({ outcome: 'refused', detail: expect.stringContaining('database') });
    } finally {
      await database.owner.query('ALTER TABLE telemetry_centrifugal_pump DROP CONSTRAINT ours');
    }
    expect((await readings()).map((each) => each.seq)).toEqual([1, 3, 4]);
    expect(await account()).toMatchObject({ stored: 3, deadLettered: 1, missing: 0 });
    await river.deadLetters.replay(1, letter.deadLetterId, 'ann');
    expect(await account()).toMatchObject({ stored: 4, deadLettered: 0 });
  });

  it('by filter takes the letters of a device that was registered too late, oldest first', async () => {
    const rows = [1, 2, 3].map((seq) => row(pumpMessage(deviceId, seq)));
    await submit(river.ingress, [...rows, row(pumpMessage(deviceId, 3))]);
    expect(await letters()).toHaveLength(4);
    register();
    const report = await river.deadLetters.replayMatching(1, { reason: 'unknown_device' }, 1_000, 'ann');
    expect(report).toMatchObject({ stored: 3, duplicates: 1, refused: 0, skipped: 0 });
    expect((await readings()).map((each) => each.seq)).toEqual([1, 2, 3]);
    const statuses = (await letters()).map((letter) => letter.status);
    expect(statuses).toEqual(['stored', 'stored', 'stored', 'duplicate']);
    const again = await river.deadLetters.replayMatching(1, { reason: 'unknown_device' }, 1_000, 'ann');
    expect(again).toMatchObject({ stored: 0, duplicates: 0, refused: 0, skipped: 0 });
  });

  it('of a message without a number is stored once by its identity', async () => {
    const message = pumpMessage(deviceId, 1, { seq: undefined });
    await submit(river.ingress, [row(message), row(message)]);
    register();
    const report = await river.deadLetters.replayMatching(1, { reason: 'unknown_device' }, 10, 'ann');
    expect(report).toMatchObject({ stored: 1, duplicates: 1 });
    expect(await readings()).toHaveLength(1);
  });

  it('does not change what is known of the firmware of today, and skips a payload that is not whole', async () => {
    const letter = await sendThree();
    await mend(letter, pumpMessage(deviceId, 2, { meta: { fw_version: '0.0.1' } }));
    await river.deadLetters.replay(1, letter.deadLetterId, 'ann');
    expect(river.live.view(deviceNo)).toMatchObject({ fwVersion: '3.2.1' });
    await submit(river.ingress, [row('x'.repeat(300_000))]);
    const large = (await letters())[1]!;
    await expect(river.deadLetters.replay(1, large.deadLetterId, 'ann')).rejects.toThrow(/beginning/);
  });
});

describe('a version that nobody knows', () => {
  it('is dead-lettered under its number, so that no gap is told of it', async () => {
    register();
    await submit(river.ingress, [
      row(pumpMessage(deviceId, 1)),
      row(pumpMessage(deviceId, 2, { schema_version: '9.9' })),
      row(pumpMessage(deviceId, 3)),
    ]);
    expect(await letters()).toMatchObject([{ shownReason: 'unknown_schema_version_9.9', seq: 2 }]);
    expect(await account()).toMatchObject({ stored: 2, deadLettered: 1, missing: 0 });
  });
});

describe('a discard', () => {
  it('keeps a tombstone with who, when and why, and is final', async () => {
    const letter = await sendThree();
    await river.deadLetters.discard(1, letter.deadLetterId, 'ann', 'a bench test');
    const after = (await river.deadLetters.get(1, letter.deadLetterId))!;
    expect(after).toMatchObject({
      status: 'discarded',
      reason: 'schema_violation',
      payloadBytes: letter.payloadBytes,
      actions: [{ by: 'ann', outcome: 'discarded', detail: 'a bench test' }],
    });
    expect(after.payload).toHaveLength(0);
    expect(Math.abs(after.actions[0]!.at - clock.nowMs())).toBeLessThan(60_000);
    for (const act of [
      () => river.deadLetters.replay(1, letter.deadLetterId, 'bob'),
      () => river.deadLetters.discard(1, letter.deadLetterId, 'bob', 'again'),
    ])
      await expect(act()).rejects.toMatchObject({ code: 'already_exists' });
    expect(await account()).toMatchObject({ stored: 2, deadLettered: 1 });
  });

  it('and a replay know only letters of their own tenant', async () => {
    const letter = await sendThree();
    for (const act of [
      () => river.deadLetters.replay(2, letter.deadLetterId, 'eve'),
      () => river.deadLetters.discard(2, letter.deadLetterId, 'eve', 'x'),
    ])
      await expect(act()).rejects.toMatchObject({ code: 'not_found' });
    expect(await river.deadLetters.replayMatching(2, {}, 1_000, 'eve')).toMatchObject({ stored: 0 });
    expect(await letters()).toMatchObject([{ status: 'kept' }]);
  });
});
