import type { Migration } from '../../database/migrate.js';
import { tenantTableSql } from '../../database/row-level-security.js';

/** People, their sessions and one-time links, and API tokens. Secrets are kept as SHA-256 only. */
export const peopleAndTokens: Migration = {
  name: 'access/0001_people_and_tokens',
  sql: `
    CREATE TABLE users (
      user_id text PRIMARY KEY,
      tenant_id int NOT NULL REFERENCES tenants,
      name text NOT NULL,
      role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
      created_at timestamptz NOT NULL,
      UNIQUE (tenant_id, name)
    );
    ${tenantTableSql('users', { app: 'SELECT, INSERT, UPDATE' })}

    CREATE TABLE sign_in_links (
      hash bytea PRIMARY KEY,
      tenant_id int NOT NULL,
      user_id text NOT NULL REFERENCES users,
      expires_at timestamptz NOT NULL
    );
    ${tenantTableSql('sign_in_links', { app: 'SELECT, INSERT, DELETE' })}

    CREATE TABLE sessions (
      hash bytea PRIMARY KEY,
      tenant_id int NOT NULL,
      user_id text NOT NULL REFERENCES users,
      created_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL
    );
    ${tenantTableSql('sessions', { app: 'SELECT, INSERT, DELETE' })}

    CREATE TABLE api_tokens (
      token_id text PRIMARY KEY,
      tenant_id int NOT NULL,
      hash bytea NOT NULL UNIQUE,
      name text NOT NULL,
      role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
      created_at timestamptz NOT NULL,
      expires_at timestamptz,
      last_used_at timestamptz
    );
    ${tenantTableSql('api_tokens', { app: 'SELECT, INSERT, DELETE, UPDATE (last_used_at)' })}`,
};
