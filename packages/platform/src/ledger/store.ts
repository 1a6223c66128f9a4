import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '../database/index.js';
import { decodeJournal, encodeEntries } from './journal.js';
import { Ledger, type StoredNumbering, type StoredRun } from './ledger.js';
import type { FateCode, Numbering } from './numbering.js';

/** Rows read or written at a time. */
const chunkRows = 20_000;

/** Reads the checkpoint and the journal into the ledger. Returns the batch ids in the journal. */
export async function loadLedger(owner: Pool, ledger: Ledger): Promise<string[]> {
  return inTransaction(owner, async (client) => {
    await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    // A transaction of a run that was killed may still be under way in the server, behind a slow disk, and commit
    // later. The lock waits for it, because a ledger without it would take its redelivery for new. It stands before
    // the first read, which fixes the snapshot.
    await client.query('LOCK TABLE ledger_journal IN SHARE MODE');
    const checkpoint = await readCheckpoint(client, null);
    const journal = await readJournal(client);
    ledger.restore(checkpoint.numberings, checkpoint.runs, journal);
    return journal.map((row) => row.batchId);
  });
}

/** What the database knows of some devices now, for processes that do not keep their ledger. */
export async function readDevices(owner: Pool, devices: readonly number[]): Promise<Ledger> {
  return inTransaction(owner, async (client) => {
    await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    const { numberings, runs } = await readCheckpoint(client, devices);
    const wanted = new Set(devices);
    const journal = (await readJournal(client)).map((row) => ({
      ...row,
      changes: encodeEntries([...decodeJournal(row.changes)].filter((entry) => wanted.has(entry.deviceNo))),
    }));
    const ledger = new Ledger();
    ledger.restore(numberings, runs, journal);
    return ledger;
  });
}

/**
 * Takes devices over from whoever wrote them before: their checkpoint and their entries of the journal go into
 * `ledger` and, in the same transaction, from the journal into the runs. `fenceSql` makes sure that they are ours
 * and that nobody else writes them any more.
 */
export async function takeOver(
  owner: Pool,
  ledger: Ledger,
  devices: ReadonlySet<number>,
  fenceSql: string,
): Promise<void> {
  await inTransaction(owner, async (client) => {
    await client.query(fenceSql);
    const journal = await readJournal(client, 'FOR UPDATE');
    const { numberings, runs } = await readCheckpoint(client, [...devices]);
    const taken: typeof journal = [];
    for (const row of journal) {
      const entries = [...decodeJournal(row.changes)];
      const mine = entries.filter((entry) => devices.has(entry.deviceNo));
      if (mine.length === 0) continue;
      taken.push({ ...row, changes: encodeEntries(mine) });
      const rest = entries.filter((entry) => !devices.has(entry.deviceNo));
      const key = [row.batchId, row.tenantId];
      if (rest.length === 0)
        await client.query('DELETE FROM ledger_journal WHERE batch_id = $1 AND tenant_id = $2', key);
      else
        await client.query('UPDATE ledger_journal SET changes = $3 WHERE batch_id = $1 AND tenant_id = $2', [
          ...key,
          encodeEntries(rest),
        ]);
    }
    ledger.restore(numberings, runs, taken);
    await writeSnapshots(client, ledger.takeDirty().map(snapshot));
  });
}

async function readCheckpoint(
  client: PoolClient,
  devices: readonly number[] | null,
): Promise<{ numberings: StoredNumbering[]; runs: StoredRun[] }> {
  const numberings = await client.query<StoredNumbering>(
    `SELECT tenant_id AS "tenantId", device_no AS "deviceNo", epoch, duplicates,
            (coalesce(extract(epoch FROM started_ts), 0) * 1000)::bigint AS "startedTs",
            (coalesce(extract(epoch FROM newest_ts), 0) * 1000)::bigint AS "newestTs"
       FROM ledger_numberings WHERE $1::int[] IS NULL OR device_no = ANY($1)`,
    [devices],
  );
  const runs = await client.query<StoredRun>(
    `SELECT tenant_id AS "tenantId", device_no AS "deviceNo", epoch, fate, first_seq AS first, last_seq AS last
       FROM ledger_runs WHERE $1::int[] IS NULL OR device_no = ANY($1)
      ORDER BY device_no, epoch, fate, first_seq`,
    [devices],
  );
  return { numberings: numberings.rows, runs: runs.rows };
}

async function readJournal(
  client: PoolClient,
  lock: '' | 'FOR UPDATE' = '',
): Promise<{ tenantId: number; batchId: string; changes: Buffer }[]> {
  const { rows } = await client.query<{ tenantId: number; batchId: string; changes: Buffer }>(
    `SELECT tenant_id AS "tenantId", batch_id AS "batchId", changes FROM ledger_journal ORDER BY batch_id ${lock}`,
  );
  return rows;
}

/** What a checkpoint writes of one numbering: taken at one moment, so that it fits the batches it covers. */
export interface NumberingSnapshot {
  readonly row: StoredNumbering;
  /** Per fate that changed: every stored run that ends at or after `from` is replaced by `runs`. */
  readonly fates: readonly {
    readonly fate: FateCode;
    readonly from: number;
    readonly runs: readonly StoredRun[];
  }[];
}

