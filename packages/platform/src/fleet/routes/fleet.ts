import { Type } from 'typebox';
import { defineRoute } from '../../api/route.js';
import { AssetNode, named, Summary } from '../../api/schemas.js';

export const getSummary = defineRoute({
  method: 'GET',
  url: '/v1/fleet/summary',
  operationId: 'get-fleet-summary',
  summary: "The fleet's state in one look.",
  group: 'Fleet',
  permission: 'fleet:read',
  answer: named(Summary),
  handler: async ({ tenant, services }) => services.fleet.summary(tenant.tenantId),
});

export const getAssets = defineRoute({
  method: 'GET',
  url: '/v1/assets',
  operationId: 'get-assets',
  summary: 'The ISA-95 tree with states rolled up.',
  group: 'Fleet',
  permission: 'fleet:read',
  answer: Type.Object({ root: named(AssetNode) }),
  handler: async ({ tenant, services }) => ({ root: await services.fleet.tree(tenant.tenantId) }),
});
