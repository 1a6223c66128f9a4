import { type Clock, errorMessage, type Logger, MillraceError, type Service } from '@millrace/foundation';
import pg from 'pg';
import { EmbeddedPostgres } from './embedded.js';
import { type Migration, migrate } from './migrate.js';
import { ensureRoles, roleNames, roleUrl } from './roles.js';

export interface DatabaseOptions {
  readonly dataDir: string;
  /** Port of the embedded server on 127.0.0.1. */
  readonly port: number;
  /** DATABASE_URL: an existing PostgreSQL (15 or later) instead of the embedded one; its user must be allowed to create roles that bypass row-level security. */
  readonly url?: string | undefined;
  readonly migrations: readonly Migration[];
  readonly clock: Clock;
  readonly logger: Logger;
}

const poolSizes = { owner: 4, app: 10, ingest: 3 } as const;

/** int8 as a number: every int8 of ours (seq, epoch, counts) stays below 2^53. Times stay `Date`. */
const types = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === pg.types.builtins.INT8 && format !== 'binary'
      ? Number
      : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
};

/**
 * The database of one platform: the embedded server or `DATABASE_URL`, migrated, with a pool a role. `owner` is for
 * migrations, partitions and housekeeping; `app` for everything a person's request causes, always through
 * `withTenant`; `ingest` for the river. Pools are usable after `start`.
 */
export class Database implements Service {
  readonly #options: DatabaseOptions;
  #embedded: EmbeddedPostgres | undefined;
  #pools: { owner: pg.Pool; app: pg.Pool; ingest: pg.Pool } | undefined;
  #stopping = false;
  #urls: { owner: string; app: string; ingest: string } | undefined;

  constructor(options: DatabaseOptions) {
    this.#options = options;
  }

  get owner(): pg.Pool {
    return this.#started().owner;
  }

  get app(): pg.Pool {
    return this.#started().app;
  }

  get ingest(): pg.Pool {
    return this.#started().ingest;
  }

  /** Connection settings of a single connection outside the pools, as the role given. */
  clientConfig(role: 'owner' | 'app' | 'ingest'): pg.ClientConfig {
    if (this.#urls === undefined) throw new MillraceError('stopped', 'The database is not started.');
    return { connectionString: this.#urls[role], application_name: `millrace-${role}`, types };
  }

  /** Process id of the embedded server, for tests and for resource figures; undefined with `DATABASE_URL`. */
  get serverPid(): number | undefined {
    return this.#embedded?.pid;
  }

  /** Times the embedded server died and was started again. */
  get restarts(): number {
    return this.#embedded?.restarts ?? 0;
  }

  async start(): Promise<void> {
    if (this.#pools !== undefined) return;
    this.#stopping = false;
    try {
      const ownerUrl = await this.#openServer();
      this.#urls = {
        owner: ownerUrl,
        app: roleUrl(ownerUrl, roleNames.app),
        ingest: roleUrl(ownerUrl, roleNames.ingest),
      };
      const owner = this.#pool('owner', 0);
      this.#pools = {
        owner,
        app: this.#pool('app', 15_000),
        ingest: this.#pool('ingest', 60_000),
      };
      await ensureRoles(owner, ownerUrl);
      await migrate(owner, this.#options.migrations, this.#options);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    const pools = this.#pools;
    this.#pools = undefined;
    this.#stopping = true;
    if (pools !== undefined)
      await Promise.all(
        [pools.owner.end(), pools.app.end(), pools.ingest.end()].map((end) => end.catch(() => {})),
      );
    await this.#embedded?.stop();
    this.#embedded = undefined;
  }

  async #openServer(): Promise<string> {
    const { url } = this.#options;
    if (url !== undefined && url !== '') {
      await assertUsable(url);
      return url;
    }
    this.#embedded = new EmbeddedPostgres(this.#options);
    await this.#embedded.start();
    await ensureDatabase(this.#embedded.url('postgres'));
    return this.#embedded.url('millrace');
  }

  #pool(role: 'owner' | 'app' | 'ingest', statementTimeoutMs: number): pg.Pool {
    const pool = new pg.Pool({
      ...this.clientConfig(role),
      max: poolSizes[role],
      connectionTimeoutMillis: 10_000,
      idleTimeoutMillis: 60_000,
      ...(statementTimeoutMs > 0 ? { statement_timeout: statementTimeoutMs } : {}),
    } as pg.PoolConfig);
    // A connection may break while someone holds it without a query under way; without a listener that would end
    // the process. The pool replaces it, and its holder's next query fails.
    pool.on('connect', (client) => client.on('error', () => {}));
    pool.on('error', (error) => {
      if (!this.#stopping)
        this.#options.logger.warn('A database connection broke.', { role, error: error.message });
    });
    return pool;
  }

  #started(): { owner: pg.Pool; app: pg.Pool; ingest: pg.Pool } {
    if (this.#pools === undefined)
      throw new MillraceError('stopped', 'The database is not started: call start first.');
    return this.#pools;
  }
}

/**
 * A server that dies between two queries says so outside of any query; without a listener that would end the
 * process. The next query fails with a sentence of its own.
 */
function ignoreBreaks(client: pg.Client): void {
  client.on('error', () => {});
}

async function ensureDatabase(adminUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  ignoreBreaks(client);
  await client.connect();
  try {
    const { rowCount } = await client.query("SELECT FROM pg_database WHERE datname = 'millrace'");
    if (rowCount === 0) await client.query('CREATE DATABASE millrace');
  } finally {
    await client.end();
  }
}

async function assertUsable(url: string): Promise<void> {
  const shown = url.replace(/\/\/[^@/]*@/, '//');
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  ignoreBreaks(client);
  let rights: { version: number; may: boolean } | undefined;
  try {
    await client.connect();
    const { rows } = await client.query<{ version: number; may: boolean }>(
      `SELECT current_setting('server_version_num')::int AS version, rolsuper OR (rolcreaterole AND rolbypassrls) AS may
         FROM pg_roles WHERE rolname = current_user`,
    );
    rights = rows[0];
  } catch (cause) {
    throw new MillraceError(
      'database_unavailable',
      `The database of DATABASE_URL (${shown}) cannot be used: ${errorMessage(cause)}. Check address, user and password.`,
      { cause },
    );
  } finally {
    await client.end().catch(() => {});
  }
  if (rights === undefined || rights.version < 150_000 || !rights.may)
    throw new MillraceError(
      'database_cannot_start',
      `The database of DATABASE_URL (${shown}) must be PostgreSQL 15 or later and its user a superuser, or one with CREATEROLE and BYPASSRLS.`,
    );
}
