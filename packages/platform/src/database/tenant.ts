import type { Pool, PoolClient } from 'pg';

/**
 * Runs `fn` in a transaction that sees only one tenant's rows: `millrace.tenant_id` is set for the transaction, and
 * the forced policies of every table compare with it. Commits when `fn` resolves, rolls back when it throws.
 */
export async function withTenant<T>(
  pool: Pool,
  tenantId: number,
  fn: (client: PoolClient) => Promise<T>,
): Promise<T> {
  return inTransaction(pool, async (client) => {
    await client.query("SELECT set_config('millrace.tenant_id', $1, true)", [String(tenantId)]);
    return fn(client);
  });
}

/** Runs `fn` in a transaction without a tenant, for the owner's work across tenants. */
export async function inTransaction<T>(pool: Pool, fn: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('BEGIN');
    const result = await fn(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    // A connection whose rollback fails is not given back to the pool.
    await client.query('ROLLBACK').catch((failure: Error) => {
      broken = failure;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}
