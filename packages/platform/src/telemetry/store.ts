import { type TagColumn, telemetryTable } from '@millrace/contracts';
import type { Pool, PoolClient } from 'pg';
import { withTenant } from '../database/index.js';

/** A question that was checked; times in ms. */
export interface Question {
  readonly tenantId: number;
  readonly deviceNo: number;
  readonly deviceType: string;
  readonly columns: readonly TagColumn[];
  readonly fromMs: number;
  readonly toMs: number;
}

type Row = Readonly<Record<string, number | boolean | string | null>>;

/** A statement of this module may take that long. */
const statementTimeoutMs = 10_000;

async function query(app: Pool, { tenantId }: Question, sql: string, values: unknown[]): Promise<Row[]> {
  return withTenant(app, tenantId, async (client: PoolClient) => {
    await client.query(`SET LOCAL statement_timeout = ${statementTimeoutMs}`);
    return (await client.query<Row>(sql, values)).rows;
  });
}

/** Readings in order of time: `ts` in ms, and `v<i>`, `q<i>` by position in `columns`. */
export function readRaw(app: Pool, question: Question, limit: number): Promise<Row[]> {
  const columns = question.columns.map(
    (c, i) => `"${c.valueColumn}" AS v${i}, "${c.qualityColumn}" AS q${i}`,
  );
  return query(
    app,
    question,
    `SELECT (extract(epoch FROM ts) * 1000)::bigint AS ts, ${columns.join(', ')}
       FROM ${telemetryTable(question.deviceType)}
      WHERE device_no = $1 AND ts >= to_timestamp($2 / 1000.0) AND ts < to_timestamp($3 / 1000.0)
      ORDER BY ts LIMIT $4`,
    [question.deviceNo, question.fromMs, question.toMs, limit],
  );
}

/** One row an interval that has readings: `ts`, and `n<i>`, `g<i>`, `a<i>`, `l<i>`, `h<i>` (count, good, avg, min, max of good). */
export function readIntervals(app: Pool, question: Question, intervalMs: number): Promise<Row[]> {
  const parts = question.columns.map((c, i) => {
    const good = `FILTER (WHERE "${c.qualityColumn}" >= 192)`;
    const number = c.valueType === 'boolean' ? `"${c.valueColumn}"::int` : `"${c.valueColumn}"`;
    return `count("${c.qualityColumn}") AS n${i}, count("${c.valueColumn}") ${good} AS g${i},
      (avg(${number}) ${good})::float8 AS a${i}, (min(${number}) ${good})::float8 AS l${i}, (max(${number}) ${good})::float8 AS h${i}`;
  });
  return query(
    app,
    question,
    `SELECT (extract(epoch FROM date_bin($4::interval, ts, 'epoch')) * 1000)::bigint AS ts, ${parts.join(', ')}
       FROM ${telemetryTable(question.deviceType)}
      WHERE device_no = $1 AND ts >= to_timestamp($2 / 1000.0) AND ts < to_timestamp($3 / 1000.0)
      GROUP BY 1 ORDER BY 1`,
    [question.deviceNo, question.fromMs, question.toMs, `${intervalMs} milliseconds`],
  );
}
