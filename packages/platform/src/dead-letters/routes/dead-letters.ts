import { MillraceError } from '@millrace/foundation';
import { Type } from 'typebox';
import type { Actor } from '../../access/model.js';
import { defineRoute } from '../../api/route.js';
import { cursorQuery, DeadLetter, named, pageSchema, strict } from '../../api/schemas.js';
import { idPage, isoAt, readIdCursor } from '../../api/times.js';
import type { Directory } from '../../registry/directory.js';
import { type DeadLetterSummary, deadLetterStatuses, replayLettersMax } from '../index.js';

const showLetter = (directory: Directory, row: DeadLetterSummary) => ({
  id: String(row.deadLetterId),
  received_at: isoAt(row.receivedAt),
  device_id: row.deviceNo === null ? null : (directory.byNo(row.deviceNo)?.deviceId ?? null),
  client_id: row.clientId,
  topic: row.topic,
  reason: row.shownReason,
  detail: row.detail,
  schema_version: row.schemaVersion,
  content_type: row.contentType,
  payload_bytes: row.payloadBytes,
  status: row.status,
});

/** Name and kind of who acts, as the audit keeps it. */
const auditName = (actor: Actor) =>
  actor.kind === 'local' ? 'local' : `${actor.name} (${actor.kind} ${actor.id})`;

const unknownLetter = (id: string) =>
  new MillraceError('not_found', `There is no dead letter ${id}: GET /v1/dead-letters lists them.`);

function readId(id: string): number {
  if (!/^[1-9]\d{0,14}$/.test(id)) throw unknownLetter(id);
  return Number(id);
}

const params = strict({ id: Type.String({ maxLength: 20, description: 'Id of the dead letter.' }) });
const reason = Type.Optional(Type.String({ maxLength: 100, description: 'Only this reason.' }));
const deviceId = Type.Optional(Type.String({ maxLength: 64, description: 'Only this device.' }));

export const listDeadLetters = defineRoute({
  method: 'GET',
  url: '/v1/dead-letters',
  operationId: 'list-dead-letters',
  summary: 'Messages that could not become readings, newest first, without their payloads.',
  group: 'Record',
  permission: 'fleet:read',
  query: strict({
    ...cursorQuery,
    reason,
    device_id: deviceId,
    status: Type.Optional(Type.Enum([...deadLetterStatuses], { description: 'Only these; all without it.' })),
  }),
  answer: pageSchema(DeadLetter),
  handler: async ({ query, tenant, services }) => {
    const limit = query.limit ?? 100;
    const beforeId = readIdCursor(query.cursor);
    const device =
      query.device_id === undefined ? undefined : services.registry.device(tenant.tenantId, query.device_id);
    const rows = await services.deadLetters.list(tenant.tenantId, {
      limit: limit + 1,
      ...(beforeId === undefined ? {} : { beforeId }),
      ...(query.reason === undefined ? {} : { reason: query.reason }),
      ...(query.status === undefined ? {} : { status: query.status }),
      ...(device === undefined ? {} : { deviceNo: device.deviceNo }),
    });
    return idPage(
      rows,
      limit,
      (row) => row.deadLetterId,
      (row) => ({
        ...showLetter(services.registry.directory, row),
        payload: null,
        payload_base64: null,
        actions: [],
      }),
    );
  },
});

export const getDeadLetter = defineRoute({
  method: 'GET',
  url: '/v1/dead-letters/:id',
  operationId: 'get-dead-letter',
  summary: 'One dead letter with its payload and what was done with it.',
  group: 'Record',
  permission: 'fleet:read',
  params,
  answer: named(DeadLetter),
  handler: async ({ params, tenant, services }) => {
    const row = await services.deadLetters.get(tenant.tenantId, readId(params.id));
    if (row === undefined) throw unknownLetter(params.id);
    const text = row.payload.toString('utf8');
    const isText = Buffer.from(text, 'utf8').equals(row.payload);
    return {
      ...showLetter(services.registry.directory, row),
      payload: isText ? text : null,
      payload_base64: isText ? null : row.payload.toString('base64'),
      actions: row.actions.map(({ at, ...action }) => ({ at: isoAt(at), ...action })),
    };
  },
});

const ReplayResult = Type.Object({
  id: Type.String({ description: 'Id of the dead letter.' }),
  outcome: Type.Enum(['stored', 'duplicate', 'refused', 'skipped'], {
    description:
      '`duplicate`: its reading is stored already; `refused`: it stays kept; `skipped`: not tried.',
  }),
  detail: Type.String({ description: 'Why it was refused again or not tried; else empty.' }),
});

export const replayDeadLetter = defineRoute({
  method: 'POST',
  url: '/v1/dead-letters/:id/replay',
  operationId: 'replay-dead-letter',
  summary: 'Send a kept dead letter through ingestion again; answers when its fate is committed.',
  group: 'Record',
  permission: 'dead-letters:write',
  params,
  answer: ReplayResult,
  handler: async ({ params, tenant, actor, services }) => {
    const id = readId(params.id);
    const { outcome, detail } = await services.deadLetters.replay(tenant.tenantId, id, auditName(actor));
    return { id: params.id, outcome, detail };
  },
});

const count = (description: string) => Type.Integer({ minimum: 0, description });

export const replayDeadLetters = defineRoute({
  method: 'POST',
  url: '/v1/dead-letters/replay',
  operationId: 'replay-dead-letters',
  summary: 'Send every kept dead letter that matches through ingestion again, oldest first.',
  group: 'Record',
  permission: 'dead-letters:write',
  body: strict({
    reason,
    device_id: deviceId,
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: replayLettersMax,
        default: 1_000,
        description: 'At most so many.',
      }),
    ),
  }),
  answer: Type.Object({
    stored: count('Stored as readings now.'),
    duplicates: count('Stored already.'),
    refused: count('Refused again; they stay kept.'),
    skipped: count('Not tried.'),
    problems: Type.Array(ReplayResult, { description: 'Those refused or not tried, the first hundred.' }),
  }),
  handler: async ({ body, tenant, actor, services }) => {
    const device =
      body.device_id === undefined ? undefined : services.registry.device(tenant.tenantId, body.device_id);
    const report = await services.deadLetters.replayMatching(
      tenant.tenantId,
      {
        ...(body.reason === undefined ? {} : { reason: body.reason }),
        ...(device === undefined ? {} : { deviceNo: device.deviceNo }),
      },
      body.limit ?? 1_000,
      auditName(actor),
    );
    const problems = report.problems.map(({ deadLetterId, outcome, detail }) => {
      return { id: String(deadLetterId), outcome, detail };
    });
    return { ...report, problems };
  },
});

export const discardDeadLetter = defineRoute({
  method: 'POST',
  url: '/v1/dead-letters/:id/discard',
  operationId: 'discard-dead-letter',
  summary: 'Let a kept dead letter go: its payload is removed, the rest stays with who, when and why.',
  group: 'Record',
  permission: 'dead-letters:write',
  params,
  body: strict({ why: Type.String({ minLength: 1, maxLength: 500, description: 'For the record.' }) }),
  handler: async ({ params, body, tenant, actor, services }) => {
    await services.deadLetters.discard(tenant.tenantId, readId(params.id), auditName(actor), body.why);
    return undefined;
  },
});
