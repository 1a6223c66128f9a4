import type { Migration } from '../../database/migrate.js';
import { tenantTableSql } from '../../database/row-level-security.js';

/** Every certificate that the operations CA issued to a device or gateway; rows are kept after expiry. */
export const certificates: Migration = {
  name: 'identity/0001_certificates',
  sql: `
    CREATE TABLE certificates (
      serial text PRIMARY KEY,
      tenant_id int NOT NULL,
      device_no int NOT NULL REFERENCES devices,
      common_name text NOT NULL,
      fingerprint256 text NOT NULL,
      not_before timestamptz NOT NULL,
      not_after timestamptz NOT NULL,
      issued_at timestamptz NOT NULL,
      revoked_at timestamptz,
      messages_per_minute_alert int
    );
    CREATE INDEX certificates_device ON certificates (device_no);
    ${tenantTableSql('certificates', { app: 'SELECT, INSERT, UPDATE (revoked_at)' })}`,
};