/** Takes what changed in a numbering since its last snapshot. Synchronous: no batch may be decided in between. */
export function snapshot(numbering: Numbering): NumberingSnapshot {
  const { tenantId, deviceNo } = numbering.device;
  const { epoch } = numbering;
  const fates: NumberingSnapshot['fates'][number][] = [];
  for (const fate of [0, 1, 2] as const) {
    const changedFrom = numbering.dirtyFrom[fate];
    if (changedFrom === Number.POSITIVE_INFINITY) continue;
    // The run that the lowest change touches may begin before it.
    const from = Math.max(0, changedFrom - 1);
    const runs = [...numbering.decided[fate].runs(from)].map((run) => ({
      tenantId,
      deviceNo,
      epoch,
      fate,
      ...run,
    }));
    fates.push({ fate, from, runs });
    numbering.dirtyFrom[fate] = Number.POSITIVE_INFINITY;
  }
  return {
    row: {
      tenantId,
      deviceNo,
      epoch,
      startedTs: numbering.startedTs,
      newestTs: numbering.decidedTs,
      duplicates: numbering.duplicates,
    },
    fates,
  };
}

/** Undoes the taking of a snapshot whose writing failed. */
export function unsnapshot(numbering: Numbering, taken: NumberingSnapshot): void {
  for (const { fate, from } of taken.fates)
    numbering.dirtyFrom[fate] = Math.min(numbering.dirtyFrom[fate], from + 1);
}

/**
 * Folds: writes the snapshots and removes the journal rows of the batches they cover, in one transaction. Where
 * partitions are owned, `fenceSql` keeps a process that lost them from writing over its successor's runs.
 */
export async function writeCheckpoint(
  owner: Pool,
  snapshots: readonly NumberingSnapshot[],
  batchIds: readonly string[],
  fenceSql?: string,
): Promise<void> {
  await inTransaction(owner, async (client) => {
    if (fenceSql !== undefined) await client.query(fenceSql);
    await writeSnapshots(client, snapshots);
    await client.query('DELETE FROM ledger_journal WHERE batch_id = ANY($1)', [batchIds]);
  });
}

async function writeSnapshots(client: PoolClient, snapshots: readonly NumberingSnapshot[]): Promise<void> {
  for (let at = 0; at < snapshots.length; at += chunkRows)
    await writeNumberings(client, snapshots.slice(at, at + chunkRows));
  await writeRuns(client, snapshots);
}

async function writeNumberings(client: PoolClient, snapshots: readonly NumberingSnapshot[]): Promise<void> {
  const rows = snapshots.map(({ row }) => row);
  await client.query(
    `INSERT INTO ledger_numberings (tenant_id, device_no, epoch, started_ts, newest_ts, duplicates)
     SELECT t, d, e, to_timestamp(s / 1000.0), to_timestamp(n / 1000.0), u
       FROM unnest($1::int[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) AS g (t, d, e, s, n, u)
     ON CONFLICT (device_no, epoch) DO UPDATE SET newest_ts = excluded.newest_ts, duplicates = excluded.duplicates`,
    [
      rows.map((row) => row.tenantId),
      rows.map((row) => row.deviceNo),
      rows.map((row) => row.epoch),
      rows.map((row) => row.startedTs),
      rows.map((row) => row.newestTs),
      rows.map((row) => row.duplicates),
    ],
  );
}

async function writeRuns(client: PoolClient, snapshots: readonly NumberingSnapshot[]): Promise<void> {
  const replaced = snapshots.flatMap(({ row, fates }) => fates.map((fate) => ({ row, ...fate })));
  for (let at = 0; at < replaced.length; at += chunkRows) {
    const part = replaced.slice(at, at + chunkRows);
    await client.query(
      `DELETE FROM ledger_runs r USING unnest($1::int[], $2::bigint[], $3::smallint[], $4::bigint[]) AS g (d, e, f, s)
        WHERE r.device_no = g.d AND r.epoch = g.e AND r.fate = g.f AND r.last_seq >= g.s`,
      [
        part.map(({ row }) => row.deviceNo),
        part.map(({ row }) => row.epoch),
        part.map(({ fate }) => fate),
        part.map(({ from }) => from),
      ],
    );
  }
  const runs = replaced.flatMap((each) => each.runs);
  for (let at = 0; at < runs.length; at += chunkRows) {
    const part = runs.slice(at, at + chunkRows);
    await client.query(
      `INSERT INTO ledger_runs (tenant_id, device_no, epoch, fate, first_seq, last_seq)
       SELECT * FROM unnest($1::int[], $2::int[], $3::bigint[], $4::smallint[], $5::bigint[], $6::bigint[])`,
      [
        part.map((run) => run.tenantId),
        part.map((run) => run.deviceNo),
        part.map((run) => run.epoch),
        part.map((run) => run.fate),
        part.map((run) => run.first),
        part.map((run) => run.last),
      ],
    );
  }
}
