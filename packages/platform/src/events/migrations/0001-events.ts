import type { Migration } from '../../database/migrate.js';
import { tenantTableSql } from '../../database/row-level-security.js';

/**
 * What devices, gateways and the platform say of themselves. `msg_id` makes a redelivered event one row. An event
 * of the platform itself has no device and is written once a tenant.
 */
export const events: Migration = {
  name: 'events/0001_events',
  sql: `
    CREATE TABLE events (
      event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      tenant_id int NOT NULL,
      device_no int,
      msg_id text NOT NULL,
      ts timestamptz NOT NULL,
      received_at timestamptz NOT NULL,
      source text NOT NULL,
      type text NOT NULL,
      body jsonb NOT NULL,
      UNIQUE (tenant_id, msg_id)
    );
    CREATE INDEX events_device_ts ON events (device_no, ts);
    CREATE INDEX events_tenant_ts ON events (tenant_id, ts DESC);
    ${tenantTableSql('events', { app: 'SELECT', ingest: 'INSERT' })}`,
};
