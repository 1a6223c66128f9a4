import { Type } from 'typebox';
import { defineRoute } from '../../api/route.js';
import { deviceIdParams, named, rangeQuery, strict, Telemetry } from '../../api/schemas.js';
import { readRange } from '../../api/times.js';

export const getTelemetry = defineRoute({
  method: 'GET',
  url: '/v1/devices/:device_id/telemetry',
  operationId: 'get-telemetry',
  summary: 'History of a device: raw readings by page, or intervals over good readings.',
  group: 'Telemetry',
  permission: 'fleet:read',
  params: deviceIdParams,
  query: strict({
    tags: Type.Optional(Type.String({ maxLength: 4_000, description: 'Tags with commas; absent = all.' })),
    ...rangeQuery,
    interval: Type.Optional(
      Type.String({
        maxLength: 10,
        default: 'auto',
        description: '`raw`, `auto`, or a length: 10s, 1m, 1h, 1d.',
      }),
    ),
    quality: Type.Optional(
      Type.Enum(['good', 'any'], {
        description: 'Raw only: leave out readings that are not good. Intervals always do.',
      }),
    ),
    max_points: Type.Optional(
      Type.Integer({
        minimum: 10,
        maximum: 20_000,
        default: 1_000,
        description: 'What `auto` keeps to, a tag.',
      }),
    ),
  }),
  answer: named(Telemetry),
  handler: async ({ params, query, tenant, services }) => {
    const device = services.registry.device(tenant.tenantId, params.device_id);
    return services.telemetry.history(device, {
      ...readRange(query),
      tags: (query.tags ?? '')
        .split(',')
        .map((tag) => tag.trim())
        .filter((tag) => tag !== ''),
      interval: query.interval ?? 'auto',
      quality: query.quality === 'good' ? 'good' : 'any',
      maxPoints: query.max_points ?? 1_000,
    });
  },
});
