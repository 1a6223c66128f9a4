import type { Pool } from 'pg';
import { withTenant } from '../database/index.js';
import type { Role } from './model.js';

export interface UserRow {
  readonly user_id: string;
  readonly name: string;
  readonly role: Role;
}

export interface TokenRow {
  readonly token_id: string;
  readonly name: string;
  readonly role: Role;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly last_used_at: Date | null;
}

const tokenColumns = 'token_id, name, role, created_at, expires_at, last_used_at';

/** The tables of access; every statement runs under the tenant's row-level security. */
export class AccessStore {
  readonly #app: () => Pool;

  constructor(app: () => Pool) {
    this.#app = app;
  }

  /** Makes the user of that name, or gives them the role; then a link for them. */
  async insertLink(
    tenantId: number,
    user: { id: string; name: string; role: Role },
    hash: Buffer,
    now: Date,
    expires: Date,
  ): Promise<void> {
    await withTenant(this.#app(), tenantId, async (client) => {
      const { rows } = await client.query<UserRow>(
        `INSERT INTO users (user_id, tenant_id, name, role, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant_id, name) DO UPDATE SET role = excluded.role RETURNING user_id, name, role`,
        [user.id, tenantId, user.name, user.role, now],
      );
      await client.query('DELETE FROM sign_in_links WHERE expires_at < $1', [now]);
      await client.query(
        'INSERT INTO sign_in_links (hash, tenant_id, user_id, expires_at) VALUES ($1, $2, $3, $4)',
        [hash, tenantId, rows[0]!.user_id, expires],
      );
    });
  }

  /** Uses a link up and begins a session, in one transaction; undefined when the link is not good (any more). */
  async redeemLink(
    tenantId: number,
    link: Buffer,
    session: Buffer,
    now: Date,
    expires: Date,
  ): Promise<UserRow | undefined> {
    return withTenant(this.#app(), tenantId, async (client) => {
      const used = await client.query<{ user_id: string }>(
        'DELETE FROM sign_in_links WHERE hash = $1 AND expires_at > $2 RETURNING user_id',
        [link, now],
      );
      const userId = used.rows[0]?.user_id;
      if (userId === undefined) return undefined;
      await client.query('DELETE FROM sessions WHERE expires_at < $1', [now]);
      await client.query(
        'INSERT INTO sessions (hash, tenant_id, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)',
        [session, tenantId, userId, now, expires],
      );
      const { rows } = await client.query<UserRow>(
        'SELECT user_id, name, role FROM users WHERE user_id = $1',
        [userId],
      );
      return rows[0];
    });
  }

  async findSession(
    tenantId: number,
    hash: Buffer,
    now: Date,
  ): Promise<(UserRow & { expires_at: Date }) | undefined> {
    return withTenant(this.#app(), tenantId, async (client) => {
      const { rows } = await client.query<UserRow & { expires_at: Date }>(
        `SELECT user_id, name, role, expires_at FROM sessions JOIN users USING (user_id, tenant_id)
          WHERE hash = $1 AND expires_at > $2`,
        [hash, now],
      );
      return rows[0];
    });
  }

  async deleteSession(tenantId: number, hash: Buffer): Promise<void> {
    await withTenant(this.#app(), tenantId, (client) =>
      client.query('DELETE FROM sessions WHERE hash = $1', [hash]),
    );
  }

  async insertToken(tenantId: number, token: TokenRow, hash: Buffer): Promise<void> {
    await withTenant(this.#app(), tenantId, (client) =>
      client.query(
        `INSERT INTO api_tokens (token_id, tenant_id, hash, name, role, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)`,
        [token.token_id, tenantId, hash, token.name, token.role, token.created_at, token.expires_at],
      ),
    );
  }

  /** The token with that secret, if it has not ended; notes its use, to the minute. */
  async useToken(tenantId: number, hash: Buffer, now: Date): Promise<TokenRow | undefined> {
    return withTenant(this.#app(), tenantId, async (client) => {
      const { rows } = await client.query<TokenRow>(
        `SELECT ${tokenColumns} FROM api_tokens WHERE hash = $1 AND (expires_at IS NULL OR expires_at > $2)`,
        [hash, now],
      );
      const found = rows[0];
      if (found !== undefined && now.getTime() - (found.last_used_at?.getTime() ?? 0) > 60_000)
        await client.query('UPDATE api_tokens SET last_used_at = $2 WHERE token_id = $1', [
          found.token_id,
          now,
        ]);
      return found;
    });
  }

  async listTokens(tenantId: number): Promise<TokenRow[]> {
    return withTenant(this.#app(), tenantId, async (client) => {
      const { rows } = await client.query<TokenRow>(
        `SELECT ${tokenColumns} FROM api_tokens ORDER BY created_at, token_id LIMIT 1000`,
      );
      return rows;
    });
  }

  /** False when there is no such token. */
  async deleteToken(tenantId: number, id: string): Promise<boolean> {
    const { rowCount } = await withTenant(this.#app(), tenantId, (client) =>
      client.query('DELETE FROM api_tokens WHERE token_id = $1', [id]),
    );
    return rowCount === 1;
  }
}
