import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { transport } from './client';
import type {
  AssetNode,
  Completeness,
  DeadLetter,
  Device,
  DeviceDetail,
  Gap,
  Page,
  PlatformEvent,
  Series,
  Session,
  Summary,
  Telemetry,
} from './types';

const get = <T>(path: string, signal: AbortSignal, query?: Record<string, string | number | undefined>) =>
  transport.request<T>({ method: 'GET', path, signal, ...(query === undefined ? {} : { query }) });

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) => get<Session>('/v1/session', signal),
  staleTime: 60_000,
});

export const summaryQuery = queryOptions({
  queryKey: ['summary'],
  queryFn: ({ signal }) => get<Summary>('/v1/fleet/summary', signal),
  refetchInterval: 5_000,
});

export const assetsQuery = queryOptions({
  queryKey: ['assets'],
  queryFn: ({ signal }) => get<{ root: AssetNode }>('/v1/assets', signal),
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

const pageSize = 200;

export const devicesQuery = (filter: DeviceFilter) =>
  infiniteQueryOptions({
    queryKey: ['devices', filter],
    queryFn: ({ signal, pageParam }) =>
      get<Page<Device>>('/v1/devices', signal, { ...filter, limit: pageSize, cursor: pageParam }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    // Short lists are kept fresh row by row; long ones by the stream, with a slow full pass.
    refetchInterval: (query) => ((query.state.data?.pages.length ?? 0) > 2 ? 60_000 : 5_000),
    placeholderData: (previous) => previous,
  });

export const deviceQuery = (deviceId: string) =>
  queryOptions({
    queryKey: ['device', deviceId],
    queryFn: ({ signal }) => get<DeviceDetail>(`/v1/devices/${encodeURIComponent(deviceId)}`, signal),
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

export async function fetchHistory(question: HistoryQuestion, signal: AbortSignal): Promise<Telemetry> {
  const answer = await get<Telemetry>(
    `/v1/devices/${encodeURIComponent(question.deviceId)}/telemetry`,
    signal,
    {
      tags: question.tags.join(','),
      from: new Date(question.from).toISOString(),
      to: new Date(question.to).toISOString(),
      interval: question.interval,
      quality: question.quality,
      max_points: question.maxPoints,
    },
  );
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

export const gapsQuery = (deviceId: string) =>
  queryOptions({
    queryKey: ['gaps', deviceId],
    queryFn: ({ signal }) =>
      get<Page<Gap>>(`/v1/devices/${encodeURIComponent(deviceId)}/gaps`, signal, { limit: 200 }),
    refetchInterval: 10_000,
  });

export async function fetchCompleteness(deviceId: string, from: number, to: number, signal: AbortSignal) {
  return get<Completeness>(`/v1/devices/${encodeURIComponent(deviceId)}/completeness`, signal, {
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
  });
}

export const deadLettersQuery = infiniteQueryOptions({
  queryKey: ['dead-letters'],
  queryFn: ({ signal, pageParam }) =>
    get<Page<DeadLetter>>('/v1/dead-letters', signal, { limit: pageSize, cursor: pageParam }),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (last) => last.next_cursor ?? undefined,
  refetchInterval: 10_000,
});

export const deadLetterQuery = (id: string) =>
  queryOptions({
    queryKey: ['dead-letter', id],
    queryFn: ({ signal }) => get<DeadLetter>(`/v1/dead-letters/${encodeURIComponent(id)}`, signal),
  });

export const eventsQuery = (deviceId: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ['events', deviceId],
    queryFn: ({ signal, pageParam }) =>
      get<Page<PlatformEvent>>('/v1/events', signal, {
        device_id: deviceId,
        limit: pageSize,
        cursor: pageParam,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: 10_000,
  });
