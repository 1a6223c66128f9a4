/** What each role may do with a table; e.g. `{ app: 'SELECT, INSERT', ingest: 'INSERT' }`. */
export interface TableGrants {
  readonly app?: string;
  readonly ingest?: string;
}

/** True for a name that may be put into SQL unquoted; every table name of ours is checked by it. */
export function isSqlName(name: string): boolean {
  return /^[a-z_][a-z0-9_]{0,62}$/.test(name);
}

/**
 * SQL that puts row-level security on a table or a partition, FORCED so that it binds the owner too. The policy
 * compares with the transaction's `millrace.tenant_id`; where none is set, nothing is visible.
 */
export function securedSql(table: string): string {
  if (!isSqlName(table)) throw new RangeError(`not a table name: ${table}`);
  return `
    ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
    ALTER TABLE ${table} FORCE ROW LEVEL SECURITY;
    DROP POLICY IF EXISTS tenant_isolation ON ${table};
    CREATE POLICY tenant_isolation ON ${table}
      USING (tenant_id = nullif(current_setting('millrace.tenant_id', true), '')::int)
      WITH CHECK (tenant_id = nullif(current_setting('millrace.tenant_id', true), '')::int);`;
}

/** SQL that finishes a table with a `tenant_id` column: row-level security and the grants of the two roles. */
export function tenantTableSql(table: string, grants: TableGrants): string {
  const app = grants.app === undefined ? '' : `GRANT ${grants.app} ON ${table} TO millrace_app;`;
  const ingest = grants.ingest === undefined ? '' : `GRANT ${grants.ingest} ON ${table} TO millrace_ingest;`;
  return `${securedSql(table)}\n${app}\n${ingest}`;
}
