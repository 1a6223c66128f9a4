import { MillraceError } from '@millrace/foundation';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Actor, may } from '../access/model.js';
import { RateLimit, requestsPerMinute } from './rate-limit.js';
import type { Route } from './route.js';
import type { Services } from './services.js';

export const sessionCookie = 'millrace_session';

/** Lets a request through to its route, or not: who is it, may they, not too often. */
export class Gate {
  readonly limit = new RateLimit();
  readonly #services: Services;
  readonly #isLocal: boolean;

  constructor(services: Services, isLocal: boolean) {
    this.#services = services;
    this.#isLocal = isLocal;
  }

  /** The actor; undefined on a public route without credentials. Throws what the problem document says. */
  async admit(request: FastifyRequest, reply: FastifyReply, route: Route): Promise<Actor | undefined> {
    if (this.#isLocal) return this.#localActor();
    if (route.permission === 'public') {
      this.#count(reply, `ip ${request.ip}`, requestsPerMinute.anonymous * 5);
      return undefined;
    }
    const actor = await this.#identify(request);
    if (actor === undefined) {
      this.#count(reply, `ip ${request.ip}`, requestsPerMinute.anonymous);
      reply.header('www-authenticate', 'Bearer');
      throw new MillraceError(
        'unauthenticated',
        'This needs a signed-in session or a valid token: open a link of "millrace sign-in-link", or send "Authorization: Bearer mlr_...".',
      );
    }
    this.#count(reply, `${actor.kind} ${actor.id}`, requestsPerMinute[actor.role]);
    if (!may(actor, route.permission))
      throw new MillraceError(
        'permission_denied',
        `The role ${actor.role} does not have the permission ${route.permission}: ask an administrator.`,
      );
    return actor;
  }

  async #identify(request: FastifyRequest): Promise<Actor | undefined> {
    const { authorization } = request.headers;
    if (authorization !== undefined) {
      const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
      return token === undefined ? undefined : this.#services.access.byToken(token);
    }
    const cookie = readCookie(request);
    if (cookie === undefined) return undefined;
    assertSameOrigin(request);
    return this.#services.access.bySession(cookie);
  }

  #localActor(): Actor {
    const tenant = this.#services.registry.directory.tenants()[0];
    if (tenant === undefined) throw new MillraceError('stopped', 'The platform has no tenant yet.');
    return {
      kind: 'local',
      id: 'local',
      name: 'local',
      role: 'admin',
      tenantId: tenant.tenantId,
      expiresAtMs: null,
    };
  }

  #count(reply: FastifyReply, caller: string, perMinute: number): void {
    const { remaining, resetS } = this.limit.take(caller, perMinute, this.#services.clock.nowMs());
    reply.header('x-ratelimit-limit', perMinute);
    reply.header('x-ratelimit-remaining', Math.max(0, remaining));
    reply.header('x-ratelimit-reset', resetS);
    if (remaining >= 0) return;
    reply.header('retry-after', resetS);
    throw new MillraceError(
      'limit_exceeded',
      `More than ${perMinute} requests a minute: try again in ${resetS} s.`,
    );
  }
}

/** The session's secret from the cookie header. */
export function readCookie(request: FastifyRequest): string | undefined {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const [name, value] = part.trim().split('=', 2);
    if (name === sessionCookie && value !== undefined) return value;
  }
  return undefined;
}

/**
 * A cookie's authority must not be used by another site's page: writes need the page's own origin. Browsers send
 * `Origin` with every such request; a request without it and without `Sec-Fetch-Site: same-origin` is refused.
 */
export function assertSameOrigin(request: FastifyRequest): void {
  if (request.method === 'GET' || request.method === 'HEAD') return;
  const { origin, host } = request.headers;
  const same =
    origin === undefined
      ? request.headers['sec-fetch-site'] === 'same-origin'
      : origin.replace(/^https?:\/\//, '') === host;
  if (!same)
    throw new MillraceError(
      'permission_denied',
      'A session can be used only from the console itself: use a token here.',
    );
}
