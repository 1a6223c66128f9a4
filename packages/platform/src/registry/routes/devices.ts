import { Type } from 'typebox';
import { defineRoute } from '../../api/route.js';
import {
  cursorQuery,
  Device,
  DeviceDetail,
  deviceIdParams,
  named,
  pageSchema,
  strict,
} from '../../api/schemas.js';
import { passes } from '../../fleet/model.js';
import { pageOf } from '../model.js';

const sorts = [
  'device_id',
  'title',
  'device_type',
  'state',
  'site',
  'area',
  'line',
  'last_seen',
  'gaps_open',
  'created_at',
] as const;
const filter = (description: string) => Type.Optional(Type.String({ maxLength: 64, description }));

export const listDevices = defineRoute({
  method: 'GET',
  url: '/v1/devices',
  operationId: 'list-devices',
  summary: 'Devices, filtered, sorted, by page.',
  group: 'Devices',
  permission: 'fleet:read',
  query: strict({
    ...cursorQuery,
    q: filter('Text within id, title or type.'),
    state: Type.Optional(Type.Enum(['online', 'stale', 'offline', 'never_seen'])),
    type: filter('Device type.'),
    site: filter('Site.'),
    area: filter('Area.'),
    line: filter('Line.'),
    sort: Type.Optional(
      Type.Enum([...sorts, ...sorts.map((name) => `-${name}`)], {
        description: 'Member to sort by; `-` = descending.',
      }),
    ),
  }),
  answer: pageSchema(Device),
  handler: async ({ query, tenant, services }) => {
    const devices = await services.fleet.devices(tenant.tenantId);
    return pageOf(
      devices.filter((device) => passes(device, query as Parameters<typeof passes>[1])),
      {
        sort: (query.sort as string | undefined) ?? 'device_id',
        limit: query.limit ?? 100,
        cursor: query.cursor,
      },
      (device, member) => device[member as 'device_id'] ?? '',
      (device) => device.device_id,
    );
  },
});

export const getDevice = defineRoute({
  method: 'GET',
  url: '/v1/devices/:device_id',
  operationId: 'get-device',
  summary: 'A device with its tags and last-known values.',
  group: 'Devices',
  permission: 'fleet:read',
  params: deviceIdParams,
  answer: named(DeviceDetail),
  handler: async ({ params, tenant, services }) =>
    services.fleet.detail(services.registry.device(tenant.tenantId, params.device_id)),
});

const segment = (description: string) => Type.String({ minLength: 1, maxLength: 64, description });

export const registerDevice = defineRoute({
  method: 'POST',
  url: '/v1/devices',
  operationId: 'register-device',
  summary: 'Register a device; the same registration again changes nothing.',
  group: 'Devices',
  permission: 'devices:write',
  body: strict({
    device_id: segment('Unique within the tenant: A-Z, a-z, 0-9 and hyphen.'),
    device_type: segment('Name of its contract.'),
    title: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Name for people.' })),
    enterprise: Type.Optional(segment("The tenant's own segment; may be left out.")),
    site: segment('Lower case, digits, hyphens.'),
    area: segment('Lower case, digits, hyphens.'),
    line: segment('Lower case, digits, hyphens.'),
    gateway_id: Type.Optional(Type.Union([segment('The gateway that speaks for it.'), Type.Null()])),
  }),
  answer: named(Device),
  handler: async ({ body, tenant, services, reply }) => {
    const { device, created } = await services.registry.register(tenant, body);
    reply.code(created ? 201 : 200);
    return services.fleet.device(device);
  },
});
