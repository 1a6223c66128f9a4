import type { Migration } from '../../database/migrate.js';
import { securedSql, tenantTableSql } from '../../database/row-level-security.js';

/**
 * The narrow table for tags outside the contract, and the identities of messages without `seq` (kept 7 days by day
 * of arrival). `claim_message_ids` tells which of them are new and records those, within the caller's transaction.
 */
export const messageIds: Migration = {
  name: 'ingest/0001_message_ids',
  sql: `
    CREATE TABLE telemetry_extra (
      tenant_id int NOT NULL,
      device_no int NOT NULL,
      ts timestamptz NOT NULL,
      seq bigint,
      tag text NOT NULL,
      value jsonb,
      q smallint
    ) PARTITION BY RANGE (ts);
    CREATE INDEX telemetry_extra_device_ts ON telemetry_extra (device_no, ts);
    ${tenantTableSql('telemetry_extra', { app: 'SELECT', ingest: 'INSERT' })}
    CREATE TABLE telemetry_extra_other PARTITION OF telemetry_extra DEFAULT;
    ${securedSql('telemetry_extra_other')}

    CREATE TABLE message_ids (
      tenant_id int NOT NULL,
      device_no int NOT NULL,
      msg_id uuid NOT NULL,
      day date NOT NULL,
      PRIMARY KEY (device_no, msg_id, day)
    ) PARTITION BY RANGE (day);
    ${tenantTableSql('message_ids', {})}
    CREATE TABLE message_ids_other PARTITION OF message_ids DEFAULT;
    ${securedSql('message_ids_other')}

    CREATE FUNCTION claim_message_ids(tenants int[], devices int[], ids uuid[], today date)
      RETURNS TABLE (ordinal bigint)
      LANGUAGE sql SECURITY DEFINER SET search_path = public AS $$
        WITH given AS (
          SELECT DISTINCT ON (device_no, msg_id) tenant_id, device_no, msg_id, n
            FROM unnest(tenants, devices, ids) WITH ORDINALITY AS g (tenant_id, device_no, msg_id, n)
           ORDER BY device_no, msg_id, n
        ), fresh AS (
          INSERT INTO message_ids (tenant_id, device_no, msg_id, day)
          SELECT tenant_id, device_no, msg_id, today FROM given g
           WHERE NOT EXISTS (SELECT FROM message_ids m WHERE m.device_no = g.device_no AND m.msg_id = g.msg_id)
          ON CONFLICT DO NOTHING
          RETURNING device_no, msg_id
        )
        SELECT given.n FROM fresh JOIN given USING (device_no, msg_id)
      $$;
    GRANT EXECUTE ON FUNCTION claim_message_ids TO millrace_ingest;`,
};
