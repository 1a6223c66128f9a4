import { Type } from 'typebox';
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

/** Gaps told with one answer. */
const gapsMax = 1_000;

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
    limit: cursorQuery.limit,
  }),
  answer: pageSchema(Gap),
  handler: async ({ params, query, tenant, services }) => {
    const device = services.registry.device(tenant.tenantId, params.device_id);
    const rows = await services.ledger.gaps(tenant.tenantId, device.deviceNo, {
      ...(query.from === undefined ? {} : { fromMs: readTime('from', query.from) }),
      ...(query.to === undefined ? {} : { toMs: readTime('to', query.to) }),
      limit: gapsMax,
    });
    const newest = rows.reverse().slice(0, query.limit ?? 100);
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
      next_cursor: null,
      has_more: rows.length > newest.length,
    };
  },
});

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
