import { MillraceError } from '@millrace/foundation';
import { Type } from 'typebox';
import { defineRoute } from '../../api/route.js';
import { strict } from '../../api/schemas.js';
import { clientsMax } from '../stream.js';

export const getStream = defineRoute({
  method: 'GET',
  url: '/v1/stream',
  operationId: 'open-stream',
  summary:
    'Server-sent events: `values` {items: [{device_id, ts, received_at, d: {tag: {v, q}}}]}, `device` (a Device), `summary` (a Summary). Resumes after Last-Event-ID.',
  group: 'Fleet',
  permission: 'fleet:read',
  query: strict({
    devices: Type.Optional(
      Type.String({ maxLength: 10_000, description: 'Device ids with commas; absent = every device.' }),
    ),
    events: Type.Optional(
      Type.String({
        maxLength: 100,
        description: 'Kinds of events with commas: values, device, summary; absent = all of them.',
      }),
    ),
  }),
  answer: Type.String(),
  answerType: 'text/event-stream',
  handler: async ({ query, tenant, services, request, reply }) => {
    const wanted = query.devices?.split(',').filter((id) => id !== '');
    for (const id of wanted ?? []) services.registry.device(tenant.tenantId, id);
    const events = readKinds(query.events);
    if (services.stream.clients >= clientsMax)
      throw new MillraceError('limit_exceeded', `${clientsMax} streams are open already: try again later.`);
    const last = request.headers['last-event-id'];
    const lastId = typeof last === 'string' && /^\d{1,16}$/.test(last) ? Number(last) : undefined;
    reply.hijack();
    reply.raw.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    const devices = wanted === undefined || wanted.length === 0 ? undefined : new Set(wanted);
    services.stream.add({ tenantId: tenant.tenantId, devices, events, response: reply.raw }, lastId);
    return undefined;
  },
});

const kinds = ['values', 'device', 'summary'];

/** The kinds of events asked for; undefined = all. Throws `invalid_argument` for a word that is none. */
function readKinds(text: string | undefined): ReadonlySet<string> | undefined {
  const wanted = text?.split(',').filter((kind) => kind !== '') ?? [];
  const strange = wanted.find((kind) => !kinds.includes(kind));
  if (strange !== undefined)
    throw new MillraceError('invalid_argument', `events "${strange}" must be one of ${kinds.join(', ')}.`);
  return wanted.length === 0 ? undefined : new Set(wanted);
}
