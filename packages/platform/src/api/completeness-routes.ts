import { type Static, Type } from 'typebox';
import { type Counts, completenessOf } from '../ledger/index.js';
import { pageOf } from '../registry/model.js';
import { defineRoute } from './route.js';
import {
  CompletenessTotals,
  cursorQuery,
  DeviceCompleteness,
  named,
  pageSchema,
  rangeQuery,
  strict,
} from './schemas.js';
import { isoAt, readRange } from './times.js';

const sorts = [
  'completeness',
  'device_id',
  'title',
  'device_type',
  'site',
  'expected',
  'stored',
  'missing',
  'dead_lettered',
  'lost',
  'duplicates_refused',
] as const;

const filter = (description: string) => Type.Optional(Type.String({ maxLength: 64, description }));

export const listCompleteness = defineRoute({
  method: 'GET',
  url: '/v1/completeness',
  operationId: 'list-completeness',
  summary: 'The account of every device in a range, worst first, with totals.',
  group: 'Record',
  permission: 'fleet:read',
  query: strict({
    ...rangeQuery,
    ...cursorQuery,
    q: filter('Text within id, title or type.'),
    site: filter('Site.'),
    only: Type.Optional(
      Type.Enum(['incomplete', 'silent'], {
        description: 'incomplete: with numbers missing or lost. silent: without any number in this time.',
      }),
    ),
    sort: Type.Optional(
      Type.Enum([...sorts, ...sorts.map((name) => `-${name}`)], {
        default: 'completeness',
        description: 'Member to sort by; `-` = descending. Devices that sent nothing are the most complete.',
      }),
    ),
  }),
  answer: Type.Object({
    from: Type.String({ format: 'date-time', description: 'Start, inclusive.' }),
    to: Type.String({ format: 'date-time', description: 'End, exclusive.' }),
    totals: named(CompletenessTotals),
    ...pageSchema(DeviceCompleteness).properties,
  }),
  handler: async ({ query, tenant, services }) => {
    const { fromMs, toMs } = readRange(query);
    const { directory } = services.registry;
    const counts = await services.ledger.fleet(tenant.tenantId, fromMs, toMs, services.clock.nowMs());
    const text = query.q?.toLowerCase() ?? '';
    const rows = counts.flatMap(({ deviceNo, ...figures }) => {
      const device = directory.byNo(deviceNo);
      if (device === undefined || (query.site !== undefined && device.site !== query.site)) return [];
      const { deviceId, title, deviceType, site, area, line } = device;
      if (!`${deviceId} ${title} ${deviceType}`.toLowerCase().includes(text)) return [];
      if (query.only === 'incomplete' && figures.missing + figures.lost === 0) return [];
      if (query.only === 'silent' && figures.expected > 0) return [];
      return [{ device_id: deviceId, title, device_type: deviceType, site, area, line, ...shown(figures) }];
    });
    const page = pageOf(
      rows,
      {
        sort: (query.sort as string | undefined) ?? 'completeness',
        limit: query.limit ?? 100,
        cursor: query.cursor,
      },
      // Where nothing was expected there is nothing to prove: such devices stand behind the complete ones.
      (row, member) => row[member as keyof Row] ?? 2,
      (row) => row.device_id,
    );
    return { from: isoAt(fromMs), to: isoAt(toMs), totals: totalsOf(rows), ...page };
  },
});

type Row = Static<typeof DeviceCompleteness>;

function shown(counts: Counts) {
  return {
    expected: counts.expected,
    stored: counts.stored,
    missing: counts.missing,
    dead_lettered: counts.deadLettered,
    lost: counts.lost,
    duplicates_refused: counts.duplicatesRefused,
    completeness: completenessOf(counts),
  };
}

function totalsOf(rows: readonly Row[]) {
  const sum = (read: (row: Row) => number) => rows.reduce((all, row) => all + read(row), 0);
  return {
    devices: rows.length,
    reporting: sum((row) => (row.expected > 0 ? 1 : 0)),
    incomplete: sum((row) => (row.missing + row.lost > 0 ? 1 : 0)),
    ...shown({
      expected: sum((row) => row.expected),
      stored: sum((row) => row.stored),
      missing: sum((row) => row.missing),
      deadLettered: sum((row) => row.dead_lettered),
      lost: sum((row) => row.lost),
      duplicatesRefused: sum((row) => row.duplicates_refused),
    }),
  };
}
