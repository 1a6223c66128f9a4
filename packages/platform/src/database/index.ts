export { Database, type DatabaseOptions } from './database.js';
export { type Migration, migrate } from './migrate.js';
export { migrations } from './migrations.js';
export { isSqlName, securedSql, type TableGrants, tenantTableSql } from './row-level-security.js';
export { inTransaction, withTenant } from './tenant.js';
