import { type Clock, sleep } from '@millrace/foundation';
import type { Pool } from 'pg';
import { inTransaction } from '../database/index.js';

/** SQLSTATE of `hold_partitions` when a tenure does not hold all of its partitions any more. */
export const ownershipLost = 'MR001';

/** How long the owner before us may take to finish what it has under way, ms; then its transactions fail. */
const handOverMs = 2_000;
const lookPeriodMs = 50;

/** One process's ownership of partitions, from an assignment to the next. `name` is a ULID: quoted as it is. */
export interface Tenure {
  readonly name: string;
  readonly partitions: readonly number[];
}

/** The fence: fails with `ownershipLost`, or holds the partitions until the transaction ends. */
export function holdSql({ name, partitions }: Tenure): string {
  return `SELECT hold_partitions('${name}', ${partitions.length})`;
}

/**
 * Takes partitions. An owner that is still there gets two seconds to give them back in order; then they are taken,
 * which waits for transactions under way and makes every later one of the old owner fail.
 */
export async function takePartitions(owner: Pool, tenure: Tenure, clock: Clock): Promise<void> {
  const partitions = [...tenure.partitions];
  const deadline = clock.monotonicMs() + handOverMs;
  while (clock.monotonicMs() < deadline) {
    const { rowCount } = await owner.query(
      "SELECT FROM ingest_ownership WHERE partition = ANY($1) AND owner <> '' LIMIT 1",
      [partitions],
    );
    if (rowCount === 0) break;
    await sleep(clock, lookPeriodMs);
  }
  await inTransaction(owner, (client) =>
    client.query(
      `INSERT INTO ingest_ownership (partition, owner, taken_at)
       SELECT p, $2, now() FROM unnest($1::int[]) AS p ORDER BY p
       ON CONFLICT (partition) DO UPDATE SET owner = excluded.owner, taken_at = excluded.taken_at`,
      [partitions, tenure.name],
    ),
  );
}

/** Gives back what a tenure still holds. */
export async function giveBack(owner: Pool, tenure: Tenure): Promise<void> {
  await owner.query("UPDATE ingest_ownership SET owner = '' WHERE owner = $1", [tenure.name]);
}
