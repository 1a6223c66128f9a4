import { createHash } from 'node:crypto';
import type { Clock, Logger } from '@millrace/foundation';
import { MillraceError } from '@millrace/foundation';
import type { Pool } from 'pg';
import { inTransaction } from './tenant.js';

/** One step of the schema's history. Never edited once released; a later step corrects it. */
export interface Migration {
  /** `<capability>/<number>_<what it changes>`, e.g. `registry/0001_tenants_and_devices`. */
  readonly name: string;
  readonly sql: string;
}

/** Any constant will do, as long as every platform on a database asks for the same lock. */
const migrationLock = 7_246_001;

/**
 * Applies what is missing, in the list's order, each step in its own transaction, under an advisory lock so that two
 * platforms starting on one database do not collide. Returns the names applied. Throws `database_cannot_start` when
 * the text of an applied step has changed, or the database holds steps that this release does not know.
 *
 * Our own runner, and not Kysely's: steps are plain SQL in several folders with one explicit order, and the check
 * that released text stays as it was is ours anyway.
 */
export async function migrate(
  owner: Pool,
  migrations: readonly Migration[],
  { clock, logger }: { clock: Clock; logger: Logger },
): Promise<string[]> {
  const done: string[] = [];
  const lock = await owner.connect();
  try {
    await lock.query('SELECT pg_advisory_lock($1)', [migrationLock]);
    await lock.query(`CREATE TABLE IF NOT EXISTS schema_migrations
      (name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL)`);
    const { rows } = await lock.query<{ name: string; sha256: string }>(
      'SELECT name, sha256 FROM schema_migrations',
    );
    const applied = new Map(rows.map((row) => [row.name, row.sha256]));
    assertHistory(migrations, applied);
    for (const migration of migrations) {
      if (applied.has(migration.name)) continue;
      await inTransaction(owner, async (client) => {
        await client.query(migration.sql);
        await client.query('INSERT INTO schema_migrations VALUES ($1, $2, $3)', [
          migration.name,
          hashOf(migration),
          new Date(clock.nowMs()),
        ]);
      });
      logger.info('Database migrated.', { migration: migration.name });
      done.push(migration.name);
    }
  } finally {
    await lock.query('SELECT pg_advisory_unlock($1)', [migrationLock]).catch(() => {});
    lock.release();
  }
  return done;
}

function assertHistory(migrations: readonly Migration[], applied: ReadonlyMap<string, string>): void {
  const known = new Map(migrations.map((migration) => [migration.name, migration]));
  if (known.size !== migrations.length)
    throw new MillraceError('internal', 'Two migrations share a name. This is a defect in Millrace.');
  for (const [name, sha256] of applied) {
    const migration = known.get(name);
    if (migration === undefined)
      throw new MillraceError(
        'database_cannot_start',
        `The database was used by a newer Millrace (it holds ${name}): start that version, or restore a backup.`,
      );
    if (hashOf(migration) !== sha256)
      throw new MillraceError(
        'database_cannot_start',
        `Migration ${name} differs from the one that was applied to this database: released migrations must not change.`,
      );
  }
}

function hashOf(migration: Migration): string {
  return createHash('sha256').update(migration.sql).digest('hex');
}
