import type { ListCompletenessQuery, ListDevicesQuery } from '@millrace/client';
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { now } from '../lib/clock';
import { isFixed, type RangeSearch, rangeEnds } from '../lib/range';
import { api } from './client';
import type { DeviceDetail, Series } from './types';

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) => api.getSession({ signal }),
  staleTime: 60_000,
});

export const summaryQuery = queryOptions({
  queryKey: ['summary'],
  queryFn: ({ signal }) => api.getFleetSummary({ signal }),
  refetchInterval: 5_000,
});

export const assetsQuery = queryOptions({
  queryKey: ['assets'],
  queryFn: ({ signal }) => api.getAssets({ signal }),
  refetchInterval: 10_000,
});

/** What a device list is narrowed and ordered by; all of it is decided by the server. */
export interface DeviceFilter {
  readonly q?: string | undefined;
  readonly state?: string | undefined;
  readonly type?: string | undefined;
  readonly site?: string | undefined;
  readonly area?: string | undefined;
  readonly line?: string | undefined;
  readonly sort?: string | undefined;
}

/** The filter as the API takes it. A word in the URL that it does not know is answered with what is wrong. */
export const listQuery = (filter: DeviceFilter) => filter as ListDevicesQuery;

const pageSize = 200;

export const devicesQuery = (filter: DeviceFilter) =>
  infiniteQueryOptions({
    queryKey: ['devices', filter],
    queryFn: ({ signal, pageParam }) =>
      api.listDevices({ ...listQuery(filter), limit: pageSize, cursor: pageParam }, { signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    // Short lists are kept fresh row by row; long ones by the stream, with a slow full pass.
    refetchInterval: (query) => ((query.state.data?.pages.length ?? 0) > 2 ? 60_000 : 5_000),
    placeholderData: (previous) => previous,
  });

export const deviceQuery = (deviceId: string) =>
  queryOptions({
    queryKey: ['device', deviceId],
    // The contract's ranges are pairs, which the description of the API states as a length.
    queryFn: async ({ signal }) => (await api.getDevice(deviceId, { signal })) as DeviceDetail,
    refetchInterval: 10_000,
  });

/** A question for a device's history; times in ms. */
export interface HistoryQuestion {
  readonly deviceId: string;
  readonly tags: readonly string[];
  readonly from: number;
  readonly to: number;
  readonly interval: string;
  readonly quality: 'any' | 'good';
  readonly maxPoints: number;
}

export async function fetchHistory(question: HistoryQuestion, signal: AbortSignal) {
  const query = {
    tags: question.tags.join(','),
    from: new Date(question.from).toISOString(),
    to: new Date(question.to).toISOString(),
    interval: question.interval,
    quality: question.quality,
    max_points: question.maxPoints,
  };
  const answer = await api.getTelemetry(question.deviceId, query, { signal });
  return { ...answer, series: answer.series.map(carriedOnly) };
}

/** Leaves out the rows of messages that did not carry the tag: they say nothing of it and must not lift the pen. */
export function carriedOnly(series: Series): Series {
  const { t, v, q } = series;
  if (!q?.includes(null)) return series;
  const kept = t.flatMap((_, i) => (q[i] === null ? [] : [i]));
  return {
    ...series,
    t: kept.map((i) => t[i]!),
    v: kept.map((i) => v?.[i] ?? null),
    q: kept.map((i) => q[i]!),
  };
}

/** A device's gaps and silences, newest first; of a range only when one is given. */
export const gapsQuery = (deviceId: string, range?: RangeSearch) =>
  infiniteQueryOptions({
    queryKey: ['gaps', deviceId, range],
    queryFn: ({ signal, pageParam }) =>
      api.listGaps(
        deviceId,
        { limit: pageSize, cursor: pageParam, ...(range ? isoEnds(range) : {}) },
        { signal },
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    placeholderData: (previous) => previous,
    refetchInterval: range && isFixed(range) ? false : 10_000,
  });

function isoEnds(range: RangeSearch): { from: string; to: string } {
  const { from, to } = rangeEnds(range, now());
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
}

/** What the fleet's record is narrowed and ordered by; all of it is decided by the server. */
export interface RecordFilter {
  readonly q?: string | undefined;
  readonly site?: string | undefined;
  readonly only?: string | undefined;
  readonly sort?: string | undefined;
}

interface RecordPage {
  readonly from: string;
  readonly to: string;
  readonly cursor: string;
}

/** The fleet's record; every page of one answer has the same ends of time. */
export const recordQuery = (filter: RecordFilter, range: RangeSearch) =>
  infiniteQueryOptions({
    queryKey: ['record', filter, range],
    queryFn: ({ signal, pageParam }) =>
      api.listCompleteness(
        { ...(filter as object), limit: pageSize, ...(pageParam ?? isoEnds(range)) } as ListCompletenessQuery,
        { signal },
      ),
    initialPageParam: undefined as RecordPage | undefined,
    getNextPageParam: ({ from, to, next_cursor }) =>
      next_cursor === null ? undefined : { from, to, cursor: next_cursor },
    placeholderData: (previous) => previous,
    refetchInterval: isFixed(range) ? false : 15_000,
  });

/** All of the fleet's record, for a file or a printed statement; at most `rowsMax` rows. */
export async function fetchRecord(filter: RecordFilter, range: RangeSearch, rowsMax: number) {
  const ends = isoEnds(range);
  const query = { ...(filter as object), ...ends, limit: 1000 } as ListCompletenessQuery;
  const first = await api.listCompleteness(query);
  const items = [...first.items];
  let cursor = first.next_cursor;
  while (cursor !== null && items.length < rowsMax) {
    const page = await api.listCompleteness({ ...query, cursor });
    items.push(...page.items);
    cursor = page.next_cursor;
  }
  return { ...first, items, has_more: cursor !== null };
}

/** The account of one device with the ends of time that it is of. */
export const deviceRecordQuery = (deviceId: string, range: RangeSearch) =>
  queryOptions({
    queryKey: ['record-of', deviceId, range],
    queryFn: async ({ signal }) => {
      const ends = isoEnds(range);
      return { ...ends, ...(await api.getCompleteness(deviceId, ends, { signal })) };
    },
    placeholderData: (previous) => previous,
    refetchInterval: isFixed(range) ? false : 15_000,
  });

export function fetchCompleteness(deviceId: string, from: number, to: number, signal: AbortSignal) {
  const query = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
  return api.getCompleteness(deviceId, query, { signal });
}

export const deadLettersQuery = infiniteQueryOptions({
  queryKey: ['dead-letters'],
  queryFn: ({ signal, pageParam }) => api.listDeadLetters({ limit: pageSize, cursor: pageParam }, { signal }),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (last) => last.next_cursor ?? undefined,
  refetchInterval: 10_000,
});

export const deadLetterQuery = (id: string) =>
  queryOptions({
    queryKey: ['dead-letter', id],
    queryFn: ({ signal }) => api.getDeadLetter(id, { signal }),
  });

export const eventsQuery = (deviceId: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ['events', deviceId],
    queryFn: ({ signal, pageParam }) =>
      api.listEvents({ device_id: deviceId, limit: pageSize, cursor: pageParam }, { signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: 10_000,
  });
