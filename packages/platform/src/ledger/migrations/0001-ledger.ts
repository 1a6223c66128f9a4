import type { Migration } from '../../database/migrate.js';
import { tenantTableSql } from '../../database/row-level-security.js';

/**
 * The ledger: a journal row a transaction and tenant, the runs it is folded into, a row a numbering, and the gaps
 * and silences derived from them. Fates: 0 stored, 1 dead-lettered, 2 reported lost.
 */
export const ledger: Migration = {
  name: 'ledger/0001_ledger',
  sql: `
    CREATE TABLE ledger_journal (
      tenant_id int NOT NULL,
      batch_id text NOT NULL,
      changes bytea NOT NULL,
      PRIMARY KEY (batch_id, tenant_id)
    );
    ${tenantTableSql('ledger_journal', { ingest: 'INSERT' })}

    CREATE TABLE ledger_runs (
      tenant_id int NOT NULL,
      device_no int NOT NULL,
      epoch bigint NOT NULL,
      fate smallint NOT NULL,
      first_seq bigint NOT NULL,
      last_seq bigint NOT NULL,
      PRIMARY KEY (device_no, epoch, fate, first_seq)
    );
    ${tenantTableSql('ledger_runs', { app: 'SELECT' })}

    CREATE TABLE ledger_numberings (
      tenant_id int NOT NULL,
      device_no int NOT NULL,
      epoch bigint NOT NULL,
      started_ts timestamptz,
      newest_ts timestamptz,
      duplicates bigint NOT NULL,
      PRIMARY KEY (device_no, epoch)
    );
    ${tenantTableSql('ledger_numberings', { app: 'SELECT' })}

    CREATE TABLE gaps (
      gap_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      tenant_id int NOT NULL,
      device_no int NOT NULL,
      kind text NOT NULL CHECK (kind IN ('gap', 'silence')),
      epoch bigint,
      from_seq bigint,
      to_seq bigint,
      missing bigint NOT NULL,
      from_ts timestamptz NOT NULL,
      to_ts timestamptz,
      cause text NOT NULL,
      evidence text NOT NULL,
      opened_at timestamptz NOT NULL,
      closed_at timestamptz
    );
    CREATE INDEX gaps_device ON gaps (device_no, from_ts);
    CREATE INDEX gaps_open ON gaps (device_no) WHERE closed_at IS NULL;
    ${tenantTableSql('gaps', { app: 'SELECT', ingest: 'INSERT' })}

    CREATE FUNCTION batch_committed(batch text) RETURNS boolean
      LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS
      $$ SELECT EXISTS (SELECT FROM ledger_journal WHERE batch_id = batch) $$;
    GRANT EXECUTE ON FUNCTION batch_committed TO millrace_ingest;`,
};
