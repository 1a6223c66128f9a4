import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deviceTypes, latestContract, telemetryTable } from '@millrace/contracts';
import { loadGatewayConfig } from '@millrace/edge';
import { type JournalEntry, parseJournalLine } from '@millrace/field';
import { waitFor } from '@millrace/testing';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestPlant } from './support/plant.js';
import { type Excuse, reconcile, type StoredSample } from './support/reconcile.js';
import { TcpLink } from './support/tcp-link.js';

/** `MILLRACE_TEST_LONG` (set by `npm test -- --long`) makes every phase this many times longer. */
const stretch = process.env['MILLRACE_TEST_LONG'] ? 15 : 1;
const SECOND = 1000 * stretch;

interface EdgeStatus {
  readonly outbox: { readonly unsent: number; readonly file: string; readonly lost: number };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('nothing lost, nothing twice, whatever is killed', () => {
  let plant: TestPlant;
  let link: TcpLink;
  let journalFile: string;
  let outboxFile: string;
  const excuses: Excuse[] = [];

  beforeAll(async () => {
    plant = await TestPlant.create();
    link = new TcpLink(plant.plan.ports.mqtt);
    await link.open();
    journalFile = join(plant.dataDir, 'journal.jsonl');
    await plant.startAll({ uplinkPort: link.port, fieldArgs: ['--journal', journalFile] });
  }, 180_000);

  afterAll(async () => {
    await plant?.remove();
    await link?.close();
  }, 60_000);

  const edge = () => plant.local<EdgeStatus>('edge', 'GET', '/status');

  test(
    '20 s of running, then kill -9 of gateway, platform and database, and a 10 s cut of the link',
    async () => {
      await pause(20 * SECOND);

      const killedMs = Date.now();
      await plant.kill('edge');
      await pause(1 * SECOND);
      await plant.start('edge');
      // What was read and not yet in the outbox dies with the process; nothing after its return may.
      excuses.push({ fromMs: killedMs - 2000, toMs: Date.now() });
      await pause(4 * SECOND);

      await plant.kill('platform');
      await pause(3 * SECOND);
      await plant.start('platform');
      await pause(4 * SECOND);

      const [postmaster] = readFileSync(join(plant.dataDir, 'postgres', 'postmaster.pid'), 'utf8').split(
        '\n',
      );
      process.kill(Number(postmaster), 'SIGKILL');
      await plant.running.get('platform')?.waitForLine(/database server ended unexpectedly/, 10_000);
      await pause(5 * SECOND);

      link.cut();
      await pause(10 * SECOND);
      expect((await edge()).outbox.unsent).toBeGreaterThan(0);
      link.mend();

      await waitFor(async () => (await edge()).outbox.unsent < 5, {
        timeoutMs: 90_000,
        what: 'the outbox to drain after the link came back',
      });
      await pause(3 * SECOND);
      outboxFile = (await edge()).outbox.file;
      expect((await edge()).outbox.lost).toBe(0);
      // The field stops first: what it served last still gets its way through, then the gateway ends in order.
      await plant.stop('field');
      await waitFor(async () => (await edge()).outbox.unsent === 0, {
        timeoutMs: 60_000,
        what: 'an empty outbox',
      });
      await plant.stop('edge');
    },
    240_000 + 60 * SECOND,
  );

  test('the outbox and the table agree: every acknowledged row is stored exactly once, none is left over', async () => {
    const database = new DatabaseSync(outboxFile, { readOnly: true });
    const rows = database
      .prepare('SELECT device_id, seq, sent_ms FROM outbox WHERE seq IS NOT NULL ORDER BY device_id, seq')
      .all() as { device_id: string; seq: number; sent_ms: number | null }[];
    const last = new Map(
      (
        database.prepare('SELECT device_id, last_seq FROM sequences').all() as {
          device_id: string;
          last_seq: number;
        }[]
      ).map((row) => [row.device_id, row.last_seq]),
    );
    database.close();
    expect(rows.length).toBeGreaterThan(100);
    const stored = await storedNumbers(plant);
    for (const [deviceId, numbers] of stored) {
      expect(numbers.duplicates, `${deviceId}: stored twice`).toEqual([]);
      const missing = missingOf(numbers.seqs, last.get(deviceId) ?? 0);
      const unsent = rows
        .filter((row) => row.device_id === deviceId && row.sent_ms === null)
        .map((row) => row.seq);
      expect(missing, `${deviceId}: numbers given out and not stored`).toEqual(unsent);
    }
    const acknowledged = rows.filter((row) => row.sent_ms !== null);
    const absent = acknowledged.filter((row) => !stored.get(row.device_id)?.seqs.has(row.seq));
    expect(absent, 'acknowledged and not stored').toEqual([]);
    const known = new Set(rows.map((row) => `${row.device_id} ${row.seq}`));
    for (const [deviceId, { seqs }] of stored) {
      const foreign = [...seqs].filter((seq) => !known.has(`${deviceId} ${seq}`));
      expect(foreign, `${deviceId}: stored and never in the outbox`).toEqual([]);
    }
  });

  test('the ledger says the same: no open gap, nothing missing', async () => {
    const window = `from=${new Date(Date.now() - 3_600_000).toISOString()}&to=${new Date().toISOString()}`;
    for (const id of ['P-101', 'P-102', 'P-103', 'T-201', 'EM-301']) {
      const report = await plant.api<{ expected: number; stored: number; missing: number; lost: number }>(
        `/v1/devices/${id}/completeness?${window}`,
      );
      expect(report, id).toMatchObject({ missing: 0, lost: 0 });
      expect(report.stored, id).toBe(report.expected);
      expect(report.stored, id).toBeGreaterThan(0);
      const proof = await plant.cli('prove', '--device', id);
      expect(proof.stdout, proof.stderr).toContain('COMPLETE');
      expect(proof.code).toBe(0);
    }
  });

  test("the field's own journal is accounted for, but for what the deadband held back", async () => {
    const journal = readJournal(journalFile);
    const { plan } = loadGatewayConfig(plant.plan.gatewayFile);
    let served = 0;
    for (const tag of plan.tags) {
      const { deviceId, deviceType } = tag.device.address;
      const entries = journal.filter((entry) => entry.deviceId === deviceId && entry.tag === tag.name);
      const samples = await storedSamples(plant, deviceType, deviceId, tag.name);
      const result = reconcile(entries, samples, { deadband: tag.deadbandWidth, slackMs: 2500 }, excuses);
      expect(result.lost.slice(0, 5), `${deviceId}.${tag.name}: served and not accounted for`).toEqual([]);
      expect(result.invented.slice(0, 5), `${deviceId}.${tag.name}: stored and never served`).toEqual([]);
      served += result.served;
    }
    expect(served).toBeGreaterThan(1000);
  }, 60_000);
});

interface Numbers {
  readonly seqs: Set<number>;
  readonly duplicates: number[];
}

/** Every stored sequence number of every device, straight from the tables. */
async function storedNumbers(plant: TestPlant): Promise<Map<string, Numbers>> {
  const result = new Map<string, Numbers>();
  for (const type of deviceTypes.keys()) {
    const rows = await plant.query<{ device_id: string; seq: string; n: string }>(
      `SELECT d.device_id, t.seq, count(*) AS n FROM ${telemetryTable(type)} t JOIN devices d USING (device_no)
        WHERE t.seq IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2`,
    );
    for (const row of rows) {
      const numbers = result.get(row.device_id) ?? { seqs: new Set<number>(), duplicates: [] };
      numbers.seqs.add(Number(row.seq));
      if (Number(row.n) > 1) numbers.duplicates.push(Number(row.seq));
      result.set(row.device_id, numbers);
    }
  }
  return result;
}

async function storedSamples(
  plant: TestPlant,
  deviceType: string,
  deviceId: string,
  tag: string,
): Promise<StoredSample[]> {
  const contract = latestContract(deviceTypes.get(deviceType)!);
  if (!contract.tags.some((declared) => declared.name === tag)) return [];
  const rows = await plant.query<{ ts: Date; v: unknown; q: number }>(
    `SELECT t.ts, t.${tag} AS v, t.${tag}_q AS q FROM ${telemetryTable(deviceType)} t JOIN devices d USING (device_no)
      WHERE d.device_id = $1 AND t.${tag}_q IS NOT NULL ORDER BY t.ts, t.seq`,
    [deviceId],
  );
  return rows.map((row) => ({
    tsMs: row.ts.getTime(),
    value: row.v === null || typeof row.v === 'boolean' ? null : Number(row.v),
    q: row.q,
  }));
}

function readJournal(file: string): JournalEntry[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => parseJournalLine(line))
    .filter((entry) => entry !== undefined)
    .sort((a, b) => a.tsMs - b.tsMs);
}

function missingOf(seqs: ReadonlySet<number>, last: number): number[] {
  const missing: number[] = [];
  for (let seq = 1; seq <= last; seq++) if (!seqs.has(seq)) missing.push(seq);
  return missing;
}
