import { Type } from 'typebox';
import { defineRoute } from '../../api/route.js';
import { named, strict, Token } from '../../api/schemas.js';
import type { TokenRow } from '../store.js';

const show = (row: TokenRow) => ({
  id: row.token_id,
  name: row.name,
  role: row.role,
  created_at: row.created_at.toISOString(),
  expires_at: row.expires_at?.toISOString() ?? null,
  last_used_at: row.last_used_at?.toISOString() ?? null,
});

export const createToken = defineRoute({
  method: 'POST',
  url: '/v1/tokens',
  operationId: 'create-token',
  summary: 'Make an API token; its secret is told this once.',
  group: 'Access',
  permission: 'tokens:manage',
  body: strict({
    name: Type.String({ minLength: 1, maxLength: 100, description: 'What it is for.' }),
    role: Type.Enum(['viewer', 'operator', 'admin']),
    expires_in_days: Type.Optional(Type.Integer({ minimum: 1, maximum: 3650, description: 'Days.' })),
  }),
  answer: Type.Intersect([named(Token), Type.Object({ token: Type.String({ description: 'The secret.' }) })]),
  handler: async ({ body, tenant, services, reply }) => {
    const { name, role, expires_in_days: expiresInDays } = body;
    const made = await services.access.createToken(tenant.tenantId, { name, role, expiresInDays });
    reply.code(201);
    return { ...show(made), token: made.secret };
  },
});

export const listTokens = defineRoute({
  method: 'GET',
  url: '/v1/tokens',
  operationId: 'list-tokens',
  summary: 'Every API token, without its secret.',
  group: 'Access',
  permission: 'tokens:manage',
  answer: Type.Object({ items: Type.Array(named(Token)) }),
  handler: async ({ tenant, services }) => ({
    items: (await services.access.listTokens(tenant.tenantId)).map(show),
  }),
});

export const deleteToken = defineRoute({
  method: 'DELETE',
  url: '/v1/tokens/:id',
  operationId: 'delete-token',
  summary: 'End an API token at once.',
  group: 'Access',
  permission: 'tokens:manage',
  params: strict({ id: Type.String({ maxLength: 40, description: 'Token id.' }) }),
  handler: async ({ params, tenant, services }) => {
    await services.access.revokeToken(tenant.tenantId, params.id);
    return undefined;
  },
});
