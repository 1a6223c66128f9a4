import { Type } from 'typebox';
import { defineRoute } from '../../api/route.js';
import { strict } from '../../api/schemas.js';

/** Only over the platform's own socket: whoever may open it owns the installation. */
export const localSignInLink = defineRoute({
  method: 'POST',
  url: '/local/sign-in-link',
  operationId: 'create-sign-in-link',
  summary: 'Make a one-time link that signs a person in to the console.',
  permission: 'local',
  body: strict({
    role: Type.Optional(Type.Enum(['viewer', 'operator', 'admin'])),
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  }),
  answer: Type.Object({ url: Type.String() }),
  handler: async ({ body, tenant, services }) => {
    const secret = await services.access.createSignInLink(tenant.tenantId, body.role ?? 'admin', body.name);
    return { url: `${services.consoleUrl()}/sign-in?token=${secret}` };
  },
});
