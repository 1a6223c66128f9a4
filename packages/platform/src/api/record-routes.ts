import { MillraceError } from '@millrace/foundation';
import { Type } from 'typebox';
import type { GapPlace } from '../ledger/index.js';
import { defineRoute } from './route.js';
import {
  Completeness,
  cursorQuery,
  deviceIdParams,
  Event,
  Gap,
  named,
  pageSchema,
  rangeQuery,
  strict,
} from './schemas.js';
import { idPage, iso, isoAt, readIdCursor, readRange, readTime } from './times.js';

export const getGaps = defineRoute({
  method: 'GET',
  url: '/v1/devices/:device_id/gaps',
  operationId: 'list-gaps',
  summary: 'Gaps and silences of a device with their causes, newest first.',
  group: 'Record',
  permission: 'fleet:read',
  params: deviceIdParams,
  query: strict({
    from: Type.Optional(rangeQuery.from),
    to: Type.Optional(rangeQuery.to),
    ...cursorQuery,
  }),
  answer: pageSchema(Gap),
  handler: async ({ params, query, tenant, services }) => {
    const device = services.registry.device(tenant.tenantId, params.device_id);
    const limit = query.limit ?? 100;
    const after = readGapPlace(query.cursor);
    const rows = await services.ledger.gaps(tenant.tenantId, device.deviceNo, {
      ...(query.from === undefined ? {} : { fromMs: readTime('from', query.from) }),
      ...(query.to === undefined ? {} : { toMs: readTime('to', query.to) }),
      limit: limit + 1,
      newestFirst: after === undefined ? {} : { after },
    });
    const newest = rows.slice(0, limit);
    const last = newest.at(-1);
    const more = rows.length > limit;
    return {
      items: newest.map((gap) => ({
        kind: gap.kind,
        from_seq: gap.fromSeq,
        to_seq: gap.toSeq,
        missing: gap.missing,
        from: isoAt(gap.fromTs),
        to: iso(gap.toTs),
        cause: gap.cause,
        evidence: gap.evidence,
        opened_at: isoAt(gap.openedAt),
        closed_at: iso(gap.closedAt),
      })),
      next_cursor: more && last !== undefined ? `g${last.fromTs}.${last.gapId}` : null,
      has_more: more,
    };
  },
});

/** Where the page before ended. Throws `invalid_argument` for a cursor of another list. */
function readGapPlace(cursor: string | undefined): GapPlace | undefined {
  if (cursor === undefined) return undefined;
  const [, fromTs, gapId] = /^g(\d{1,15})\.(\d{1,15})$/.exec(cursor) ?? [];
  if (fromTs === undefined || gapId === undefined)
    throw new MillraceError(
      'invalid_argument',
      'cursor does not belong to this list: ask again without it, and pass next_cursor on unchanged.',
    );
  return { fromTs: Number(fromTs), gapId: Number(gapId) };
}

export const getCompleteness = defineRoute({
  method: 'GET',
  url: '/v1/devices/:device_id/completeness',
  operationId: 'get-completeness',
  summary: 'The account of every numbered message of a device in a range.',
  group: 'Record',
  permission: 'fleet:read',
  params: deviceIdParams,
  query: strict(rangeQuery),
  answer: named(Completeness),
  handler: async ({ params, query, tenant, services }) => {
    const device = services.registry.device(tenant.tenantId, params.device_id);
    const { fromMs, toMs } = readRange(query);
    const report = await services.ledger.completeness(tenant.tenantId, device.deviceNo, fromMs, toMs);
    return {
      expected: report.expected,
      stored: report.stored,
      missing: report.missing,
      dead_lettered: report.deadLettered,
      lost: report.lost,
      duplicates_refused: report.duplicatesRefused,
      ranges: report.ranges.map(({ fate, epoch, fromSeq, toSeq }) => ({
        kind: fate,
        epoch,
        from_seq: fromSeq,
        to_seq: toSeq,
      })),
      ranges_truncated: report.rangesTruncated,
      numberings: report.numberings.map(({ epoch, firstSeq, lastSeq, stored }) => ({
        epoch,
        from_seq: firstSeq,
        to_seq: lastSeq,
        stored,
      })),
    };
  },
});

export const listEvents = defineRoute({
  method: 'GET',
  url: '/v1/events',
  operationId: 'list-events',
  summary: 'What devices, gateways and the platform said of themselves, newest first.',
  group: 'Record',
  permission: 'fleet:read',
  query: strict({
    ...cursorQuery,
    device_id: Type.Optional(
      Type.String({ maxLength: 64, description: "Only this device's, and the platform's own." }),
    ),
    from: Type.Optional(rangeQuery.from),
    to: Type.Optional(rangeQuery.to),
  }),
  answer: pageSchema(Event),
  handler: async ({ query, tenant, services }) => {
    const limit = query.limit ?? 100;
    const beforeId = readIdCursor(query.cursor);
    const { directory } = services.registry;
    const device =
      query.device_id === undefined ? undefined : services.registry.device(tenant.tenantId, query.device_id);
    const rows = await services.events.list(tenant.tenantId, {
      limit: limit + 1,
      ...(beforeId === undefined ? {} : { beforeId }),
      ...(device === undefined ? {} : { deviceNo: device.deviceNo }),
      ...(query.from === undefined ? {} : { fromMs: readTime('from', query.from) }),
      ...(query.to === undefined ? {} : { toMs: readTime('to', query.to) }),
    });
    return idPage(
      rows,
      limit,
      (row) => row.eventId,
      (row) => ({
        id: String(row.eventId),
        ts: isoAt(row.ts),
        received_at: isoAt(row.receivedAt),
        device_id: row.deviceNo === null ? null : (directory.byNo(row.deviceNo)?.deviceId ?? null),
        source: row.source,
        type: row.type,
        event: row.body,
      }),
    );
  },
});
