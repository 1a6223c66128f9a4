import type { Migration } from '../../database/migrate.js';
import { tenantTableSql } from '../../database/row-level-security.js';

/** Tenants and their devices. `device_no` is unique over all tenants and never reused. */
export const tenantsAndDevices: Migration = {
  name: 'registry/0001_tenants_and_devices',
  sql: `
    CREATE TABLE tenants (
      tenant_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      slug text NOT NULL UNIQUE,
      title text NOT NULL,
      created_at timestamptz NOT NULL
    );
    ${tenantTableSql('tenants', { app: 'SELECT' })}

    CREATE TABLE devices (
      device_no int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      tenant_id int NOT NULL REFERENCES tenants,
      device_id text NOT NULL,
      device_type text NOT NULL,
      title text NOT NULL,
      enterprise text NOT NULL,
      site text NOT NULL,
      area text NOT NULL,
      line text NOT NULL,
      gateway_device_id text,
      schema_version text,
      fw_version text,
      lifecycle text NOT NULL DEFAULT 'registered',
      created_at timestamptz NOT NULL,
      updated_at timestamptz NOT NULL,
      UNIQUE (tenant_id, device_id)
    );
    ${tenantTableSql('devices', { app: 'SELECT, INSERT, UPDATE' })}`,
};
