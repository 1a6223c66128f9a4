import { type DeviceType, type TagColumn, tagColumns, telemetryTable } from '@millrace/contracts';
import type { Pool } from 'pg';
import { inTransaction, isSqlName, securedSql, tenantTableSql } from '../database/index.js';

/**
 * Makes the wide table of every device type from its newest contract, and adds the columns of tags that are new
 * since the last start. Columns are only ever added: rows of older contracts keep theirs. Run as the owner.
 */
export async function ensureTelemetryTables(owner: Pool, types: Iterable<DeviceType>): Promise<void> {
  for (const type of types) {
    const table = telemetryTable(type.name);
    const columns = tagColumns(type);
    for (const column of columns)
      if (![table, column.valueColumn, column.qualityColumn].every(isSqlName))
        throw new RangeError(`contract ${type.name} names a column that is not an SQL name`);
    await inTransaction(owner, async (client) => {
      const { rowCount } = await client.query('SELECT FROM pg_class WHERE relname = $1', [table]);
      if (rowCount === 0) await client.query(createSql(table, columns));
      else
        for (const column of columns)
          await client.query(
            `ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS ${column.valueColumn} ${column.valueType},
               ADD COLUMN IF NOT EXISTS ${column.qualityColumn} smallint`,
          );
    });
  }
}

/** Eight-byte columns first and the small ones last, so that little is lost to alignment. */
function createSql(table: string, columns: readonly TagColumn[]): string {
  const wide = columns.filter((column) => ['double precision', 'bigint'].includes(column.valueType));
  const narrow = columns.filter((column) => !wide.includes(column));
  const lines = [
    'ts timestamptz NOT NULL',
    'received_at timestamptz NOT NULL',
    'epoch bigint',
    'seq bigint',
    'source_ts timestamptz',
    'msg_id uuid',
    ...wide.map((column) => `${column.valueColumn} ${column.valueType}`),
    'tenant_id int NOT NULL',
    'device_no int NOT NULL',
    ...narrow.map((column) => `${column.valueColumn} ${column.valueType}`),
    ...columns.map((column) => `${column.qualityColumn} smallint`),
  ];
  return `
    CREATE TABLE ${table} (${lines.join(', ')}) PARTITION BY RANGE (ts);
    CREATE INDEX ${table}_device_ts ON ${table} (device_no, ts);
    ${tenantTableSql(table, { app: 'SELECT', ingest: 'INSERT' })}
    CREATE TABLE ${table}_other PARTITION OF ${table} DEFAULT;
    ${securedSql(`${table}_other`)}`;
}
