import type { Migration } from '../../database/migrate.js';
import { tenantTableSql } from '../../database/row-level-security.js';

/** Messages that could not become readings: payload, reason, and where they came from. */
export const deadLetters: Migration = {
  name: 'dead-letters/0001_dead_letters',
  sql: `
    CREATE TABLE dead_letters (
      dead_letter_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      tenant_id int NOT NULL,
      device_no int,
      received_at timestamptz NOT NULL,
      client_id text NOT NULL,
      topic text NOT NULL,
      reason text NOT NULL,
      shown_reason text NOT NULL,
      detail text NOT NULL,
      schema_version text,
      epoch bigint,
      seq bigint,
      content_type text,
      payload_bytes int NOT NULL,
      payload bytea NOT NULL,
      status text NOT NULL DEFAULT 'kept'
    );
    CREATE INDEX dead_letters_tenant ON dead_letters (tenant_id, dead_letter_id DESC);
    CREATE INDEX dead_letters_device ON dead_letters (device_no, received_at);
    ${tenantTableSql('dead_letters', { app: 'SELECT, UPDATE (status)', ingest: 'INSERT' })}`,
};
