import type { PoolClient } from 'pg';
import type {
  DeadLetter,
  DeadLetterAction,
  DeadLetterFilter,
  DeadLetterQuery,
  DeadLetterSummary,
} from './model.js';

const columns = `dead_letter_id AS "deadLetterId", device_no AS "deviceNo",
  (extract(epoch FROM received_at) * 1000)::bigint AS "receivedAt", client_id AS "clientId", topic, reason,
  shown_reason AS "shownReason", detail, schema_version AS "schemaVersion", epoch, seq, content_type AS "contentType",
  payload_bytes AS "payloadBytes", status`;

const filtered = `($1::text IS NULL OR reason = $1 OR shown_reason = $1)
  AND ($2::int IS NULL OR device_no = $2) AND ($3::text IS NULL OR status = $3)`;
const filterValues = (filter: DeadLetterFilter) => [
  filter.reason ?? null,
  filter.deviceNo ?? null,
  filter.status ?? null,
];

/** Newest first, without payloads. */
export async function selectLetters(
  client: PoolClient,
  query: DeadLetterQuery,
): Promise<DeadLetterSummary[]> {
  const { rows } = await client.query<DeadLetterSummary>(
    `SELECT ${columns} FROM dead_letters WHERE ${filtered} AND ($4::bigint IS NULL OR dead_letter_id < $4)
      ORDER BY dead_letter_id DESC LIMIT $5`,
    [...filterValues(query), query.beforeId ?? null, query.limit],
  );
  return rows;
}

/** Ids of the letters that match, oldest first: a replay keeps the order in which they came. */
export async function selectKeptIds(
  client: PoolClient,
  filter: DeadLetterFilter,
  limit: number,
): Promise<number[]> {
  const { rows } = await client.query<{ id: number }>(
    `SELECT dead_letter_id AS id FROM dead_letters WHERE ${filtered} ORDER BY dead_letter_id LIMIT $4`,
    [...filterValues({ ...filter, status: 'kept' }), limit],
  );
  return rows.map((row) => row.id);
}

/** Letters with their payloads, oldest first. */
export async function selectWhole(
  client: PoolClient,
  ids: readonly number[],
): Promise<Omit<DeadLetter, 'actions'>[]> {
  const { rows } = await client.query<Omit<DeadLetter, 'actions'>>(
    `SELECT ${columns}, payload FROM dead_letters WHERE dead_letter_id = ANY($1) ORDER BY dead_letter_id`,
    [ids],
  );
  return rows;
}

export async function selectActions(client: PoolClient, id: number): Promise<DeadLetterAction[]> {
  const { rows } = await client.query<DeadLetterAction>(
    `SELECT (extract(epoch FROM at) * 1000)::bigint AS at, by_whom AS by, outcome, detail
       FROM dead_letter_actions WHERE dead_letter_id = $1 ORDER BY action_id LIMIT 1000`,
    [id],
  );
  return rows;
}

/** Empties a kept letter and notes who did it. False when it was not kept. */
export async function discardLetter(
  client: PoolClient,
  id: number,
  by: string,
  atMs: number,
  why: string,
): Promise<boolean> {
  const { rowCount } = await client.query(
    `WITH gone AS (
       UPDATE dead_letters SET status = 'discarded', payload = '' WHERE dead_letter_id = $1 AND status = 'kept'
       RETURNING tenant_id, dead_letter_id)
     INSERT INTO dead_letter_actions (tenant_id, dead_letter_id, at, by_whom, outcome, detail)
     SELECT tenant_id, dead_letter_id, $3, $2, 'discarded', $4 FROM gone`,
    [id, by, new Date(atMs), why],
  );
  return rowCount === 1;
}

/** Letters that arrived since a time (ms) and still wait for someone. */
export async function countKeptSince(client: PoolClient, sinceMs: number): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    "SELECT count(*) AS count FROM dead_letters WHERE received_at >= $1 AND status = 'kept'",
    [new Date(sinceMs)],
  );
  return rows[0]?.count ?? 0;
}
