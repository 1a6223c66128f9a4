import type { Migration } from '../../database/migrate.js';
import { tenantTableSql } from '../../database/row-level-security.js';

/** What the platform knew of each device at the last checkpoint, so that a start need not search the telemetry. */
export const lastValues: Migration = {
  name: 'live/0001_device_states',
  sql: `
    CREATE TABLE device_states (
      device_no int PRIMARY KEY,
      tenant_id int NOT NULL,
      state jsonb NOT NULL
    );
    ${tenantTableSql('device_states', { app: 'SELECT' })}`,
};
