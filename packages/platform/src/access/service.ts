import { type Clock, createUlidFactory, MillraceError, type Random } from '@millrace/foundation';
import type { Database } from '../database/index.js';
import { type Actor, newSecret, type Role, readSecret } from './model.js';
import { AccessStore, type TokenRow } from './store.js';

export const linkLifeMs = 15 * 60_000;
export const sessionLifeMs = 12 * 3_600_000;

/** Who may come in: one-time links, sessions and API tokens. */
export class AccessService {
  readonly #store: AccessStore;
  readonly #clock: Clock;
  readonly #nextId: () => string;
  /** Credentials that were shown and are not good, since the start. */
  refused = 0;

  constructor(database: Database, clock: Clock, random: Random) {
    this.#store = new AccessStore(() => database.app);
    this.#clock = clock;
    this.#nextId = createUlidFactory(clock, random);
  }

  /** A link's secret for the person of that name: good once, for 15 minutes. */
  async createSignInLink(tenantId: number, role: Role, name = role as string): Promise<string> {
    const { text, hash } = newSecret('mll', tenantId);
    const now = this.#clock.nowMs();
    await this.#store.insertLink(
      tenantId,
      { id: this.#nextId(), name, role },
      hash,
      new Date(now),
      new Date(now + linkLifeMs),
    );
    return text;
  }

  /** Turns a link's secret into a session of 12 hours; the link is used up. Throws `unauthenticated`. */
  async signIn(link: string): Promise<{ secret: string; actor: Actor }> {
    const read = readSecret('mll', link);
    const now = this.#clock.nowMs();
    if (read !== undefined) {
      const session = newSecret('mls', read.tenantId);
      const expires = new Date(now + sessionLifeMs);
      const user = await this.#store.redeemLink(
        read.tenantId,
        read.hash,
        session.hash,
        new Date(now),
        expires,
      );
      if (user !== undefined)
        return {
          secret: session.text,
          actor: actorOf('session', user.user_id, user, read.tenantId, expires),
        };
    }
    this.refused++;
    throw new MillraceError(
      'unauthenticated',
      'This sign-in link was used already or is older than 15 minutes: make another with "millrace sign-in-link".',
    );
  }

  /** The person behind a session's cookie. */
  async bySession(secret: string): Promise<Actor | undefined> {
    const read = readSecret('mls', secret);
    const found =
      read && (await this.#store.findSession(read.tenantId, read.hash, new Date(this.#clock.nowMs())));
    if (read === undefined || found === undefined) {
      this.refused++;
      return undefined;
    }
    return actorOf('session', found.user_id, found, read.tenantId, found.expires_at);
  }

  async signOut(secret: string): Promise<void> {
    const read = readSecret('mls', secret);
    if (read !== undefined) await this.#store.deleteSession(read.tenantId, read.hash);
  }

  /** Makes a token; its secret is told this once. */
  async createToken(
    tenantId: number,
    wanted: { readonly name: string; readonly role: Role; readonly expiresInDays?: number | undefined },
  ): Promise<TokenRow & { secret: string }> {
    const { text, hash } = newSecret('mlr', tenantId);
    const now = this.#clock.nowMs();
    const { expiresInDays } = wanted;
    const token: TokenRow = {
      token_id: this.#nextId(),
      name: wanted.name,
      role: wanted.role,
      created_at: new Date(now),
      expires_at: expiresInDays === undefined ? null : new Date(now + expiresInDays * 86_400_000),
      last_used_at: null,
    };
    await this.#store.insertToken(tenantId, token, hash);
    return { ...token, secret: text };
  }

  async byToken(secret: string): Promise<Actor | undefined> {
    const read = readSecret('mlr', secret);
    const found =
      read && (await this.#store.useToken(read.tenantId, read.hash, new Date(this.#clock.nowMs())));
    if (read === undefined || found === undefined) {
      this.refused++;
      return undefined;
    }
    return actorOf('token', found.token_id, found, read.tenantId, found.expires_at);
  }

  listTokens(tenantId: number): Promise<TokenRow[]> {
    return this.#store.listTokens(tenantId);
  }

  async revokeToken(tenantId: number, id: string): Promise<void> {
    if (!(await this.#store.deleteToken(tenantId, id)))
      throw new MillraceError('not_found', `There is no token ${id}: GET /v1/tokens lists them.`);
  }
}

function actorOf(
  kind: Actor['kind'],
  id: string,
  who: { readonly name: string; readonly role: Role },
  tenantId: number,
  expires: Date | null,
): Actor {
  return { kind, id, name: who.name, role: who.role, tenantId, expiresAtMs: expires?.getTime() ?? null };
}
