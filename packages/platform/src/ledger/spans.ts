import type { Database } from '../database/index.js';
import { withTenant } from '../database/index.js';
import type { Run } from './run-set.js';

/** First and last number by numbering. */
export type Spans = ReadonlyMap<number, Run>;

interface SpanRow {
  readonly deviceNo: number;
  readonly epoch: number;
  readonly first: number;
  readonly last: number;
}

/** What devices numbered between two times (ms), by device: the ends of their readings and dead letters. */
export async function readSpans(
  database: Database,
  tenantId: number,
  tables: readonly string[],
  devices: readonly number[],
  fromMs: number,
  toMs: number,
): Promise<Map<number, Spans>> {
  const times = [new Date(fromMs), new Date(toMs)];
  const found = new Map<number, Map<number, Run>>();
  const add = ({ deviceNo, epoch, first, last }: SpanRow) => {
    const spans = found.get(deviceNo) ?? new Map<number, Run>();
    found.set(deviceNo, spans);
    const known = spans.get(epoch);
    spans.set(epoch, {
      first: Math.min(first, known?.first ?? first),
      last: Math.max(last, known?.last ?? last),
    });
  };
  await withTenant(database.app, tenantId, async (client) => {
    for (const [table, time] of [...tables.map((name) => [name, 'ts']), ['dead_letters', 'received_at']]) {
      const { rows } = await client.query<SpanRow>(
        `SELECT device_no AS "deviceNo", epoch, min(seq) AS first, max(seq) AS last FROM ${table}
          WHERE device_no = ANY($1::int[]) AND seq IS NOT NULL AND ${time} >= $2 AND ${time} < $3
          GROUP BY device_no, epoch`,
        [devices, ...times],
      );
      rows.forEach(add);
    }
  });
  return found;
}
