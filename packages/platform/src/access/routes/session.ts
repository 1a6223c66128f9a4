import { Type } from 'typebox';
import { assertSameOrigin, readCookie, sessionCookie } from '../../api/gate.js';
import { defineRoute } from '../../api/route.js';
import { named, Session, strict } from '../../api/schemas.js';
import { iso } from '../../api/times.js';
import type { Tenant } from '../../registry/model.js';
import type { Actor } from '../model.js';
import { sessionLifeMs } from '../service.js';

const show = (actor: Actor, tenant: Tenant) => ({
  user: { id: actor.id, name: actor.name, role: actor.role },
  tenant: { slug: tenant.slug, title: tenant.title },
  expires_at: iso(actor.expiresAtMs),
});

/** `Secure` where people reach the console over TLS; on loopback they do not. */
function cookie(value: string, maxAgeS: number, consoleUrl: string): string {
  const secure = consoleUrl.startsWith('https:') ? '; Secure' : '';
  return `${sessionCookie}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAgeS}${secure}`;
}

export const createSession = defineRoute({
  method: 'POST',
  url: '/v1/session',
  operationId: 'create-session',
  summary: 'Sign in with a one-time link; sets the session cookie.',
  group: 'Access',
  permission: 'public',
  body: strict({ token: Type.String({ maxLength: 200, description: 'The secret of the link.' }) }),
  answer: named(Session),
  handler: async ({ body, services, reply, request }) => {
    assertSameOriginIfSaid(request);
    const { secret, actor } = await services.access.signIn(body.token);
    reply.header('set-cookie', cookie(secret, sessionLifeMs / 1000, services.consoleUrl()));
    return show(actor, services.registry.directory.tenantByNo(actor.tenantId)!);
  },
});

/** Signing somebody in from another page is refused too; programs send no origin. */
function assertSameOriginIfSaid(request: Parameters<typeof assertSameOrigin>[0]): void {
  if (request.headers.origin !== undefined) assertSameOrigin(request);
}

export const getSession = defineRoute({
  method: 'GET',
  url: '/v1/session',
  operationId: 'get-session',
  summary: 'Who is signed in.',
  group: 'Access',
  permission: 'session:own',
  answer: named(Session),
  handler: async ({ actor, tenant }) => show(actor, tenant),
});

export const deleteSession = defineRoute({
  method: 'DELETE',
  url: '/v1/session',
  operationId: 'delete-session',
  summary: 'Sign out.',
  group: 'Access',
  permission: 'session:own',
  handler: async ({ request, reply, services }) => {
    const secret = readCookie(request);
    if (secret !== undefined) await services.access.signOut(secret);
    reply.header('set-cookie', cookie('', 0, services.consoleUrl()));
    return undefined;
  },
});
