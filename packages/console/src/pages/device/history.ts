import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useSearch } from '@tanstack/react-router';
import { fetchCompleteness, fetchHistory } from '../../api/queries';
import { now } from '../../lib/clock';
import { isFixed, type RangeSearch, rangeEnds, rangeMs } from '../../lib/range';

/** How long an answer stays good: about one pixel column, between 2 s and a minute; for ever when the range is fixed. */
function refreshMs(range: RangeSearch): number | false {
  return isFixed(range) ? false : Math.min(60_000, Math.max(2_000, rangeMs(range) / 400));
}

/** A device's history for the page's range, with the ends that were asked for. */
export function useHistory(deviceId: string, tags: readonly string[], maxPoints = 600) {
  const search = useSearch({ from: '/app/devices/$deviceId' });
  const range: RangeSearch = { range: search.range, from: search.from, to: search.to };
  const interval = search.interval ?? 'auto';
  const quality = search.quality ?? 'any';
  return useQuery({
    queryKey: ['history', deviceId, tags, range, interval, quality, maxPoints],
    queryFn: async ({ signal }) => {
      const { from, to } = rangeEnds(range, now());
      const question = { deviceId, tags, from, to, interval, quality, maxPoints } as const;
      return { from, to, answer: await fetchHistory(question, signal) };
    },
    enabled: tags.length > 0,
    placeholderData: keepPreviousData,
    refetchInterval: refreshMs(range),
  });
}

/** The last ten minutes of some tags, for the little trends beside the values. */
export function useTrends(deviceId: string, tags: readonly string[]) {
  return useQuery({
    queryKey: ['trends', deviceId, tags],
    queryFn: async ({ signal }) => {
      const to = now();
      const from = to - trendMs;
      return fetchHistory(
        { deviceId, tags, from, to, interval: 'auto', quality: 'any', maxPoints: 120 },
        signal,
      );
    },
    enabled: tags.length > 0,
    refetchInterval: 30_000,
  });
}

export const trendMs = 600_000;

/** How much of what a device numbered in the range is stored. */
export function useCompleteness(deviceId: string) {
  const search = useSearch({ from: '/app/devices/$deviceId' });
  const range: RangeSearch = { range: search.range, from: search.from, to: search.to };
  return useQuery({
    queryKey: ['completeness', deviceId, range],
    queryFn: ({ signal }) => {
      const { from, to } = rangeEnds(range, now());
      return fetchCompleteness(deviceId, from, to, signal);
    },
    placeholderData: keepPreviousData,
    refetchInterval: isFixed(range) ? false : 15_000,
  });
}
